"""The table of keys. Each change is a transaction with its audit."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select

from stretto.actors.journal.audit import AuditEntries
from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, WrongStoreKey, decrypt, encrypt
from stretto.actors.journal.kv import (
    STORED_SCOPES,
    UNCOUNTED_SCOPE,
    KeyChange,
    KeyPlace,
    PutKey,
    RemoveKey,
    StoredKey,
    check_room,
    check_version,
    unknown_key_error,
)
from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.sql.audit import check_times, write_audit
from stretto.actors.journal.sql.damage import report_damage
from stretto.actors.journal.sql.encoding import decode_data
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.tables import kv
from stretto.actors.journal.sql.transaction import Transaction
from stretto.definitions.data import encode_json

_FACTS = tuple(column for column in kv.columns if column.name != "value")
"""All columns without the value, which may be large."""


class SqlKeyWriter:
    """Writes keys over the connection of an ownership. Implements `journal.kv.KeyWriter`."""

    def __init__(self, ownership: Ownership, keyring: Keyring | None) -> None:
        self._ownership = ownership
        self._keyring = keyring

    def apply(self, change: KeyChange, audit: AuditEntries = ()) -> StoredKey:
        """Write a change and its audit; see `KeyWriter.apply`."""
        with self._ownership.transaction() as connection:
            key = self._put(connection, change) if isinstance(change, PutKey) else _remove(connection, change)
            write_audit(Transaction(connection), audit)
        return key

    def _put(self, connection: Connection, change: PutKey) -> StoredKey:
        key = change.key
        body = self._body(key)
        _delete_expired(connection, key.set_at)
        found = _find(connection, key.place)
        check_version(key.place, None if found is None else found.version, change.expected)
        # The new row has a new version: the table gives each number once.
        connection.execute(delete(kv).where(_is_at(key.place)))
        counted = select(func.count(), func.coalesce(func.sum(kv.c.size), 0)).where(kv.c.scope != UNCOUNTED_SCOPE)
        number, size = connection.execute(counted).one()
        check_room(change, number, int(size))
        row = {**key.place._asdict(), **msgspec.structs.asdict(key), "value": body, "secret": int(key.secret)}
        del row["place"], row["version"], row["problem"]
        version = connection.execute(insert(kv).values(row).returning(kv.c.version)).scalar_one()
        return msgspec.structs.replace(key, version=version)

    def _body(self, key: StoredKey) -> bytes:
        text = encode_json(key.value)
        if not key.secret:
            return text
        try:
            return encrypt(text, self._keyring)
        except StoreKeyMissing:
            raise StoreKeyMissing(
                f"the key {key.place} is secret, and the store has no key to encrypt it: set engine.store_key"
            ) from None


@report_damage
class SqlKeyReader:
    """Reads the table of keys. Thread-safe. Implements `journal.kv.KeyReader`."""

    def __init__(self, engine: Engine, keyring: Keyring | None, store: str) -> None:
        self._engine = engine
        self._keyring = keyring
        self._store = store

    def all(self) -> list[StoredKey]:
        """Return all keys; see `KeyReader.all`."""
        with converting_errors(self._store), self._engine.connect() as connection, connection.begin():
            rows = list(connection.execute(select(kv).order_by(kv.c.scope, kv.c.owner, kv.c.name)))
        return [self._restored(row) for row in rows]

    def _restored(self, row: Any) -> StoredKey:
        key = _restored_facts(row)
        try:
            return msgspec.structs.replace(key, value=decode_data(decrypt(row.value, self._keyring)))
        except (StoreKeyMissing, WrongStoreKey, UnreadableRecord) as error:
            return msgspec.structs.replace(key, problem=str(error))


def _remove(connection: Connection, change: RemoveKey) -> StoredKey:
    _delete_expired(connection, change.at)
    found = _find(connection, change.place)
    if found is None:
        raise unknown_key_error(change.place)
    check_version(change.place, found.version, change.expected)
    connection.execute(delete(kv).where(_is_at(change.place)))
    return found


def _find(connection: Connection, place: KeyPlace) -> StoredKey | None:
    row = connection.execute(select(*_FACTS).where(_is_at(place))).one_or_none()
    return None if row is None else _restored_facts(row)


def _is_at(place: KeyPlace) -> Any:
    return (kv.c.scope == place.scope) & (kv.c.owner == place.owner) & (kv.c.name == place.name)


def _delete_expired(connection: Connection, now: float) -> None:
    connection.execute(delete(kv).where(kv.c.expires_at <= now))


def _restored_facts(row: Any) -> StoredKey:
    """Return a key without its value."""
    check_times({"set_at": row.set_at, "expires_at": row.expires_at})
    if row.scope not in STORED_SCOPES:
        raise UnreadableRecord("the store is damaged: the scope of a key is unknown")
    return StoredKey(
        place=KeyPlace(row.scope, row.owner, row.name), value=None, secret=bool(row.secret), version=row.version,
        set_at=row.set_at, set_by=row.set_by, expires_at=row.expires_at, size=row.size,
    )  # fmt: skip
