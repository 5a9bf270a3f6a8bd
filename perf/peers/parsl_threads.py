"""Parsl on threads: apps whose arguments are the futures of other apps.

parsl_threads.py REQUEST [log]     with the log file that it writes unless told not to
"""

import sys
import tempfile
from typing import Any

import parsl
import work
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor

LOAD = parsl.python_app(work.loaded)


def _greet(given: dict[str, Any], index: int) -> dict[str, Any]:
    return work.greeted(index, f"{given['greeting']} {index}")


def _follow(_before: Any) -> None:
    return None


GREET = parsl.python_app(_greet)
FOLLOW = parsl.python_app(_follow)


class Parsl:
    """An item's app takes the future of what was loaded; so does a task that of the one before it."""

    def load(self, results: int) -> Any:
        """Have it loaded."""
        future = LOAD(results)
        future.result()
        return future

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """An app an item."""
        return [future.result() for future in [GREET(loaded, index) for index in range(items)]]

    def chain(self, tasks: int) -> None:
        """Each app waits for the future of the one before it."""
        future = None
        for _ in range(tasks):
            future = FOLLOW(future)
        assert future is not None
        future.result()

    def one_task(self) -> None:
        """One app."""
        FOLLOW(None).result()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        threads = ThreadPoolExecutor(max_threads=work.THREADS, working_dir=folder)
        parsl.load(Config(executors=[threads], run_dir=folder, initialize_logging="log" in sys.argv[2:]))
        work.measure(Parsl(), "parsl")
        parsl.dfk().cleanup()
