"""DBOS on SQLite: a workflow whose items are its steps, each recorded before the next one begins.

dbos_steps.py REQUEST [URL]      a database of a PostgreSQL server instead
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import work
from dbos import DBOS

LOADED: dict[str, dict[str, Any]] = {}
"""What was loaded, by a name: a workflow's arguments are recorded, and results of that size need not be."""


def _greet(index: int, message: str) -> dict[str, Any]:
    return work.greeted(index, message)


def _nothing() -> None:
    return None


GREET = DBOS.step(name="greet")(_greet)
NOTHING = DBOS.step(name="nothing")(_nothing)


def _fan_out(name: str, items: int) -> list[dict[str, Any]]:
    return [GREET(index, f"{LOADED[name]['greeting']} {index}") for index in range(items)]


def _chain(tasks: int) -> None:
    for _ in range(tasks):
        NOTHING()


FAN_OUT = DBOS.workflow(name="fan_out")(_fan_out)
CHAIN = DBOS.workflow(name="chain")(_chain)


class Dbos:
    """The workflow itself makes an item's message, as its code would."""

    def load(self, results: int) -> Any:
        """Make it."""
        LOADED[str(results)] = work.loaded(results)
        return str(results)

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """A workflow with a step an item."""
        results: list[dict[str, Any]] = FAN_OUT(loaded, items)
        return results

    def chain(self, tasks: int) -> None:
        """A workflow of as many steps."""
        CHAIN(tasks)

    def one_task(self) -> None:
        """A workflow of one step."""
        CHAIN(1)

    def many(self, runs: int) -> None:
        """Start so many workflows of one step, then wait for them."""
        for each in [DBOS.start_workflow(CHAIN, 1) for _ in range(runs)]:
            each.get_result()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if sys.argv[2:] else f"sqlite:///{Path(folder) / 'dbos.sqlite'}"
        DBOS(config={"name": "perf", "system_database_url": url, "log_level": "ERROR"})
        DBOS.launch()
        work.measure_many(Dbos(), "dbos") if json.loads(sys.argv[1]).get("many") else work.measure(Dbos(), "dbos")
        DBOS.destroy()
