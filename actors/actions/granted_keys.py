"""The keys that processes of packs can read. An engine sets them for the event loop that runs the processes."""

import asyncio
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary


class GrantedKey(NamedTuple):
    """A key that a pack can read.

    Attributes:
        value: Its value, clear.
        secret: Whether it is encrypted in the store.
        set_at: When it was set, in seconds since the epoch.
    """

    value: Any
    secret: bool
    set_at: float


class PackKeys(Protocol):
    """The keys of all packs."""

    def has_any(self, pack: str) -> bool:
        """Return whether a pack has keys."""

    def find(self, pack: str, name: str) -> GrantedKey | None:
        """Return a pack's key, or None. Raises `StrettoError` if its value cannot be read."""


_keys: WeakKeyDictionary[asyncio.AbstractEventLoop, PackKeys] = WeakKeyDictionary()


def use_pack_keys(loop: asyncio.AbstractEventLoop, keys: PackKeys) -> None:
    """Set the keys for the processes of a loop."""
    _keys[loop] = keys


def pack_keys() -> PackKeys | None:
    """Return the keys for the processes of the running loop, or None."""
    return _keys.get(asyncio.get_running_loop())
