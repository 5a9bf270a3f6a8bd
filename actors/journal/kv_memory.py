"""The key-value store of an engine without a store: it is lost when the engine ends."""

from itertools import count

import msgspec

from stretto.actors.journal.kv import (
    UNCOUNTED_SCOPE,
    KeyChange,
    KeyPlace,
    PutKey,
    StoredKey,
    check_room,
    check_version,
    unknown_key_error,
)


class MemoryKeys:
    """Keeps keys in memory, with the rules of the table. Its owner locks it."""

    def __init__(self) -> None:
        self._keys: dict[KeyPlace, StoredKey] = {}
        self._versions = count(1)

    def apply(self, change: KeyChange) -> StoredKey:
        """Make a change. Returns and raises as `KeyWriter.apply` does."""
        if isinstance(change, PutKey):
            return self._put(change)
        self._forget_expired(change.at)
        found = self._keys.get(change.place)
        if found is None:
            raise unknown_key_error(change.place)
        check_version(change.place, found.version, change.expected)
        del self._keys[change.place]
        return msgspec.structs.replace(found, value=None)

    def _put(self, change: PutKey) -> StoredKey:
        key = change.key
        self._forget_expired(key.set_at)
        found = self._keys.get(key.place)
        check_version(key.place, None if found is None else found.version, change.expected)
        others = [each for each in self._keys.values() if each is not found and each.place.scope != UNCOUNTED_SCOPE]
        check_room(change, len(others), sum(each.size for each in others))
        stored = msgspec.structs.replace(key, version=next(self._versions))
        self._keys[key.place] = stored
        return stored

    def _forget_expired(self, now: float) -> None:
        self._keys = {place: key for place, key in self._keys.items() if not key.has_expired(now)}
