"""huey on SQLite, with fsync and results: tasks that wait in its queue, and are executed one after the other.

huey_tasks.py REQUEST

Its consumer is left out: the threads of that sleep between two looks, and its own loop around a task is this one.
"""

import tempfile
from pathlib import Path

import work
from huey import SqliteHuey


class Huey:
    """A queue in a file."""

    def __init__(self, file: Path) -> None:
        self._huey = SqliteHuey(filename=str(file), fsync=True)
        self._nothing = self._huey.task(name="nothing")(lambda: 0)

    def many(self, runs: int) -> None:
        """Queue all of them, execute them, and read their results."""
        results = [self._nothing() for _ in range(runs)]
        while (task := self._huey.dequeue()) is not None:
            self._huey.execute(task)
        if [each.get() for each in results] != [0] * runs:
            raise RuntimeError("a task gave another result")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        work.measure_many(Huey(Path(folder) / "huey.db"), "huey")
