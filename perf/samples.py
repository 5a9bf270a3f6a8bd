"""The data that the benchmarks work on: results of 10 KB, and contexts that hold so many of them."""

from typing import Any

from stretto.definitions.context import Context, RunFacts, TaskRecord
from stretto.definitions.data import FrozenDict, FrozenList, freeze

RESULTS_A_MEGABYTE = 100
_ROWS = 98


def result(number: int) -> dict[str, Any]:
    """Return a result whose JSON text has about 10 KB: a hundred small objects, as an inventory's reply has."""
    return {
        "greeting": "hello",
        "number": number,
        "rows": [
            {"id": number * _ROWS + row, "name": f"server-{number}-{row}", "state": "healthy", "note": "x" * 33}
            for row in range(_ROWS)
        ],
    }


def frozen_object(value: dict[str, Any]) -> FrozenDict:
    """Return an object as frozen data."""
    frozen = freeze(value)
    assert isinstance(frozen, FrozenDict)
    return frozen


def frozen_list(value: list[Any]) -> FrozenList:
    """Return a list as frozen data."""
    frozen = freeze(value)
    assert isinstance(frozen, FrozenList)
    return frozen


def context(results: int) -> Context:
    """Return a run's context with two parameters, the task `load`, and so many tasks' results of 10 KB beside it."""
    names = ["load", *(f"task_{number}" for number in range(results))]
    parameters = frozen_object({"region": "north", "limit": 10})
    made = Context(RunFacts(parameters, frozen_object({"workflow": "perf"}), names))
    made.record_task(TaskRecord("load", "succeeded", frozen_object({"greeting": "hello"})))
    for number in range(results):
        made.record_task(TaskRecord(f"task_{number}", "succeeded", freeze(result(number))))
    return made


def inventory(megabytes: int) -> FrozenList:
    """Return so many MB of results as one list."""
    return frozen_list([result(number) for number in range(megabytes * RESULTS_A_MEGABYTE)])
