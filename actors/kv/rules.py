"""The rules of keys: of their scopes, owners, names, values and ends."""

import re
from typing import Any, Final

from stretto.actors.journal import (
    SCOPES,
    KeyLimits,
    KeyPlace,
    PutKey,
    RemoveKey,
    StoredKey,
    unknown_key_error,
)
from stretto.actors.kv.held import MAX_OWNER, KeySnapshot
from stretto.definitions.data import encode_json, freeze
from stretto.definitions.errors import LimitExceeded, NotData, StrettoError, names_there, nearest

MAX_NAME: Final = 256
"""Characters of a name."""
MAX_SECONDS: Final = 100 * 366 * 86_400.0
"""The longest time until a key expires: a hundred years."""

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]*", re.ASCII)


class InvalidKey(StrettoError):
    """A key cannot have this scope, owner, name, value or end."""

    code = "invalid_key"


def key_place(name: str, scope: str = "system", owner: str | None = None) -> KeyPlace:
    """Return where a key is found.

    Args:
        name: Its name.
        scope: `system`, `user` or `pack`.
        owner: The user or the pack, or None in the scope `system`.

    Raises:
        InvalidKey: There can be no such key.
    """
    if scope not in SCOPES:
        hint = nearest(scope, SCOPES)
        raise InvalidKey(
            f"the scope of a key must be {', '.join(SCOPES)}, got {scope[:100]!r}" + (f"; {hint}" if hint else "")
        )
    if (scope == "system") != (not owner):
        wanted = "must have no owner" if scope == "system" else f"must name its {scope} as its owner"
        raise InvalidKey(f"a key of the scope {scope!r} {wanted}, got {owner!r:.100}")
    _check(name, "name", MAX_NAME)
    if owner:
        _check(owner, "owner", MAX_OWNER)
    return KeyPlace(scope, owner or "", name)


def new_key(  # noqa: PLR0913 - the parts of a key
    place: KeyPlace,
    value: Any,
    *,
    secret: bool,
    lasts: float | None,
    expected: int | None,
    now: float,
    by: str | None,
    limits: KeyLimits,
) -> PutKey:
    """Return the change that sets a key.

    Args:
        place: Where it is found.
        value: Its value: anything like JSON but null.
        secret: Whether the value is encrypted and masked.
        lasts: The seconds until it expires. None is no limit.
        expected: The version that the key must have, 0 if it must not be there, or None for any.
        now: The time in seconds since the epoch.
        by: The token or user that sets it.
        limits: The bounds of the store.

    Raises:
        InvalidKey: The value is not data, or the end is out of range.
        LimitExceeded: The value is too large.
    """
    if value is None:
        raise InvalidKey(f"the value of the key {place} must not be null: delete the key instead")
    if lasts is not None and not 0 < lasts <= MAX_SECONDS:
        raise InvalidKey(
            f"a key must last more than 0 and at most {MAX_SECONDS:.0f} seconds (MAX_SECONDS), got {lasts:g}"
        )
    try:
        frozen = freeze(value)
        size = len(encode_json(frozen))
    except NotData as error:
        raise InvalidKey(f"the value of the key {place} cannot be kept: {error}") from None
    except UnicodeEncodeError:
        raise InvalidKey(f"the value of the key {place} must be text in UTF-8, got a lone surrogate") from None
    if size > limits.max_value_bytes:
        raise LimitExceeded(
            f"the value of the key {place} has {size:,} bytes as JSON, at most {limits.max_value_bytes:,} may be "
            "(kv.max_value_bytes)"
        )
    key = StoredKey(
        place=place, value=frozen, secret=secret, version=0, set_at=now, set_by=by,
        expires_at=None if lasts is None else now + lasts, size=size + len(place.name),
    )  # fmt: skip
    return PutKey(key, expected, limits)


def key_removal(keys: KeySnapshot, place: KeyPlace, expected: int | None, now: float) -> RemoveKey:
    """Return the change that deletes a key.

    Args:
        keys: The keys that are there.
        place: The key.
        expected: The version that it must have, or None for any.
        now: The time in seconds since the epoch.

    Raises:
        UnknownKey: There is no such key; the message has the nearest name.
    """
    find_key(keys, place, now)
    return RemoveKey(place, expected, now)


def find_key(keys: KeySnapshot, place: KeyPlace, now: float) -> StoredKey:
    """Return a key. Raises `UnknownKey` with the nearest name."""
    found = keys.find(place, now)
    if found is None:
        names = [each.place.name for each in keys.sorted(now) if each.place[:2] == place[:2]]
        raise unknown_key_error(place, nearest(place.name, names) or names_there(names) or None)
    return found


def _check(text: str, what: str, most: int) -> None:
    if len(text) > most:
        raise InvalidKey(
            f"the {what} of a key must have at most {most} characters (MAX_{what.upper()}), got {len(text):,}"
        )
    if _NAME.fullmatch(text) is None:
        raise InvalidKey(
            f"the {what} of a key must be letters, digits and any of _ . : @ - and begin with one of the first three, "
            f"got {text!r}"
        )
