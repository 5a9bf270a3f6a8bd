"""The work that every engine is given, and how it is timed; only the standard library, for all environments.

A script of this folder is called with one argument, a JSON object of what to do (`Request`), and writes one JSON
object: the engine's version, seconds a task of the chain, seconds a run, and seconds an item for each fan-out. The
fan-outs come last, and those over another context in another process: some engines have work left after them.
What an engine prints goes to the standard error.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from platform import python_version
from statistics import median
from time import perf_counter
from typing import Any, Protocol

RESULTS_A_MEGABYTE = 100
ROWS = 98
THREADS = 8
WARM_UP_ITEMS = 10
CHAINS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure: fan-outs of each size over so many MB, a chain, runs of one task (0: none); a limit in seconds.

    `many`: runs of one task that are there at once, for `measure_many`.

    A fan-out that would take longer than the limit, as those before it say, is left out, and so is the rest.
    """

    megabytes: int
    items: list[int]
    chain_tasks: int
    runs: int
    limit: float
    many: int = 0


class Stopwatch:
    """Tells how long it is since it was started; who loads within a fan-out starts it again after that."""

    def __init__(self) -> None:
        self._began = perf_counter()

    def start(self) -> None:
        """Begin to count."""
        self._began = perf_counter()

    def read(self) -> float:
        """Return the seconds since then."""
        return perf_counter() - self._began


STOPWATCH = Stopwatch()


class Engine(Protocol):
    """What an engine does of the work, each in the way that is its own."""

    def load(self, results: int) -> Any:
        """Have a task return a greeting and so many results of 10 KB; return that as later tasks refer to it."""

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """Have a trivial action a item make `greeted` of a message from what was loaded; return all in order."""

    def chain(self, tasks: int) -> None:
        """Perform so many trivial tasks, one after the other."""

    def one_task(self) -> None:
        """Perform a run of one trivial task, until its result is there."""


def loaded(results: int) -> dict[str, Any]:
    """Return what the first task returns: a greeting, and so many results of 10 KB each."""
    return {"greeting": "hello", "results": [_result(number) for number in range(results)]}


def _result(number: int) -> dict[str, Any]:
    rows = [
        {"id": number * ROWS + row, "name": f"server-{number}-{row}", "state": "healthy", "note": "x" * 33}
        for row in range(ROWS)
    ]
    return {"number": number, "rows": rows}


def greeted(index: int, message: str) -> dict[str, Any]:
    """Return what an item's action returns."""
    return {"index": index, "message": message}


def measure(engine: Engine, distribution: str) -> None:
    """Do what was asked for with an engine, and write what it took; `distribution`: what it is called on PyPI."""
    request = Request(**json.loads(sys.argv[1]))
    with _answering(distribution) as cases:
        engine.one_task()
        if request.chain_tasks:
            chains = [_seconds(lambda: engine.chain(request.chain_tasks)) for _ in range(CHAINS)]
            cases["chain"] = median(chains) / request.chain_tasks
        if request.runs:
            cases["run"] = median(_seconds(engine.one_task) for _ in range(request.runs))
        cases.update(_fan_outs(engine, request))


class ManyRuns(Protocol):
    """What is asked of a queue of tasks, which has no workflows."""

    def many(self, runs: int) -> None:
        """Have so many runs of one task done that are there at once, until all results are there."""


def measure_many(engine: ManyRuns, distribution: str) -> None:
    """Measure runs of one task that are there at once, and write what one took."""
    request = Request(**json.loads(sys.argv[1]))
    with _answering(distribution) as cases:
        engine.many(WARM_UP_ITEMS)
        STOPWATCH.start()
        engine.many(request.many)
        cases["many"] = STOPWATCH.read() / request.many


@contextmanager
def _answering(distribution: str) -> Iterator[dict[str, float]]:
    """Give the cases to fill, and write them, with the engine's version. What it prints goes to standard error."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    cases: dict[str, float] = {}
    yield cases
    told = python_version() if distribution == "python" else version(distribution)
    json.dump({"version": told, "cases": cases}, answer)
    answer.close()


def _fan_outs(engine: Engine, request: Request) -> dict[str, float]:
    found: dict[str, float] = {}
    given = engine.load(request.megabytes * RESULTS_A_MEGABYTE)
    engine.fan_out(given, WARM_UP_ITEMS)
    an_item, grows = 0.0, 1.0
    for items in request.items:
        if an_item * grows * items > request.limit:
            break
        STOPWATCH.start()
        results = engine.fan_out(given, items)
        before, an_item = an_item, STOPWATCH.read() / items
        grows = max(1.0, an_item / before) if before else 1.0
        if results != [greeted(index, f"hello {index}") for index in range(items)]:
            raise RuntimeError(f"the fan-out gave {len(results)} results, the first {results[:1]}")
        found[f"{request.megabytes} MB, {items} items"] = an_item
    return found


def _seconds(work: Callable[[], None]) -> float:
    STOPWATCH.start()
    work()
    return STOPWATCH.read()
