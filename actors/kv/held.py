"""All keys in memory, as of the last change that is durable, so that reading them waits for nothing."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from immutables import Map

from stretto.actors.journal import SCOPES, KeyPlace, StoredKey
from stretto.definitions.context import ReadKey

MAX_OWNER: Final = 128
"""Characters of the name of a user or a pack."""


class KeySnapshot:
    """All keys at one time. It never changes."""

    __slots__ = ("_keys",)

    def __init__(self, keys: "Map[KeyPlace, StoredKey]") -> None:
        self._keys = keys

    @classmethod
    def of(cls, keys: Iterable[StoredKey]) -> "KeySnapshot":
        """Return a snapshot of these keys."""
        return cls(Map({key.place: key for key in keys}))

    def find(self, place: KeyPlace, now: float) -> StoredKey | None:
        """Return a key, or None if it is not there or has expired at a time in seconds since the epoch."""
        found = self._keys.get(place)
        return None if found is None or found.has_expired(now) else found

    def has_owner(self, scope: str, owner: str) -> bool:
        """Return whether an owner has keys, also expired ones."""
        return any(place.scope == scope and place.owner == owner for place in self._keys)

    def sorted(self, now: float) -> list[StoredKey]:
        """Return all keys that have not expired at a time, by scope, owner and name."""
        live = (key for key in self._keys.values() if not key.has_expired(now))
        return sorted(live, key=lambda key: key.place)

    def with_key(self, key: StoredKey) -> "KeySnapshot":
        """Return a snapshot in which a key is set."""
        return KeySnapshot(self._keys.set(key.place, key))

    def without(self, place: KeyPlace) -> "KeySnapshot":
        """Return a snapshot in which a key is deleted."""
        return KeySnapshot(self._keys.delete(place)) if place in self._keys else self

    def without_expired(self, now: float) -> "KeySnapshot":
        """Return a snapshot without the keys that have expired at a time."""
        return KeySnapshot.of(key for key in self._keys.values() if not key.has_expired(now))

    def __len__(self) -> int:
        return len(self._keys)


NO_KEYS = KeySnapshot(Map())


class HeldKeys:
    """The present snapshot, for reading on any thread.

    One thread puts and removes, in the order of the commits. Another one may load all keys.

    Attributes:
        snapshot: The keys as of the last change.
    """

    def __init__(self, snapshot: KeySnapshot = NO_KEYS) -> None:
        self.snapshot = snapshot
        self.on_switch: Callable[[], object] = lambda: None
        """Called when a key of the engine's own may have changed, which disables a rule. On any thread."""
        self._lock = threading.Lock()
        self._meanwhile: dict[KeyPlace, StoredKey | None] | None = None
        """The changes since a load began, of which None is a removal. None if nothing is being loaded."""
        self._kept = len(snapshot)

    def read(self, place: str, at: float) -> ReadKey:
        """Return a key as an expression reads it at a time. It waits for nothing.

        Args:
            place: `system.NAME`, `user.OWNER.NAME` or `pack.OWNER.NAME`. If both have dots, it is the key of the
                shortest owner that has one.
            at: The time in seconds since the epoch.
        """
        snapshot = self.snapshot
        found = next(filter(None, (snapshot.find(each, at) for each in _places_of(place))), None)
        if found is None or found.problem is not None:
            return ReadKey(place, 0)
        return ReadKey(place, found.version, found.value, found.secret)

    def put(self, key: StoredKey) -> None:
        """Take over a key that was set. Those that have expired are dropped when the number has doubled."""
        with self._lock:
            self._note(key.place, key)
            self.snapshot = self.snapshot.with_key(key)
            if len(self.snapshot) > 2 * self._kept:
                self.snapshot = self.snapshot.without_expired(key.set_at)
                self._kept = len(self.snapshot)
        self._note_switch(key.place)

    def remove(self, key: StoredKey) -> None:
        """Take over that a key was deleted."""
        with self._lock:
            self._note(key.place, None)
            self.snapshot = self.snapshot.without(key.place)
        self._note_switch(key.place)

    def load(self, read: Callable[[], Iterable[StoredKey]]) -> None:
        """Take over all keys of the store, and the changes that are made while they are read.

        Args:
            read: Reads them. If it raises, nothing changes.
        """
        with self._lock:
            meanwhile = self._meanwhile = dict[KeyPlace, StoredKey | None]()
        try:
            loaded = KeySnapshot.of(read())
            with self._lock:
                for place, key in meanwhile.items():
                    loaded = loaded.without(place) if key is None else loaded.with_key(key)
                self.snapshot = loaded
        finally:
            self._meanwhile = None
        self.on_switch()

    def _note_switch(self, place: KeyPlace) -> None:
        if place.scope not in SCOPES:
            self.on_switch()

    def _note(self, place: KeyPlace, key: StoredKey | None) -> None:
        if self._meanwhile is not None:
            self._meanwhile[place] = key


def _places_of(text: str) -> Iterator[KeyPlace]:
    """Yield the places of keys with a text: several if the name of an owner may have dots."""
    scope = next((each for each in SCOPES if text.startswith(f"{each}.")), None)
    if scope is None:
        return
    rest = text.removeprefix(f"{scope}.")
    if scope == "system":
        yield KeyPlace(scope, "", rest)
        return
    dot = rest.find(".", 1, MAX_OWNER + 1)
    while dot > 0:
        yield KeyPlace(scope, rest[:dot], rest[dot + 1 :])
        dot = rest.find(".", dot + 1, MAX_OWNER + 1)
