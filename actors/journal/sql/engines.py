"""The engines that may write a store: a row for each opening, with a number that is never used again.

The statement that counts an engine's commit is its fence. It changes the row that another engine changes to take over,
so either the commit comes before the take-over, and the other engine reads it, or it is refused.
"""

import os
import socket
import time
from importlib import metadata
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)

from stretto.actors.journal.lease import StoredDaemon
from stretto.actors.journal.sql.postgresql import LOCK
from stretto.actors.journal.sql.tables import DUE, engines, matches, runs
from stretto.actors.journal.store import Unrecordable

# Built once: building it takes as long as executing it, and every commit needs it.
_COUNT_COMMIT: Final = (
    update(engines)
    .where(engines.c.number == bindparam("ours"), engines.c.fenced_by.is_(None))
    .values(commits=engines.c.commits + 1)
)
SERVER_TIME: Final[ColumnElement[float]] = literal_column(
    "extract(epoch from clock_timestamp())::double precision", Double()
)
_SERVER_STARTED: Final[ColumnElement[float]] = literal_column(
    "extract(epoch from pg_postmaster_start_time())::double precision", Double()
)
_EXPIRY: Final = SERVER_TIME + bindparam("lease", type_=Double())
_RENEW: Final = _COUNT_COMMIT.values(expires_at=_EXPIRY).returning(SERVER_TIME)
_EXPIRED: Final = (
    select(engines.c.number)
    .where(engines.c.fenced_by.is_(None), engines.c.number != bindparam("ours"), engines.c.expires_at < SERVER_TIME)
    # An engine that is committing at this moment is not dead.
    .with_for_update(skip_locked=True)
)
_NEXT_EXPIRY: Final = select(func.min(engines.c.expires_at) - SERVER_TIME).where(
    engines.c.fenced_by.is_(None), engines.c.number != bindparam("ours")
)
_STATE: Final = select(engines.c.commits, engines.c.fenced_by).where(engines.c.number == bindparam("ours"))
_OTHERS: Final = engines.c.number != bindparam("ours"), engines.c.fenced_by.is_(None)
_ANY_OTHER: Final = select(exists().where(*_OTHERS))
_DRAIN: Final = (
    update(engines).where(engines.c.number == bindparam("ours"), engines.c.draining.is_(None)).values(draining=1)
)
_OTHERS_DRAIN: Final = select(exists().where(*_OTHERS, engines.c.draining == 1))
_OTHERS_ACTIVE: Final = select(exists().where(*_OTHERS, engines.c.draining.is_(None)))
_ONE_DRAIN_AT_A_TIME: Final = text(
    f"SELECT pg_advisory_xact_lock({LOCK + 3}, hashtext(coalesce(current_schema(), '')))"
)

ENGINE_OF_RUN: Final = (
    select(engines.c.number, engines.c.name)
    .join(runs, runs.c.owner == engines.c.number)
    .where(runs.c.id == bindparam("run"), runs.c.ended_at.is_(None), engines.c.fenced_by.is_(None))
)
_COUNTS: Final = (
    select(runs.c.owner, func.count().label("runs")).where(runs.c.ended_at.is_(None)).group_by(runs.c.owner).subquery()
)
DAEMONS: Final = (
    select(engines, func.coalesce(_COUNTS.c.runs, 0).label("runs"))
    .select_from(engines.outerjoin(_COUNTS, _COUNTS.c.owner == engines.c.number))
    .order_by(engines.c.number)
)


class EngineState(NamedTuple):
    """The commits of an engine, and the number of the engine that has fenced it, or None."""

    commits: int
    fenced_by: int | None


class FencedEngine(NamedTuple):
    """An engine that has not renewed its lease in time, and the seconds since then."""

    number: int
    name: str
    overdue: float


def register(connection: Connection, knows: str, lease: float | None) -> int:
    """Add an engine that has opened the store; return its number.

    Args:
        connection: A connection in a transaction.
        knows: The newest version of the tables that the engine knows.
        lease: The seconds until others may take over unless it commits, or None for an engine that is alone.
    """
    opening: dict[str, Any] = {
        "name": this_process(),
        "version": metadata.version("stretto"),
        "knows": knows,
        "host": socket.gethostname(),
        "opened_at": time.time() if lease is None else SERVER_TIME,
        "commits": 0,
        "expires_at": None if lease is None else SERVER_TIME + lease,
    }
    number: int = connection.execute(insert(engines).values(opening).returning(engines.c.number)).scalar_one()
    return number


def fence_all_others(connection: Connection, ours: int) -> None:
    """Take the right to write from all other engines, and forget those that own no run in progress."""
    others = engines.c.number != ours
    connection.execute(update(engines).where(others, engines.c.fenced_by.is_(None)).values(fenced_by=ours))
    forget_fenced(connection)


def fence_disconnected(connection: Connection, ours: int) -> bool:
    """Take the right to write from all other engines, as none is connected, but not if the server has ended that.

    Those that were there before the server started lost their connections with it, and may be about to connect again.

    Returns:
        Whether no such engine is left.
    """
    lives = engines.c.fenced_by.is_(None)
    is_dead = or_(engines.c.expires_at.is_(None), engines.c.opened_at > _SERVER_STARTED)
    connection.execute(update(engines).where(engines.c.number != ours, lives, is_dead).values(fenced_by=ours))
    forget_fenced(connection)
    return connection.scalar(_ANY_OTHER, {"ours": ours}) is False


def fence_expired(connection: Connection, ours: int) -> list[FencedEngine]:
    """Take the right to write from engines that have not renewed their leases in time, and return them."""
    expired = connection.scalars(_EXPIRED, {"ours": ours}).all()
    if not expired:
        return []
    fencing = update(engines).where(engines.c.number.in_(expired)).values(fenced_by=ours)
    overdue = (SERVER_TIME - engines.c.expires_at).label("overdue")
    found = connection.execute(fencing.returning(engines.c.number, engines.c.name, overdue))
    return [FencedEngine(row.number, row.name, row.overdue) for row in found]


def forget_fenced(connection: Connection) -> None:
    """Delete the rows of fenced engines that own no run in progress."""
    owns_runs = exists().where(runs.c.owner == engines.c.number, runs.c.ended_at.is_(None))
    owns_matches = exists().where(matches.c.owner == engines.c.number, DUE)
    connection.execute(delete(engines).where(engines.c.fenced_by.is_not(None), ~owns_runs, ~owns_matches))


def seconds_to_next_expiry(connection: Connection, ours: int) -> float | None:
    """Return after how many seconds the lease of another engine ends unless it is renewed, or None without one."""
    seconds: float | None = connection.scalar(_NEXT_EXPIRY, {"ours": ours})
    return seconds


def release_tree(connection: Connection, ours: int, run_id: str) -> None:
    """Give up the runs in progress of the tree of a run."""
    root = select(runs.c.root).where(runs.c.id == run_id).scalar_subquery()
    ours_of_tree = runs.c.root == root, runs.c.owner == ours, runs.c.ended_at.is_(None)
    connection.execute(update(runs).where(*ours_of_tree).values(owner=None))


def note_draining(connection: Connection, ours: int) -> None:
    """Note that an engine is being drained, and give up the matches whose runs it has not accepted.

    Raises:
        Unrecordable: All other engines are being drained, too.
    """
    if connection.dialect.name == "postgresql":
        # Two engines that are drained at one instant would see each other active.
        connection.execute(_ONE_DRAIN_AT_A_TIME)
    is_first = connection.execute(_DRAIN, {"ours": ours}).rowcount == 1
    if (
        is_first
        and connection.scalar(_OTHERS_DRAIN, {"ours": ours})
        and not connection.scalar(_OTHERS_ACTIVE, {"ours": ours})
    ):
        raise Unrecordable(
            f"cannot drain the daemon {ours}: no other active daemon is there to take its runs; start one"
        )
    connection.execute(update(matches).where(matches.c.owner == ours, DUE).values(owner=None))


def restore_daemon(row: Any) -> StoredDaemon:
    """Return an engine from a row of `DAEMONS`."""
    return StoredDaemon(
        row.number, row.name, row.host, row.version, row.opened_at, row.expires_at, row.draining == 1,
        row.fenced_by is not None, row.runs,
    )  # fmt: skip


def leave(connection: Connection, ours: int) -> None:
    """Give up all runs of an engine, which writes no more, so that others claim them."""
    connection.execute(update(runs).where(runs.c.owner == ours, runs.c.ended_at.is_(None)).values(owner=None))
    connection.execute(update(matches).where(matches.c.owner == ours, DUE).values(owner=None))
    connection.execute(update(engines).where(engines.c.number == ours).values(fenced_by=ours))


def renew(connection: Connection, ours: int, lease: float) -> float | None:
    """Count a commit of an engine, and extend its lease; return the server's time, or None if it may not write."""
    server_time: float | None = connection.execute(_RENEW, {"ours": ours, "lease": lease}).scalar_one_or_none()
    return server_time


def count_commit(connection: Connection, ours: int) -> bool:
    """Count a commit of an engine; return whether it may write."""
    return connection.execute(_COUNT_COMMIT, {"ours": ours}).rowcount == 1


def state_of(connection: Connection, ours: int) -> EngineState | None:
    """Return the state of an engine, or None if its row is gone: it was fenced, and its runs were claimed."""
    row = connection.execute(_STATE, {"ours": ours}).one_or_none()
    return None if row is None else EngineState(row.commits, row.fenced_by)


def versions_known(connection: Connection) -> list[tuple[str, str]]:
    """Return the name of each engine that may write, and the newest version of the tables that it knows."""
    rows = connection.execute(select(engines.c.name, engines.c.knows).where(engines.c.fenced_by.is_(None)))
    return [(row.name, row.knows) for row in rows]


def name_of_newest(connection: Connection) -> str | None:
    """Return the name of the engine that has opened the store last."""
    name: str | None = connection.scalar(select(engines.c.name).order_by(engines.c.number.desc()).limit(1))
    return name


def name_of(connection: Connection, number: int) -> str | None:
    """Return the name of an engine, or None if its row is gone."""
    name: str | None = connection.scalar(select(engines.c.name).where(engines.c.number == number))
    return name


def this_process() -> str:
    """Return the description of this process for others that want to open the store."""
    return f"process {os.getpid()} on {socket.gethostname()}"
