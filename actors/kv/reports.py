"""The key-value store as people see it: keys as JSON, and pages of them. Secret values are masked."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from stretto.actors.journal import (
    DEFAULT_KEY_LIMITS,
    PAGE,
    SCOPES,
    InvalidCursor,
    KeyPlace,
    Reader,
    Requester,
    StoredKey,
    UnreadableRecord,
    time_as_json,
)
from stretto.actors.kv.held import KeySnapshot
from stretto.actors.kv.rules import InvalidKey, find_key, key_place, key_removal, new_key
from stretto.definitions.context import MASK

if TYPE_CHECKING:
    # The class itself would load the database libraries, which an engine without a store does not need.
    from stretto.actors.journal import Store

_PARTS: Final = 3
"""The parts of a cursor: scope, owner and name, of which none has a slash."""


def key_as_json(key: StoredKey) -> dict[str, Any]:
    """Return {scope, owner, name, secret, version, bytes, set_at, set_by, expires_at} of a key.

    The owner is None in the scope `system`. Times are texts.
    """
    return {
        "scope": key.place.scope,
        "owner": key.place.owner or None,
        "name": key.place.name,
        "secret": key.secret,
        "version": key.version,
        "bytes": key.size,
        "set_at": time_as_json(key.set_at),
        "set_by": key.set_by,
        "expires_at": time_as_json(key.expires_at),
    }


def key_with_value(key: StoredKey) -> dict[str, Any]:
    """Return a key as `key_as_json` does, with its `value`, masked if it is secret. Raises `UnreadableRecord`."""
    return {**key_as_json(key), "value": MASK if key.secret else clear_value(key)}


def clear_value(key: StoredKey) -> Any:
    """Return the value of a key, also of a secret one.

    Raises:
        UnreadableRecord: It cannot be decrypted.
    """
    if key.problem is not None:
        raise UnreadableRecord(f"the value of the key {key.place} cannot be read: {key.problem}")
    return key.value


def page_of_keys(  # noqa: PLR0913, PLR0917 - the fields of a query
    keys: KeySnapshot,
    now: float,
    scope: str | None = None,
    owner: str | None = None,
    prefix: str | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Return a page of keys without their values, by scope, owner and name. See `Engine.keys`.

    Raises:
        InvalidCursor: The cursor did not come from a page of keys.
        InvalidKey: There is no such scope.
    """
    if scope is not None and scope not in SCOPES:
        raise InvalidKey(f"the scope of keys must be {', '.join(SCOPES)}, got {scope[:100]!r}")
    after = None if cursor is None else _place_of(cursor)
    found = list(_matching(keys, now, scope, owner, prefix, after, limit + 1))
    page = found[:limit]
    return {
        "keys": [key_as_json(key) for key in page],
        "next": "/".join(page[-1].place) if len(found) > len(page) else None,
    }


def list_keys(  # noqa: PLR0913, PLR0917 - the fields of a query
    reader: Reader,
    scope: str | None = None,
    owner: str | None = None,
    prefix: str | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Return a page of a store's keys. See `page_of_keys`."""
    return page_of_keys(_all_of(reader), time.time(), scope, owner, prefix, cursor, limit)


def show_key(reader: Reader, name: str, scope: str = "system", owner: str | None = None) -> dict[str, Any]:
    """Return a key of a store with its value, masked if it is secret. Raises as `Engine.key` does."""
    return key_with_value(_found(reader, name, scope, owner))


def key_value(reader: Reader, name: str, scope: str = "system", owner: str | None = None) -> Any:
    """Return the value of a key of a store, in clear. Raises as `Engine.key_value` does."""
    return clear_value(_found(reader, name, scope, owner))


class OfflineKeys:
    """Changes the keys of a store that this process has opened for writing, without an engine.

    Args:
        store: The store.
        by: Who changes it, for the audit.
        now: Returns the seconds since the epoch.
    """

    def __init__(self, store: "Store", by: Requester, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._by = by
        self._now = now

    def set(  # noqa: PLR0913 - the parts of a key
        self,
        name: str,
        value: Any,
        scope: str,
        owner: str | None,
        *,
        secret: bool,
        lasts: float | None,
        version: int | None,
    ) -> dict[str, Any]:
        """Set a key, within the default bounds. Returns and raises as `Engine.set_key` does."""
        place, now = key_place(name, scope, owner), self._now()
        change = new_key(
            place, value, secret=secret, lasts=lasts, expected=version, now=now, by=self._by.who,
            limits=DEFAULT_KEY_LIMITS,
        )  # fmt: skip
        key = self._store.keys.apply(change, self._by.asks("set_key", str(place), now))
        return {**key_as_json(key), "durable": True}

    def delete(self, name: str, scope: str, owner: str | None, version: int | None) -> None:
        """Delete a key. Raises as `Engine.delete_key` does."""
        place, now = key_place(name, scope, owner), self._now()
        change = key_removal(_all_of(self._store.reader), place, version, now)
        self._store.keys.apply(change, self._by.asks("delete_key", str(place), now))


def _found(reader: Reader, name: str, scope: str, owner: str | None) -> StoredKey:
    return find_key(_all_of(reader), key_place(name, scope, owner), time.time())


def _all_of(reader: Reader) -> KeySnapshot:
    return KeySnapshot.of(reader.keys.all())


def _matching(  # noqa: PLR0913, PLR0917 - the fields of a query
    keys: KeySnapshot,
    now: float,
    scope: str | None,
    owner: str | None,
    prefix: str | None,
    after: KeyPlace | None,
    most: int,
) -> Iterator[StoredKey]:
    for key in keys.sorted(now):
        place = key.place
        if after is not None and place <= after:
            continue
        if place.scope not in SCOPES or scope not in {None, place.scope} or owner not in {None, place.owner}:
            continue
        if prefix is not None and not place.name.startswith(prefix):
            continue
        yield key
        most -= 1
        if not most:
            return


def _place_of(cursor: str) -> KeyPlace:
    parts = cursor.split("/")
    if len(parts) != _PARTS or parts[0] not in SCOPES:
        raise InvalidCursor(f"the cursor must come from a page of keys, got {cursor[:100]!r}")
    return KeyPlace(*parts)  # type: ignore[arg-type]  # the scope is checked
