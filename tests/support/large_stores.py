"""Large stores, written without an engine: runs that have ended, and a fan-out with some failed items."""

import time
import uuid
from typing import TYPE_CHECKING, Final

from stretto.actors.journal import Ending, RequestedBy
from stretto.actors.journal.records import TaskState
from stretto.definitions.data import EMPTY_LIST, list_of
from tests.support.recording import acceptance, completed, data, failed, happening

if TYPE_CHECKING:
    from stretto.actors.journal import Store

PORTION: Final = 10_000
"""Records written in one transaction."""
TASK: Final = "probe"
FAILED_EACH: Final = 100
"""Of so many items of an ended fan-out, one has failed."""
_SECONDS_BETWEEN: Final = 0.5
_PEOPLE: Final = ("mira", "ci", "hourly")


def ids_from(first: float, runs: int) -> list[str]:
    """Return ids of runs as an engine makes them, of which the first one was made at a time."""
    instants = (int((first + _SECONDS_BETWEEN * number) * 1000) for number in range(runs))
    return [str(uuid.UUID(int=(ms << 80) | (7 << 76) | (2 << 62) | number)) for number, ms in enumerate(instants)]


def record_list_and_fan_out(store: "Store", size: int) -> str:
    """Record so many runs, and a run of so many items. Return the id of that run."""
    record_list(store, size)
    return record_ended_fan_out(store, size)


def record_list(store: "Store", runs: int) -> None:
    """Record runs that have ended until now, each with two items, two labels, and somebody who has started it."""
    first = time.time() - runs * _SECONDS_BETWEEN
    ids = ids_from(first, runs)
    for begin in range(0, runs, PORTION):
        new = [
            acceptance(
                ids[number], accepted_at=first + _SECONDS_BETWEEN * number,
                labels={"env": f"stage-{number % 5}", "region": f"eu-{number % 40}"},
                requested_by=RequestedBy(_PEOPLE[number % len(_PEOPLE)], "api"),
            )
            for number in range(begin, min(begin + PORTION, runs))
        ]  # fmt: skip
        store.writer.write(new)
        store.writer.write(
            [
                happening(run.run_id, completed(0), completed(1), ending=_ending(run.accepted_at + 1, number))
                for number, run in enumerate(new)
            ]
        )


def _ending(at: float, number: int) -> Ending:
    return Ending("succeeded" if number % 9 else "failed", data({"count": 2}), EMPTY_LIST, at)


def record_ended_fan_out(store: "Store", items: int) -> str:
    """Record a run whose fan-out has failed: one of `FAILED_EACH` items has. Return its id."""
    began = time.time() - 600
    (run_id,) = ids_from(began, 1)
    run = acceptance(run_id, accepted_at=began)
    store.writer.write([run])
    task = TaskState(TASK, 1, "running", began)
    store.writer.write([happening(run_id, status="running", tasks=(task,))])
    for first in range(0, items, PORTION):
        numbers = range(first, min(first + PORTION, items))
        ends = [
            failed(index, began_at=began, seconds=0.1, at=began + 1 + index / 1000)
            if index % FAILED_EACH == FAILED_EACH - 1
            else completed(index, index, began_at=began, seconds=0.1, at=began + 1 + index / 1000)
            for index in numbers
        ]
        store.writer.write([happening(run_id, *ends, first=first)])
    bad = items // FAILED_EACH
    ended = TaskState(TASK, 1, "failed", began, began + 300, items, items - bad, bad)
    # As an engine records it: a rerun finds out from the errors what failed.
    error = {"code": "items_failed", "message": f"{bad:,} of {items:,} items failed", "task": TASK, "visit": 1,
             "where": None}  # fmt: skip
    ending = Ending("failed", data({}), list_of([data({**error, "handled": False})]), began + 300)
    store.writer.write([happening(run_id, first=items, tasks=(ended,), ending=ending)])
    return run_id
