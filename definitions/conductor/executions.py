"""A visit as StackStorm's `task()` tells of it: its result, and its status and times in StackStorm's words."""

from datetime import UTC, datetime
from typing import Final

from stretto.definitions.conductor.visit import Visit, deciding_result
from stretto.definitions.data import Data, FrozenDict, list_of, object_of

_STATUSES: Final = {"cancelled": "canceled", "delayed": "delayed", "timed_out": "timeout"}


def describe_execution(visit: Visit, run_id: str) -> FrozenDict:
    """Return {task_id, task_name, task_execution_id, workflow_execution_id, route, result, status, *_timestamp}.

    The result of a task with items is {items: [{status, result}]}. It costs what the number of items is.
    """
    return object_of(
        {
            "task_id": visit.name,
            "task_name": visit.name,
            "task_execution_id": f"{run_id}/{visit.name}/{visit.visit}",
            "workflow_execution_id": run_id,
            "route": visit.route,
            "result": deciding_result(visit) if visit.task.with_items is None else _of_items(visit),
            "status": _STATUSES.get(visit.state, visit.state),
            "start_timestamp": _time(visit.started_at),
            "end_timestamp": None if visit.ended_at is None else _time(visit.ended_at),
        }
    )


def _of_items(visit: Visit) -> FrozenDict:
    failed = {each.index: _STATUSES.get(each.outcome, each.outcome) for each in visit.failures}
    items: list[Data] = [
        object_of({"status": failed.get(index, "succeeded"), "result": result})
        for index, result in enumerate(visit.results)
    ]
    return object_of({"items": list_of(items)})


def _time(at: float) -> str:
    return str(datetime.fromtimestamp(at, UTC))
