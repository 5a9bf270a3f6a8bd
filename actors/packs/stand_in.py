# ruff: noqa: FBT001, FBT002, PLR0913, PLR0917 - the signatures are StackStorm's
"""The worker's side of StackStorm's Python actions: a stand-in for the part of st2common that they derive from.

It imports nothing but the standard library and the worker's line to its daemon. Its modules exist in workers alone.
"""

import json
import logging
import sys
from types import ModuleType
from typing import Any, Final

from stretto.actors.workers import line

_MODULES: Final = {
    "st2common.runners.base_action": ("Action",),
    "st2actions.runners.pythonrunner": ("Action",),
}
"""The modules from which actions import `Action`, the older one last."""


class KeyValueStoreError(Exception):
    """The engine has no key-value store for actions, or has refused a request to it."""


class ActionService:
    """The questions that an action can ask the engine in mid-call."""

    def get_user_info(self) -> Any:
        """Return who has started the action."""
        return _ask("get_user_info")

    def list_values(self, local: bool = True, prefix: str | None = None) -> Any:
        """Return the pack's values whose names begin with a prefix."""
        return _ask("list_values", local=local, prefix=prefix)

    def get_value(
        self,
        name: str,
        local: bool = True,
        scope: str | None = None,
        decrypt: bool = False,
    ) -> Any:
        """Return a value, or None."""
        return _ask("get_value", name=name, local=local, scope=scope, decrypt=decrypt)

    def set_value(
        self,
        name: str,
        value: Any,
        ttl: int | None = None,
        local: bool = True,
        scope: str | None = None,
        encrypt: bool = False,
    ) -> Any:
        """Set a value."""
        return _ask("set_value", name=name, value=value, ttl=ttl, local=local, scope=scope, encrypt=encrypt)

    def delete_value(self, name: str, local: bool = True, scope: str | None = None) -> Any:
        """Delete a value."""
        return _ask("delete_value", name=name, local=local, scope=scope)


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


def provide() -> None:
    """Make the stand-in importable under StackStorm's names."""
    for name, members in _MODULES.items():
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            full = ".".join(parts[:count])
            module = sys.modules.get(full)
            if module is None:
                module = sys.modules[full] = ModuleType(full)
                module.__path__ = []
            if count > 1:
                setattr(sys.modules[".".join(parts[: count - 1])], parts[count - 1], module)
        for member in members:
            setattr(sys.modules[name], member, globals()[member])


def call_action(found: Any, config: Any, parameters: dict[str, Any]) -> tuple[bool, Any]:
    """Run an action of a class. Return whether it has succeeded, and its result."""
    try:
        made = found(config=config, action_service=ActionService())
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        # An older class, whose __init__ takes the configuration alone.
        made = found(config)
        made.action_service = ActionService()
    result = made.run(**parameters)
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], bool):
        return result
    return True, result


def _ask(request: str, **values: Any) -> Any:
    reply = json.loads(bytes(line().ask(json.dumps({"request": request, **values}).encode())))
    if "error" in reply:
        raise KeyValueStoreError(f"{request}: {reply['error']}")
    return reply["result"]
