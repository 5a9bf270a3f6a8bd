"""The numbers of runs: by status, by workflow, by hour. Each counts ranges of an index, and looks at no other runs."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    Select,
    Text,
    column,
    func,
    literal,
    select,
    true,
    union_all,
    values,
)

from stretto.actors.journal.queries import COUNTED_HOURS, HOUR_SECONDS, STATUSES, Children
from stretto.actors.journal.sql.pruning import PRUNED
from stretto.actors.journal.sql.run_rows import last_before
from stretto.actors.journal.sql.tables import runs
from stretto.actors.journal.store import MAX_COUNTED_WORKFLOWS

COUNTS: Final = select(runs.c.status, func.count().label("runs")).where(runs.c.status != PRUNED).group_by(runs.c.status)
"""The number of all runs by status."""


def _are_counted(children: Children) -> ColumnElement[bool]:
    """Return the condition for runs that are counted. `runs_by_status` has its column."""
    return true() if children == "listed" else runs.c.depth == 0


def select_counts(since: float, children: Children = "listed") -> CompoundSelect[Any]:
    """Return the statement for the number of runs by status, of those accepted at a time or later."""
    first = last_before(since)
    # Each status is a range of runs_by_status, so that no other run is looked at.
    return union_all(
        *(
            select(literal(status).label("status"), func.count().label("runs")).where(
                runs.c.status == status, runs.c.number > first, _are_counted(children)
            )
            for status in STATUSES
        )
    )


def select_counts_by_workflow(since: float, children: Children = "listed") -> Select[Any]:
    """Return the statement for the number of runs by workflow and status, of those accepted at a time or later."""
    return (
        select(runs.c.workflow, runs.c.status, func.count().label("runs"))
        .where(runs.c.number > last_before(since), runs.c.status.in_(STATUSES), _are_counted(children))
        .group_by(runs.c.workflow, runs.c.status)
    )


def counts_by_workflow(rows: Iterable[Any]) -> dict[str, dict[str, int]]:
    """Return the counts of the rows of `select_counts_by_workflow`, of the workflows with the most runs."""
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row.workflow, {})[row.status] = row.runs
    most = sorted(counts, key=lambda workflow: (-sum(counts[workflow].values()), workflow))
    return {workflow: counts[workflow] for workflow in most[:MAX_COUNTED_WORKFLOWS]}


def _select_firsts_of_hours(since: float) -> Select[Any]:
    """Return the statement for the numbers before the first run of each hour of a day, and before that of the next."""
    instants = [since + HOUR_SECONDS * hour for hour in range(COUNTED_HOURS + 1)]
    return select(*(last_before(instant).label(f"hour_{hour}") for hour, instant in enumerate(instants)))


def _select_counts_by_hour(numbers: Sequence[int], children: Children) -> Select[Any]:
    """Return the statement for the number of runs by hour and status, given the row of `_select_firsts_of_hours`."""
    hours = values(column("hour", Integer), column("before", BigInteger), column("last", BigInteger), name="hours")
    ranges = hours.data([(hour, *ends) for hour, ends in enumerate(pairwise(numbers))]).cte("hours")
    statuses = values(column("status", Text), name="statuses").data([(status,) for status in STATUSES]).cte("statuses")
    # As for all runs since a time: each count is a range of runs_by_status.
    counted = select(func.count()).where(
        runs.c.status == statuses.c.status, runs.c.number > ranges.c.before, runs.c.number <= ranges.c.last,
        _are_counted(children),
    )  # fmt: skip
    number = counted.correlate(ranges, statuses).scalar_subquery().label("runs")
    return select(ranges.c.hour, statuses.c.status, number).select_from(ranges.join(statuses, true()))


def counts_by_hour(connection: Connection, since: float, children: Children = "listed") -> list[dict[str, int]]:
    """Return the number of runs by status in each hour of the day that begins at a time."""
    numbers = connection.execute(_select_firsts_of_hours(since)).one()
    hours: list[dict[str, int]] = [{} for _ in range(COUNTED_HOURS)]
    for row in connection.execute(_select_counts_by_hour(numbers, children)):
        if row.runs:
            hours[row.hour][row.status] = row.runs
    return hours
