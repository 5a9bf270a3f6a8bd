"""The effects of a cancellation or of a rerun in numbers, without doing either."""

from typing import Any

from stretto.actors.history.loading import load_reuse_plan
from stretto.actors.history.replay import replay
from stretto.actors.history.rerun_choices import RerunChoice
from stretto.actors.journal import GivenItems, Reader, RerunScope, TaskRow
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import ENDED, Conductor, IllegalTransition


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
    plan = load_reuse_plan(reader, accepted, choice.of(run_id, reader))
    last: dict[str, TaskRow] = {}
    for visit in sorted(reader.tasks(run_id), key=lambda each: each.visit):
        last[visit.task] = visit
    again = [visit for name, visit in last.items() if plan is None or not plan.keeps(name)]
    reused = 0 if plan is None else sum(plan.reused_of(visit.task) for visit in again)
    return {"tasks": len(again), "items": sum(visit.items for visit in again) - reused}
