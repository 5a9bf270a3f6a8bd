"""All keys in memory, as of the last change that is durable, so that reading them waits for nothing."""

from collections.abc import Iterable

from immutables import Map

from stretto.actors.journal import KeyPlace, StoredKey


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


NO_KEYS = KeySnapshot(Map())


class HeldKeys:
    """The present snapshot, for reading on any thread. One thread replaces it, in the order of the commits.

    Attributes:
        snapshot: The keys as of the last change.
    """

    def __init__(self, snapshot: KeySnapshot = NO_KEYS) -> None:
        self.snapshot = snapshot

    def put(self, key: StoredKey) -> None:
        """Take over a key that was set."""
        self.snapshot = self.snapshot.with_key(key)

    def remove(self, key: StoredKey) -> None:
        """Take over that a key was deleted."""
        self.snapshot = self.snapshot.without(key.place)
