# ruff: noqa: A001, FBT001, FBT002 - the signatures are StackStorm's
"""The worker's side of StackStorm's library: the few parts that actions import besides their base class.

It imports nothing but the standard library and its neighbours. Its modules exist in workers alone.
"""

import datetime as dt
import json
import logging
import sys
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Final

from stretto.actors.packs import stand_in

_Moment = dt.datetime


class KeyValuePair:
    """A key as StackStorm's client has it."""

    def __init__(self, **given: Any) -> None:
        self.name: str = given.get("name") or given.get("id") or ""
        self.id = self.name
        self.value = given.get("value")
        self.secret = bool(given.get("secret"))
        self.scope = given.get("scope")
        self.ttl = given.get("ttl")

    def serialize(self) -> dict[str, Any]:
        """Return the key as an object."""
        return {"name": self.name, "value": self.value, "secret": self.secret, "scope": self.scope, "ttl": self.ttl}


class Keys:
    """The keys of StackStorm's client, which are those of the engine. All requests are for keys of the scope system."""

    def __init__(self) -> None:
        self._service = stand_in.ActionService("")

    def get_by_name(self, name: str, **given: Any) -> KeyValuePair | None:
        """Return a key, or None. The value of a secret one needs `decrypt=True`."""
        asked = given.get("params") or {}
        decrypt = given.get("decrypt", asked.get("decrypt", False)) in {True, "true", "True"}
        scope = given.get("scope", asked.get("scope"))
        value = self._service.get_value(name, local=False, scope=scope, decrypt=decrypt)
        return None if value is None else KeyValuePair(name=name, value=value, scope="system")

    get_by_id = get_by_name

    def get_all(self, **given: Any) -> list[KeyValuePair]:
        """Return the keys whose names begin with `prefix`. Values of secret ones are None."""
        asked = given.get("params") or {}
        prefix = given.get("prefix") or asked.get("prefix") or ""
        found = self._service.list_values(local=False, prefix=prefix)
        return [KeyValuePair(name=each.name, value=each.value, secret=each.secret, scope="system") for each in found]

    query = get_all

    def update(self, instance: KeyValuePair, **_given: Any) -> KeyValuePair:
        """Set a key."""
        text = instance.value if isinstance(instance.value, str) else json.dumps(instance.value)
        self._service.set_value(
            instance.name, text, ttl=instance.ttl, local=False, scope=instance.scope, encrypt=instance.secret
        )
        return instance

    def delete(self, instance: KeyValuePair, **_given: Any) -> bool:
        """Delete a key. Return whether it was there."""
        return bool(self._service.delete_value(instance.name, local=False, scope=instance.scope))


class Client:
    """StackStorm's client, of which only the keys are there. It sends nothing to the URLs that it is given."""

    def __init__(self, *_urls: Any, **_options: Any) -> None:
        self.keys = Keys()

    def __getattr__(self, name: str) -> Any:
        message = f"Client.{name} is part of StackStorm; of its client, Stretto has `keys` only"
        raise AttributeError(message)


def format(moment: Any, usec: bool = True, offset: bool = True) -> str:
    """Return a moment as text of ISO 8601."""
    if isinstance(moment, str):
        moment = parse(moment)
    elif isinstance(moment, int):
        moment = _Moment.fromtimestamp(moment, dt.UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f" if usec else "%Y-%m-%dT%H:%M:%S")
    zone = moment.strftime("%z")
    if offset:
        return f"{text}{zone[:3]}:{zone[3:]}" if zone else f"{text}+00:00"
    name = moment.tzname() or "UTC"
    return f"{text}{'Z' if name == 'UTC' else name}"


def parse(value: str, preserve_original_tz: bool = False, **_given: Any) -> _Moment:
    """Return the moment of a text of ISO 8601, in UTC unless its own zone is to stay."""
    found = _Moment.fromisoformat(value)
    found = found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)
    return found if preserve_original_tz else found.astimezone(dt.UTC)


def validate(value: Any, raise_exception: bool = True) -> bool:
    """Return whether a value is a moment or the text of one."""
    try:
        return isinstance(value, _Moment) or _Moment.fromisoformat(value) is not None
    except (TypeError, ValueError):
        if raise_exception:
            raise ValueError("Datetime value does not match expected format.") from None
        return False


MODULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "st2common.runners.base_action": {"Action": stand_in.Action},
    "st2actions.runners.pythonrunner": {"Action": stand_in.Action},
    "st2common.log": {"getLogger": logging.getLogger},
    "st2common.util.isotime": {"format": format, "parse": parse, "validate": validate},
    "st2client.client": {"Client": Client},
    "st2client.models": {"KeyValuePair": KeyValuePair},
    "st2client.models.keyvalue": {"KeyValuePair": KeyValuePair},
}
"""StackStorm's modules that actions can import, with all that these have here."""


def provide(more: Mapping[str, Mapping[str, Any]] = MappingProxyType({})) -> None:
    """Make the stand-in importable under StackStorm's names, and more modules with what these have."""
    for name, members in (*MODULES.items(), *more.items()):
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            full = ".".join(parts[:count])
            module = sys.modules.get(full)
            if module is None:
                module = sys.modules[full] = ModuleType(full)
                module.__path__ = []
            if count > 1:
                setattr(sys.modules[".".join(parts[: count - 1])], parts[count - 1], module)
        for member, value in members.items():
            setattr(sys.modules[name], member, value)
