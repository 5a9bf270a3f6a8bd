"""The stored versions of runs' contexts: written with the entries that have made them, read for reports."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, bindparam, func, select, tuple_

from stretto.actors.journal.context_log import (
    MAX_STORED_VALUE_BYTES,
    NOTHING_STORED,
    StoredName,
    StoredVersion,
    task_value,
)
from stretto.actors.journal.encryption import Keyring, decrypt, encrypt
from stretto.actors.journal.records import Happened
from stretto.actors.journal.sql.damage import report_damage
from stretto.actors.journal.sql.encoding import decode_data
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.run_rows import searchable
from stretto.actors.journal.sql.tables import context_logs, context_names, runs
from stretto.actors.journal.sql.transaction import Transaction, chunks, recording
from stretto.definitions.context import TaskRecord
from stretto.definitions.data import encode_json, json_size

_C: Final = context_names.c
_OF_RUN: Final = _C.run == select(runs.c.number).where(runs.c.id == bindparam("run_id")).scalar_subquery()
_THROUGH: Final = select(func.max(_C.at)).where(_OF_RUN)
_LOG: Final = (
    select(context_logs.c.last, runs.c.ended_at).join(runs, runs.c.number == context_logs.c.run)
    .where(runs.c.id == bindparam("run_id"))
)  # fmt: skip
_LAST_VERSIONS: Final = select(_C.version, _C.at).where(_OF_RUN).order_by(_C.version.desc()).limit(1)
_NEWEST: Final = _LAST_VERSIONS.where(_C.at <= bindparam("last"))
_VERSIONS: Final = (
    select(_C.version, _C.at, _C.name)
    .where(_OF_RUN, _C.version <= bindparam("newest"), _C.version > bindparam("newest") - bindparam("most"))
    .order_by(_C.version.desc(), _C.name)
)


def _select_names() -> Select[Any]:
    """Return the query for the names up to a version: it leaps from one to the next in an index."""
    inner = context_names.alias("inner_names")
    of_run = inner.c.run == select(runs.c.number).where(runs.c.id == bindparam("run_id")).scalar_subquery()
    every = select(func.min(inner.c.name).label("name")).where(of_run).cte("every_name", recursive=True)
    following = select(func.min(inner.c.name)).where(of_run, inner.c.name > every.c.name)
    every = every.union_all(
        select(following.correlate(every).scalar_subquery()).select_from(every).where(every.c.name.is_not(None))
    )
    newest = select(func.max(inner.c.version)).where(
        of_run, inner.c.name == every.c.name, inner.c.version <= bindparam("newest")
    )
    is_newest = _C.version == newest.correlate(every).scalar_subquery()
    return (
        select(_C.name, _C.version, _C.size)
        .select_from(every)
        .join(context_names, (_C.name == every.c.name) & _OF_RUN & is_newest)
    )


_NAMES: Final = _select_names()


class ContextWriter:
    """Writes the versions of contexts."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring

    def write(self, transaction: Transaction, happened: Sequence[Happened], numbers: Mapping[str, int]) -> None:
        """Write the versions of records. Raises Unrecordable."""
        rows: list[tuple[Any, ...]] = []
        logs: dict[int, tuple[int, int | None]] = {}
        for each in happened:
            if each.context is not None:
                run = numbers[each.run_id]
                logs[run] = run, each.context.last
                with recording(each.run_id):
                    rows += self._rows(run, each)
        transaction.write(transaction.statements.context_names, rows)
        transaction.write(transaction.statements.context_logs, list(logs.values()))

    def _rows(self, run: int, happened: Happened) -> Iterator[tuple[Any, ...]]:
        for version in () if happened.context is None else happened.context.versions:
            for name, value in version.values:
                data = task_value(value) if isinstance(value, TaskRecord) else value
                size = json_size(data)
                body = encode_json(data) if size <= MAX_STORED_VALUE_BYTES else None
                if body is not None and happened.secret:
                    body = encrypt(body, self._keyring)
                yield run, version.version, name, version.at, size, body


@report_damage
class SqlContextReader:
    """Reads the versions of contexts. Implements `journal.context_log.ContextReader`."""

    def __init__(self, engine: Engine, keyring: Keyring | None, store: str) -> None:
        self._engine = engine
        self._keyring = keyring
        self._store = store

    def through(self, run_id: str) -> int:
        """Return the number of the entry of the last stored version, or NOTHING_STORED."""
        last = self._rows(_LAST_VERSIONS, run_id=searchable(run_id))
        return last[0].at if last else NOTHING_STORED

    def are_complete(self, run_id: str, last: int) -> bool:
        """Return whether all versions up to a run's last entry are stored."""
        log = self._rows(_LOG, run_id=searchable(run_id))
        return bool(log) and (log[0].ended_at is None or log[0].last == last)

    def newest(self, run_id: str, last: int) -> int:
        """Return the number of the newest version up to an entry, or 0 if there is none."""
        newest = self._rows(_NEWEST, run_id=searchable(run_id), last=last)
        return newest[0].version if newest else 0

    def versions(self, run_id: str, newest: int, most: int) -> list[StoredVersion]:
        """Return at most so many versions up to the newest one, which comes first."""
        rows = self._rows(_VERSIONS, run_id=searchable(run_id), newest=newest, most=most)
        return [
            StoredVersion(version, at, [row.name for row in of_version])
            for (version, at), of_version in groupby(rows, lambda row: (row.version, row.at))
        ]

    def names(self, run_id: str, newest: int) -> list[StoredName]:
        """Return the names of the context of a version, each as it was set last, in their order."""
        return [StoredName(*row) for row in self._rows(_NAMES, run_id=searchable(run_id), newest=newest)]

    def values(self, run_id: str, names: Sequence[StoredName]) -> dict[str, Any]:
        """Return the stored values of names, without those that are too large. Raises StrettoError."""
        found: dict[str, Any] = {}
        for chunk in chunks([(each.version, each.name) for each in names]):
            bodies = select(_C.name, _C.body).where(_OF_RUN, tuple_(_C.version, _C.name).in_(chunk))
            for row in self._rows(bodies, run_id=searchable(run_id)):
                if row.body is not None:
                    found[row.name] = decode_data(decrypt(row.body, self._keyring))
        return found

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with converting_errors(self._store), self._engine.connect() as connection:
            yield connection

    def _rows(self, query: Select[Any], **parameters: Any) -> Sequence[Any]:
        with self._reading() as connection:
            return connection.execute(query, parameters).all()
