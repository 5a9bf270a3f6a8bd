"""The keys that a rehearsal makes up: a rehearsal reads no real ones."""

from collections.abc import Mapping
from typing import Any

from stretto.actors.journal import SCOPES, StoredKey
from stretto.actors.kv import HeldKeys, InvalidKey, KeySnapshot, key_place
from stretto.definitions.data import freeze


def made_up_keys(values: Mapping[str, Any]) -> HeldKeys:
    """Return keys that are not secret.

    Args:
        values: The values by `system.NAME`, `user.OWNER.NAME` or `pack.OWNER.NAME`. The scope `system` may be left out.

    Raises:
        InvalidKey: There can be no such key.
        NotData: A value is not data.
    """
    return HeldKeys(KeySnapshot.of(_key(text, value) for text, value in values.items()))


def _key(text: str, value: Any) -> StoredKey:
    scope, dot, rest = text.partition(".")
    if not dot or scope not in SCOPES or scope == "system":
        place = key_place(rest if dot and scope == "system" else text)
    else:
        owner, dot, name = rest.partition(".")
        if not dot:
            raise InvalidKey(f"a key of the scope {scope!r} must be {scope}.OWNER.NAME, got {text!r}")
        place = key_place(name, scope, owner)
    return StoredKey(
        place=place, value=freeze(value), secret=False, version=1, set_at=0.0, set_by=None, expires_at=None, size=0
    )
