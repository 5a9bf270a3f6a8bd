# ruff: noqa: FBT001, FBT002, PLR0913, PLR0917 - the signatures are StackStorm's
"""The worker's side of StackStorm's Python actions: a stand-in for the part of st2common that they derive from.

It imports nothing but the standard library and the worker's line to its daemon. Its modules exist in workers alone.
"""

import json
import logging
import os
from dataclasses import asdict, is_dataclass
from datetime import date, time
from enum import Enum
from typing import Any
from uuid import UUID

from stretto.actors.workers import line


class KeyValueStoreError(Exception):
    """The engine has refused a request to its key-value store."""


class KeyValuePair:
    """A key of a list."""

    def __init__(self, name: str, value: str | None, secret: bool) -> None:
        self.name = name
        self.value = value
        self.secret = secret


class ActionService:
    """The questions that an action can ask the engine in mid-call.

    Args:
        namespace: What precedes the names of the action's own keys: its pack and class.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def get_user_info(self) -> Any:
        """Return {username, authentication, rbac}, as StackStorm does without roles. The user is "" if unknown."""
        username = _ask("get_user")
        rbac = {"enabled": False, "roles": [], "is_admin": False}
        return {"username": username, "authentication": {"method": None, "location": None}, "rbac": rbac}

    def list_values(self, local: bool = True, prefix: str | None = None) -> Any:
        """Return the keys whose names begin with a prefix. Values of secret ones are None."""
        found = _ask("list_values", prefix=self._full(prefix or "", local))
        return [KeyValuePair(each["name"], each["value"], each["secret"]) for each in found]

    def get_value(
        self,
        name: str,
        local: bool = True,
        scope: str | None = None,
        decrypt: bool = False,
    ) -> Any:
        """Return a value, or None."""
        return _ask("get_value", name=self._full(name, local), scope=scope, decrypt=decrypt)

    def set_value(
        self,
        name: str,
        value: Any,
        ttl: int | None = None,
        local: bool = True,
        scope: str | None = None,
        encrypt: bool = False,
    ) -> Any:
        """Set a value, which is kept as text, for `ttl` seconds."""
        full = self._full(name, local)
        return _ask("set_value", name=full, value=str(value), ttl=ttl, scope=scope, encrypt=encrypt)

    def delete_value(self, name: str, local: bool = True, scope: str | None = None) -> Any:
        """Delete a value. Return whether it was there."""
        return _ask("delete_value", name=self._full(name, local), scope=scope)

    def _full(self, name: str, local: bool) -> str:
        return f"{self._namespace}:{name}" if local else name


class Action:
    """The base class of StackStorm's Python actions."""

    description: Any = None

    def __init__(self, config: Any = None, action_service: Any = None) -> None:
        self.config = config or {}
        self.action_service = action_service
        self.logger = logging.getLogger(f"st2.actions.python.{type(self).__name__}")
        self.logger.setLevel(logging.DEBUG)

    def run(self, **kwargs: Any) -> Any:
        """Run the action."""
        raise NotImplementedError


def call_action(found: Any, config: Any, parameters: dict[str, Any]) -> tuple[bool, Any]:
    """Run an action of a class. Return whether it has succeeded, and its result."""
    service = ActionService(f"{os.environ['ST2_ACTION_PACK_NAME']}.{found.__name__}")
    try:
        made = found(config=config, action_service=service)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        # An older class, whose __init__ takes the configuration alone.
        made = found(config)
        made.action_service = service
    result = made.run(**parameters)
    if not isinstance(result, tuple) or len(result) != 2:
        return True, result
    status, value = result
    if status is not None and not isinstance(status, bool):
        raise TypeError(f"the first of the two values that run() returns must be True or False, got {status!r}")
    return status is not False, value


def plain(value: Any) -> Any:
    """Return a result that is not JSON-like data as StackStorm does: what has no form in JSON makes it a text."""
    try:
        text = json.dumps(value, default=_form_of)
    except (TypeError, ValueError, RecursionError):
        return str(value)
    return json.loads(text, parse_constant=lambda _not_a_number: None)


def _form_of(value: Any) -> Any:
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError


def _ask(request: str, **values: Any) -> Any:
    reply = json.loads(bytes(line().ask(json.dumps({"request": request, **values}).encode())))
    if "error" in reply:
        raise KeyValueStoreError(f"{request}: {reply['error']}")
    return reply["result"]
