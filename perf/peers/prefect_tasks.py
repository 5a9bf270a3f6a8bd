"""Prefect with a server of its own on SQLite: flows whose items are tasks on a pool of threads."""

import logging
from typing import Any

import work
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.testing.utilities import prefect_test_harness


def _greet(index: int, message: str) -> dict[str, Any]:
    return work.greeted(index, message)


def _nothing() -> None:
    return None


GREET = task(_greet)
NOTHING = task(_nothing)
LOADED: dict[str, dict[str, Any]] = {}
"""What was loaded, by a name: a flow's parameters are sent to its server, and results of that size need not be."""


def _fan_out(name: str, items: int) -> list[dict[str, Any]]:
    futures = [GREET.submit(index, f"{LOADED[name]['greeting']} {index}") for index in range(items)]
    return [future.result() for future in futures]


def _chain(tasks: int) -> None:
    for _ in range(tasks):
        NOTHING()


FAN_OUT = flow(_fan_out, name="fan_out", task_runner=ThreadPoolTaskRunner(max_workers=work.THREADS))
CHAIN = flow(_chain, name="chain")


class Prefect:
    """The flow itself makes an item's message, as its code would."""

    def load(self, results: int) -> Any:
        """Make it."""
        LOADED[str(results)] = work.loaded(results)
        return str(results)

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """A flow with a task an item."""
        results: list[dict[str, Any]] = FAN_OUT(loaded, items)
        return results

    def chain(self, tasks: int) -> None:
        """A flow of as many tasks."""
        CHAIN(tasks)

    def one_task(self) -> None:
        """A flow of one task."""
        CHAIN(1)


if __name__ == "__main__":
    with prefect_test_harness(server_startup_timeout=120):
        logging.disable(logging.WARNING)
        work.measure(Prefect(), "prefect")
