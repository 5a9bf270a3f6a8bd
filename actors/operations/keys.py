"""The requests about the key-value store."""

from typing import Annotated, Any

import msgspec

from stretto.actors.journal import PAGE, Scope
from stretto.actors.kv import MAX_NAME, MAX_OWNER, MAX_SECONDS
from stretto.actors.operations.base import NotedRequest, Request
from stretto.actors.operations.requests import Limit, StoredNumber

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
"""The name of a key."""
Owner = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_OWNER)]
"""The user or the pack whose key it is, in the scopes `user` and `pack`."""


class Keys(Request, frozen=True, tag="keys"):
    """Return a page of keys without their values: those that match all fields, by scope, owner and name."""

    scope: Scope | None = None
    owner: Owner | None = None
    prefix: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] | None = None
    cursor: str | None = None
    limit: Limit = PAGE


class Key(Request, frozen=True, tag="key"):
    """Return a key with its value. The value of a secret one is masked."""

    name: Name
    scope: Scope = "system"
    owner: Owner | None = None


class KeyValue(Request, frozen=True, tag="key_value"):
    """Return the value of a key in clear. The audit records who reads a secret one."""

    name: Name
    scope: Scope = "system"
    owner: Owner | None = None


class SetKey(NotedRequest, frozen=True, tag="set_key"):
    """Set a key, which expires after `lasts` seconds. A `secret` value is encrypted and masked.

    With `version`, the key is set only if it has this version, or, for 0, if it is not there.
    """

    name: Name
    value: Any
    scope: Scope = "system"
    owner: Owner | None = None
    secret: bool = False
    lasts: Annotated[float, msgspec.Meta(gt=0, le=MAX_SECONDS)] | None = None
    version: StoredNumber | None = None


class DeleteKey(NotedRequest, frozen=True, tag="delete_key"):
    """Delete a key, with `version` only if it has this version."""

    name: Name
    scope: Scope = "system"
    owner: Owner | None = None
    version: StoredNumber | None = None
