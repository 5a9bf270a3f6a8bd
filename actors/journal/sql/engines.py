"""The engines that may write a store: a row for each opening, with a number that is never used again.

The statement that counts an engine's commit is its fence. It changes the row that another engine changes to take over,
so either the commit comes before the take-over, and the other engine reads it, or it is refused.
"""

import os
import socket
import time
from importlib import metadata
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from stretto.actors.journal.sql.tables import engines, runs

# Built once: building it takes as long as executing it, and every commit needs it.
_COUNT_COMMIT: Final = (
    update(engines)
    .where(engines.c.number == bindparam("ours"), engines.c.fenced_by.is_(None))
    .values(commits=engines.c.commits + 1)
)
_STATE: Final = select(engines.c.commits, engines.c.fenced_by).where(engines.c.number == bindparam("ours"))


class EngineState(NamedTuple):
    """The commits of an engine, and the number of the engine that has fenced it, or None."""

    commits: int
    fenced_by: int | None


def register(connection: Connection, knows: str) -> int:
    """Add an engine that has opened the store; return its number.

    Args:
        connection: A connection in a transaction.
        knows: The newest version of the tables that the engine knows.
    """
    opening = {
        "name": this_process(),
        "version": metadata.version("stretto"),
        "knows": knows,
        "opened_at": time.time(),
        "commits": 0,
    }
    number: int = connection.execute(insert(engines).values(opening).returning(engines.c.number)).scalar_one()
    return number


def fence_all_others(connection: Connection, ours: int) -> None:
    """Take the right to write from all other engines, and forget those that own no run in progress."""
    others = engines.c.number != ours
    connection.execute(update(engines).where(others, engines.c.fenced_by.is_(None)).values(fenced_by=ours))
    owns_runs = exists().where(runs.c.owner == engines.c.number, runs.c.ended_at.is_(None))
    connection.execute(delete(engines).where(others, engines.c.fenced_by.is_not(None), ~owns_runs))


def count_commit(connection: Connection, ours: int) -> bool:
    """Count a commit of an engine; return whether it may write."""
    return connection.execute(_COUNT_COMMIT, {"ours": ours}).rowcount == 1


def state_of(connection: Connection, ours: int) -> EngineState | None:
    """Return the state of an engine, or None if its row is gone: it was fenced, and its runs were claimed."""
    row = connection.execute(_STATE, {"ours": ours}).one_or_none()
    return None if row is None else EngineState(row.commits, row.fenced_by)


def name_of_newest(connection: Connection) -> str | None:
    """Return the name of the engine that has opened the store last."""
    name: str | None = connection.scalar(select(engines.c.name).order_by(engines.c.number.desc()).limit(1))
    return name


def this_process() -> str:
    """Return the description of this process for others that want to open the store."""
    return f"process {os.getpid()} on {socket.gethostname()}"
