"""The table of keys, in each kind of store, and keys in memory: both follow the same rules."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import update

from stretto.actors.journal.audit import AuditEntries, Requester
from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, new_key
from stretto.actors.journal.kv import KeyChange, KeyConflict, KeyLimits, KeyPlace, RemoveKey, StoredKey, UnknownKey
from stretto.actors.journal.kv_memory import MemoryKeys
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.sql.tables import kv
from stretto.definitions.data import freeze
from stretto.definitions.errors import LimitExceeded
from tests.support.keys import PLACE, put
from tests.support.stores import KEYRING, everything_in, rows_of

AUDIT: AuditEntries = Requester(who="mira", via="cli", source="local").asks("set_key", "system.color", 1.0)
OTHER = KeyPlace("pack", "ops", "color")

Apply = Callable[[KeyChange], StoredKey]


@pytest.fixture(params=["no store", "sqlite", "postgres"])
def apply(request: pytest.FixtureRequest) -> Iterator[Apply]:
    """Return what applies changes: in memory, or to a store."""
    if request.param == "no store":
        yield MemoryKeys().apply
        return
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with open_store(url, KEYRING) as store:
        yield store.keys.apply


def test_a_key_is_kept_with_all_its_fields(store: Store) -> None:
    """Also in another scope, and with an end."""
    first = store.keys.apply(put(value=freeze({"a": [1, 2.5, None, "ö"]})))
    second = store.keys.apply(put(OTHER, set_by=None, expires_at=900.5, secret=True))
    assert store.reader.keys.all() == [second, first]
    assert second.version > first.version


def test_a_version_is_never_used_again(apply: Apply) -> None:
    """Not even that of a key that was deleted."""
    versions = [apply(put()).version, apply(put(OTHER)).version, apply(put()).version]
    apply(RemoveKey(PLACE, None, 100.0))
    versions.append(apply(put()).version)
    assert versions == sorted(set(versions))


def test_a_key_is_changed_only_in_the_version_that_is_expected(apply: Apply) -> None:
    """0 expects that it is not there."""
    version = apply(put(expected=0)).version
    with pytest.raises(KeyConflict, match="must not be there, got the version"):
        apply(put(expected=0))
    with pytest.raises(KeyConflict, match=f"must have the version {version + 1}, got the version {version}"):
        apply(put(expected=version + 1))
    with pytest.raises(KeyConflict, match="but there is no such key"):
        apply(put(OTHER, expected=version))
    with pytest.raises(KeyConflict):
        apply(RemoveKey(PLACE, version + 1, 100.0))
    apply(put(expected=version))


def test_a_key_is_deleted_once(apply: Apply) -> None:
    """The answer has no value."""
    version = apply(put()).version
    removed = apply(RemoveKey(PLACE, version, 100.0))
    assert (removed.version, removed.value) == (version, None)
    with pytest.raises(UnknownKey, match=r"there is no key system\.color"):
        apply(RemoveKey(PLACE, None, 100.0))


def test_an_expired_key_is_gone(apply: Apply) -> None:
    """At the second of its end."""
    apply(put(expires_at=150.0))
    with pytest.raises(UnknownKey):
        apply(RemoveKey(PLACE, None, 150.0))
    apply(put(expires_at=150.0))
    apply(put(set_at=150.0, expected=0))


def test_the_bounds_hold_for_all_keys_together(apply: Apply) -> None:
    """A key that is set again counts once."""
    few = KeyLimits(max_keys=1)
    apply(put(limits=few))
    apply(put(limits=few))
    with pytest.raises(LimitExceeded, match=r"there are 1 keys, at most 1 may be \(kv\.max_keys\)"):
        apply(put(OTHER, limits=few))
    small = KeyLimits(max_bytes=25)
    apply(put(OTHER, limits=small))
    apply(put(OTHER, limits=small, size=15))
    with pytest.raises(LimitExceeded, match=r"at most 25 may be together \(kv\.max_bytes\)"):
        apply(put(OTHER, limits=small, size=16))


def test_a_full_store_has_room_for_the_switches_of_rules(apply: Apply) -> None:
    """Nobody must be kept from disabling a rule. These keys take no room from those of users either."""
    few = KeyLimits(max_keys=1, max_bytes=10)
    apply(put(limits=few))
    for name in ("a", "b"):
        apply(put(KeyPlace("rule", "", name), limits=few))
    apply(put(limits=few))
    with pytest.raises(LimitExceeded):
        apply(put(OTHER, limits=few))


def test_each_change_is_in_the_audit_and_a_refused_one_is_not(store: Store) -> None:
    """In the commit of the change."""
    store.keys.apply(put(), AUDIT)
    with pytest.raises(KeyConflict):
        store.keys.apply(put(expected=0), AUDIT)
    store.keys.apply(RemoveKey(PLACE, None, 100.0), AUDIT)
    assert rows_of(store, "audit") == 2
    assert rows_of(store, "kv") == 0


def test_a_secret_value_is_nowhere_in_clear(store: Store) -> None:
    """Unlike any other value."""
    store.keys.apply(put(value="visible"))
    store.keys.apply(put(OTHER, value="hidden", secret=True))
    assert b"visible" in everything_in(store)
    assert b"hidden" not in everything_in(store)


def test_a_secret_needs_a_store_key(keyless: Store) -> None:
    """The refusal says what to set. Other keys need none."""
    keyless.keys.apply(put())
    with pytest.raises(StoreKeyMissing, match=r"the key system\.color is secret.*: set engine\.store_key"):
        keyless.keys.apply(put(secret=True))
    assert [key.secret for key in keyless.reader.keys.all()] == [False]


def test_a_secret_of_another_store_key_harms_no_other_key(tmp_path: Any) -> None:
    """It says why it cannot be read."""
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url, Keyring([new_key()])) as store:
        store.keys.apply(put())
        store.keys.apply(put(OTHER, secret=True))
    with open_store(url, Keyring([new_key()])) as store:
        secret, other = store.reader.keys.all()
    assert (secret.value, other.value, other.problem) == (None, "red", None)
    assert secret.problem is not None
    assert "the store was encrypted with the key" in secret.problem


def test_a_damaged_row_is_reported(store: Store) -> None:
    """As a fault of the store."""
    store.keys.apply(put())
    with store.writer._ownership.transaction() as connection:
        connection.execute(update(kv).values(scope="other"))
    with pytest.raises(UnreadableRecord, match="the scope of a key is unknown"):
        store.reader.keys.all()
