"""Dask's distributed scheduler, its one worker with threads in the same process."""

from typing import Any

import work
from distributed import Client


def _greet(given: dict[str, Any], index: int) -> dict[str, Any]:
    return work.greeted(index, f"{given['greeting']} {index}")


def _follow(_before: Any) -> None:
    return None


class Dask:
    """An item's task takes the future of what was loaded; so does a task that of the one before it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def load(self, results: int) -> Any:
        """Have it loaded."""
        future = self._client.submit(work.loaded, results, pure=False)
        future.result()
        return future

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """A task an item, all handed over in one call."""
        futures = self._client.map(lambda index, given: _greet(given, index), range(items), given=loaded, pure=False)
        gathered: list[dict[str, Any]] = self._client.gather(futures)
        return gathered

    def chain(self, tasks: int) -> None:
        """Each task waits for the future of the one before it."""
        future = None
        for _ in range(tasks):
            future = self._client.submit(_follow, future, pure=False)
        assert future is not None
        future.result()

    def one_task(self) -> None:
        """One task."""
        self._client.submit(_follow, None, pure=False).result()


if __name__ == "__main__":
    with Client(processes=False, n_workers=1, threads_per_worker=work.THREADS, dashboard_address=None) as connected:
        work.measure(Dask(connected), "distributed")
