"""When workflows last succeeded. The search is bounded, because a workflow may have failed for a very long time."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from stretto.actors.journal.sql.tables import runs
from stretto.actors.journal.store import SUCCESSES_AMONG

_WORKFLOW: Final = bindparam("workflow", type_=runs.c.workflow.type)
_newer = runs.alias("newer")
_NEWEST_THAT_IS_LEFT_OUT: Final = (
    select(_newer.c.number)
    .where(_newer.c.workflow == _WORKFLOW)
    .order_by(_newer.c.number.desc())
    .limit(1)
    .offset(SUCCESSES_AMONG)
    .scalar_subquery()
)
# One workflow at a time: the search goes back through the index by workflow, and ends at the first success. As an
# expression the status keeps databases from its own index, which has the successes of all workflows.
_LAST_SUCCESS: Final = (
    select(runs.c.ended_at)
    .where(
        runs.c.workflow == _WORKFLOW,
        runs.c.number > func.coalesce(_NEWEST_THAT_IS_LEFT_OUT, 0),
        runs.c.status.concat("") == "succeeded",
    )
    .order_by(runs.c.number.desc())
    .limit(1)
)


def last_successes(connection: Connection, workflows: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Yield each workflow with a success, and when its newest successful run ended in seconds since the epoch."""
    for workflow in workflows:
        ended_at = connection.execute(_LAST_SUCCESS, {"workflow": workflow}).scalar_one_or_none()
        if ended_at is not None:
            yield workflow, ended_at
