"""Keys of the key-value store, made for tests."""

from typing import Any

from stretto.actors.journal.kv import DEFAULT_KEY_LIMITS, KeyLimits, KeyPlace, PutKey, StoredKey

PLACE = KeyPlace("system", "", "color")


def stored_key(place: KeyPlace = PLACE, value: Any = "red", **given: Any) -> StoredKey:
    """Return a key of which nothing is special."""
    usual = {"secret": False, "version": 0, "set_at": 100.0, "set_by": "mira", "expires_at": None, "size": 10}
    return StoredKey(place=place, value=value, **{**usual, **given})


def put(
    place: KeyPlace = PLACE, value: Any = "red", expected: int | None = None,
    limits: KeyLimits = DEFAULT_KEY_LIMITS, **given: Any,
) -> PutKey:  # fmt: skip
    """Return the change that sets such a key."""
    return PutKey(stored_key(place, value, **given), expected, limits)
