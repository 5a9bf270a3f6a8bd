"""The effects of a cancellation or of a rerun in numbers, without doing either."""

import time
from typing import Any, Final

from stretto.actors.history.cells import map_items
from stretto.actors.history.loading import load_reuse_plan
from stretto.actors.history.past_runs import PastRun, last_visits, read_past_run
from stretto.actors.history.replay import replay
from stretto.actors.history.rerun_choices import RerunChoice
from stretto.actors.journal import (
    CODES,
    STATE_BITS,
    GivenItems,
    Prune,
    Reader,
    RerunScope,
    RunAccepted,
    RunRow,
    TaskRow,
)
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import ENDED, Conductor, IllegalTransition, tasks_of_rerun

_REUSED: Final = frozenset({CODES["succeeded"], CODES["failed"], CODES["timed_out"], CODES["skipped"]})
_WHETHER_REUSED: Final = bytes(cell & STATE_BITS in _REUSED for cell in range(256))
"""Of the items that a rerun does not choose, those that have an outcome are reused."""


def count_cancelled(conductor: Conductor) -> dict[str, Any]:
    """Return what a cancellation would stop: {policy, tasks, items, not_started}.

    `tasks` are the tasks in progress, `items` their items in flight, which finish or are stopped as the policy says,
    and `not_started` the number of their known items that would never start.
    """
    visits = conductor.active_visits()
    return {
        "policy": conductor.workflow.cancellation_policy,
        "tasks": len(visits),
        "items": sum(item.state == "running" for visit in visits for item in visit.window.values()),
        "not_started": sum(visit.left for visit in visits if visit.opened),
    }


def preview_cancel(reader: Reader, run_id: str) -> dict[str, Any]:
    """Return what a cancellation of a stored run would stop, by a replay. See `count_cancelled`.

    Raises `UnknownRun`, `IllegalTransition` for an ended or quarantined run, `StoreUnavailable`, and the errors of a
    replay.
    """
    accepted, row = reader.accepted(run_id), reader.run(run_id)
    if accepted is None or row is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    if row.status in ENDED:
        raise IllegalTransition(f"cannot cancel the run {run_id}: it has ended ({row.status})")
    if reader.quarantine(run_id) is not None:  # a replay could crash this process as well
        raise IllegalTransition(f"the run {run_id} is quarantined: a cancellation ends it at once")
    return count_cancelled(replay(reader, accepted)[0])


def preview_rerun(  # noqa: PLR0913 - the fields of a rerun
    reader: Reader,
    run_id: str,
    scope: RerunScope = "everything",
    task: str | None = None,
    *,
    items: GivenItems | None = None,
    error_group: str | None = None,
) -> dict[str, Any]:
    """Return what a rerun would do of what the old run did: {tasks, items}, the numbers that would run again.

    Raises `UnknownRun`, `IllegalTransition` for a run that has not ended, `StoreUnavailable`, and the errors of a
    rerun.
    """
    choice = RerunChoice(scope, task, items, error_group)
    accepted, row = reader.accepted(run_id), reader.run(run_id)
    if accepted is None or row is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    if row.ended_at is None:
        raise IllegalTransition(f"cannot rerun the run {run_id}: it has not ended; cancel it first")
    rerun = choice.of(run_id, reader)
    last = last_visits(reader, run_id)
    past = None if rerun.scope == "everything" else _past_run(reader, accepted, row)
    if past is None or rerun.scope == "everything":
        plan = load_reuse_plan(reader, accepted, rerun)
        again = [visit for name, visit in last.items() if plan is None or not plan.keeps(name)]
        reused = 0 if plan is None else sum(plan.reused_of(visit.task) for visit in again)
    else:
        found = tasks_of_rerun(past, rerun.scope, rerun.task, rerun.items)
        again = [visit for name, visit in last.items() if name not in found.kept]
        reused = sum(_reused_of(reader, run_id, last[task], found.chosen.get(task)) for task in found.in_part)
    return {"tasks": len(again), "items": sum(visit.items for visit in again) - reused}


def _past_run(reader: Reader, accepted: RunAccepted, row: RunRow) -> PastRun | None:
    return None if reader.quarantine(row.id) is not None else read_past_run(reader, accepted, row)


def _reused_of(reader: Reader, run_id: str, visit: TaskRow, chosen: frozenset[int] | None) -> int:
    """Return how many items of a visit a rerun reuses of which only some run again: the chosen or the failed ones."""
    if chosen is None:
        return visit.succeeded
    cells: bytes = map_items(reader, run_id, visit.task, visit.visit)["cells"]
    reused = cells.translate(_WHETHER_REUSED)
    return reused.count(1) - sum(reused[index] for index in chosen if index < len(reused))


def preview_prune(reader: Reader, older_than_seconds: float | None = None, keep: int | None = None) -> int:
    """Return how many ended runs `Engine.prune` would delete now.

    Raises `ValueError` for a negative argument, `StoreUnavailable`.
    """
    if (older_than_seconds or 0) < 0 or (keep or 0) < 0:
        raise ValueError("an age in seconds and a number of runs to keep must be at least 0")
    ended_before = None if older_than_seconds is None else time.time() - older_than_seconds
    return reader.count_doomed(Prune(ended_before, keep))
