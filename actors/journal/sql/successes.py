"""When workflows last succeeded. The search is bounded, because a workflow may have failed for a very long time."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from stretto.actors.journal.sql.tables import runs
from stretto.actors.journal.store import SUCCESSES_AMONG

_NEWEST: Final = (
    select(runs.c.status, runs.c.ended_at)
    .where(runs.c.workflow == bindparam("workflow"))
    .order_by(runs.c.number.desc())
    .limit(SUCCESSES_AMONG)
    .subquery()
)
# One workflow at a time: the limit is for each, and the index by workflow serves it.
_LAST_SUCCESS: Final = select(func.max(_NEWEST.c.ended_at)).where(_NEWEST.c.status == "succeeded")


def last_successes(connection: Connection, workflows: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Yield each workflow that has succeeded, with the end of its last success in seconds since the epoch."""
    for workflow in workflows:
        ended_at = connection.execute(_LAST_SUCCESS, {"workflow": workflow}).scalar_one()
        if ended_at is not None:
            yield workflow, ended_at
