"""The records of the key-value store, their changes, and the protocols that write and read them.

A key is found by its scope, its owner and its name. Its version grows with each change of any key and is never used
again, so that a client can change a key only if no one else has. Times are seconds since the epoch.
"""

from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, get_args

import msgspec

from stretto.actors.journal.audit import AuditEntries
from stretto.definitions.errors import LimitExceeded, StrettoError

Scope: TypeAlias = Literal["system", "user", "pack"]
"""Whose key it is: everyone's, a user's, or a pack's."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
StoredScope: TypeAlias = Literal["system", "user", "pack", "rule"]
"""A scope of users, or `rule`, which they neither see nor set: its keys are the names of disabled rules."""
STORED_SCOPES: Final[tuple[StoredScope, ...]] = get_args(StoredScope)
UNCOUNTED_SCOPE: Final = "rule"
"""The scope whose keys do not count for the bounds, and which always has room: a full store must not keep anyone from
disabling a rule. There is at most one of these keys a rule."""
ABSENT_VERSION: Final = 0
"""The version to expect of a key that must not be there."""


class KeyConflict(StrettoError):
    """A key has another version than the one that its change expects."""

    code = "key_conflict"


class UnknownKey(StrettoError):
    """There is no such key, or it has expired."""

    code = "unknown_key"


class KeyPlace(NamedTuple):
    """Where a key is found. The owner is the name of a user or a pack, and empty in the other scopes."""

    scope: StoredScope
    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.scope}.{self.owner}.{self.name}" if self.owner else f"{self.scope}.{self.name}"


class KeyLimits(msgspec.Struct, frozen=True):
    """The bounds of the key-value store: of all keys together, of their number, and of one value as JSON text."""

    max_bytes: int = 16 * 1024 * 1024
    max_keys: int = 10_000
    max_value_bytes: int = 1024 * 1024


DEFAULT_KEY_LIMITS: Final = KeyLimits()


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key with its value."""

    place: KeyPlace
    value: Any
    """Frozen data."""
    secret: bool
    version: int
    set_at: float
    set_by: str | None
    """The token or user that has set it."""
    expires_at: float | None
    size: int
    """The bytes of its value as JSON text and of its name."""
    problem: str | None = None
    """Why the value cannot be read, or None. An encrypted one may be of a store key that is not here."""

    def has_expired(self, now: float) -> bool:
        """Return whether the key counts as deleted at a time."""
        return self.expires_at is not None and self.expires_at <= now


class PutKey(msgspec.Struct, frozen=True):
    """Set a key. `version` of `key` is still to be given."""

    key: StoredKey
    expected: int | None
    """The version that the key must have, `ABSENT_VERSION` if it must not be there, or None for any."""
    limits: KeyLimits = DEFAULT_KEY_LIMITS


class RemoveKey(msgspec.Struct, frozen=True):
    """Delete a key at a time."""

    place: KeyPlace
    expected: int | None
    at: float


KeyChange: TypeAlias = PutKey | RemoveKey


class KeyWriter(Protocol):
    """Writes changes of keys, on the writer's thread."""

    def apply(self, change: KeyChange, audit: AuditEntries = ()) -> StoredKey:
        """Write a change and its audit in one transaction, which is durable when this returns.

        Args:
            change: The change.
            audit: Written only if the change is.

        Returns:
            The key as it was set, with its version, or as it was deleted, without its value.

        Raises:
            KeyConflict: The key has another version than expected.
            UnknownKey: The key to delete is not there.
            LimitExceeded: There is no room for the key.
            StoreKeyMissing: The key is secret, and the store has no key to encrypt it.
            StoreUnavailable: The store cannot be written now.
            StoreLost: Another process has taken over the store.
        """


class KeyReader(Protocol):
    """Reads the table of keys. Thread-safe."""

    def all(self) -> list[StoredKey]:
        """Return all keys, also expired ones. A value that cannot be decrypted is a `problem`.

        Raises:
            StoreUnavailable: The store cannot be read now.
        """


def check_version(place: KeyPlace, found: int | None, expected: int | None) -> None:
    """Raise `KeyConflict` if a key does not have the version that its change expects.

    Args:
        place: The key.
        found: Its version, or None if it is not there.
        expected: As of `PutKey`.
    """
    if expected is None or expected == (ABSENT_VERSION if found is None else found):
        return
    if found is None:
        raise KeyConflict(f"the key {place} must have the version {expected}, but there is no such key")
    wanted = "must not be there" if expected == ABSENT_VERSION else f"must have the version {expected}"
    raise KeyConflict(f"the key {place} {wanted}, got the version {found}: read it again")


def check_room(put: PutKey, keys: int, size: int) -> None:
    """Raise `LimitExceeded` if there is no room for a key.

    Args:
        put: The change.
        keys: The number of the other keys, without those of `UNCOUNTED_SCOPE`.
        size: Their bytes together.
    """
    limits, key = put.limits, put.key
    if key.place.scope == UNCOUNTED_SCOPE:
        return
    if keys >= limits.max_keys:
        raise LimitExceeded(
            f"there are {keys:,} keys, at most {limits.max_keys:,} may be (kv.max_keys): delete some first"
        )
    if size + key.size > limits.max_bytes:
        raise LimitExceeded(
            f"the key {key.place} has {key.size:,} bytes, and the other keys have {size:,}: at most "
            f"{limits.max_bytes:,} may be together (kv.max_bytes); delete some first"
        )


def unknown_key_error(place: KeyPlace, hint: str | None = None) -> UnknownKey:
    """Return the error of a key that is not there."""
    return UnknownKey(f"there is no key {place}" + (f"; {hint}" if hint else ""))
