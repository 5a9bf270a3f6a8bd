"""The tables of access: tokens, sessions and enter codes. Each change is a transaction with its audit."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Column, Connection, Engine, Select, delete, exists, insert, or_, select, update

from stretto.actors.journal import access
from stretto.actors.journal.access import (
    MAX_SESSIONS,
    AccessChange,
    AuditPage,
    AuditQuery,
    EnterCodeRecord,
    SessionRecord,
    TokenRecord,
)
from stretto.actors.journal.audit import AuditEntries
from stretto.actors.journal.sql.audit import check_times, restore_audit, select_audit, write_audit
from stretto.actors.journal.sql.cursors import encode_cursor
from stretto.actors.journal.sql.damage import report_damage
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.tables import enter_codes, sessions, tokens
from stretto.actors.journal.sql.transaction import Transaction, chunks

Record = TypeVar("Record", TokenRecord, SessionRecord, EnterCodeRecord)

_decode_workflows: Final = msgspec.json.Decoder(tuple[str, ...]).decode

# msgspec builds its knowledge of a type at the first use, which crashes the process when two readers do it at once.
for _each in (TokenRecord, SessionRecord, EnterCodeRecord):
    msgspec.json.Decoder(_each)


class SqlAccessWriter:
    """Writes changes of access over the connection of an ownership. Implements `journal.access.AccessWriter`."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> bool:
        """Write a change and its audit; see `AccessWriter.apply`."""
        with self._ownership.transaction() as connection:
            changed = _APPLIED[type(change)](connection, change)
            if changed:
                write_audit(Transaction(connection), audit)
        return changed


@report_damage
class SqlAccessReader:
    """Reads the tables of access. Thread-safe. Implements `journal.access.AccessReader`."""

    def __init__(self, engine: Engine, store: str) -> None:
        self._engine = engine
        self._store = store

    def tokens(self, ids: Collection[str] | None = None) -> list[TokenRecord]:
        """Return all tokens, the oldest first, or only those with these ids."""
        return self._records(select(tokens).order_by(tokens.c.made_at), TokenRecord, tokens.c.id, ids)

    def sessions(self, digests: Collection[str] | None = None) -> list[SessionRecord]:
        """Return all sessions, the oldest first, or only those with these digests."""
        return self._records(
            select(sessions).order_by(sessions.c.made_at), SessionRecord, sessions.c.digest, digests
        )  # fmt: skip

    def enter_codes(self, digests: Collection[str] | None = None) -> list[EnterCodeRecord]:
        """Return all codes that are not used up, or only those with these digests."""
        return self._records(
            select(enter_codes).order_by(enter_codes.c.expires_at), EnterCodeRecord, enter_codes.c.digest, digests
        )  # fmt: skip

    def audit(self, query: AuditQuery) -> AuditPage:
        """Return a page of the audit, the newest entry first. Raises InvalidCursor."""
        rows = [restore_audit(row) for row in self._rows(select_audit(query).limit(query.limit + 1))]
        page = tuple(rows[: query.limit])
        return AuditPage(page, encode_cursor("audit", page[-1].number) if len(rows) > len(page) else None)

    def _records(
        self, query: Select[Any], kind: type[Record], key: Column[str], wanted: Collection[str] | None
    ) -> list[Record]:
        """Return the records of a table, or only those with these keys."""
        queries = [query] if wanted is None else [query.where(key.in_(keys)) for keys in chunks(sorted(wanted))]
        return [_restored(row._mapping, kind) for each in queries for row in self._rows(each)]  # noqa: SLF001 - public

    def _rows(self, query: Any) -> list[Any]:
        with converting_errors(self._store), self._engine.connect() as connection, connection.begin():
            return list(connection.execute(query))


_UNUSED: Final = (
    select(sessions.c.digest).order_by(sessions.c.used_at.desc(), sessions.c.digest).offset(MAX_SESSIONS - 1)
)
"""The sessions that were not used for the longest time, of those that are too many for one more."""


def _add_token(connection: Connection, change: access.AddToken) -> bool:
    taken = exists().where(tokens.c.name == change.token.name, tokens.c.revoked_at.is_(None))
    if connection.scalar(select(taken)):
        return False
    connection.execute(insert(tokens).values(_row(change.token)))
    return True


def _revoke_token(connection: Connection, change: access.RevokeToken) -> bool:
    live = tokens.c.id == change.id, tokens.c.revoked_at.is_(None)
    if connection.execute(update(tokens).where(*live).values(revoked_at=change.at)).rowcount == 0:
        return False
    connection.execute(delete(sessions).where(sessions.c.token == change.id))
    connection.execute(delete(enter_codes).where(enter_codes.c.token == change.id))
    return True


def _note_token_use(connection: Connection, change: access.NoteTokenUse) -> bool:
    connection.execute(update(tokens).where(tokens.c.id == change.id).values(used_on=change.on))
    return True


def _add_session(connection: Connection, change: access.AddSession) -> bool:
    session = change.session
    connection.execute(
        delete(sessions).where(or_(sessions.c.ends_at <= session.made_at, sessions.c.digest.in_(_UNUSED)))
    )
    connection.execute(insert(sessions).values(_row(session)))
    return True


def _note_session_use(connection: Connection, change: access.NoteSessionUse) -> bool:
    connection.execute(update(sessions).where(sessions.c.digest == change.digest).values(used_at=change.at))
    return True


def _end_session(connection: Connection, change: access.EndSession) -> bool:
    return connection.execute(delete(sessions).where(sessions.c.digest == change.digest)).rowcount > 0


def _add_enter_code(connection: Connection, change: access.AddEnterCode) -> bool:
    connection.execute(delete(enter_codes).where(enter_codes.c.expires_at <= change.at))
    connection.execute(insert(enter_codes).values(_row(change.code)))
    return True


def _enter(connection: Connection, change: access.Enter) -> bool:
    # The deletion decides who has used the code: it is there once.
    valid = enter_codes.c.digest == change.code, enter_codes.c.expires_at > change.session.made_at
    if connection.execute(delete(enter_codes).where(*valid)).rowcount == 0:
        return False
    return _add_session(connection, access.AddSession(change.session))


_APPLIED: Final[Mapping[type[AccessChange], Callable[[Connection, Any], bool]]] = {
    access.AddToken: _add_token,
    access.RevokeToken: _revoke_token,
    access.NoteTokenUse: _note_token_use,
    access.AddSession: _add_session,
    access.NoteSessionUse: _note_session_use,
    access.EndSession: _end_session,
    access.AddEnterCode: _add_enter_code,
    access.Enter: _enter,
}


def _row(record: msgspec.Struct) -> dict[str, Any]:
    row = msgspec.structs.asdict(record)
    if row["workflows"] is not None:
        row["workflows"] = msgspec.json.encode(row["workflows"]).decode()
    return row


def _restored(row: Mapping[Any, Any], kind: type[Record]) -> Record:
    fields = {str(name): value for name, value in row.items()}  # msgspec takes no subclass of str as a name
    if fields["workflows"] is not None:
        fields["workflows"] = _decode_workflows(fields["workflows"])
    check_times(fields)
    return msgspec.convert(fields, kind)
