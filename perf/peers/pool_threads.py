"""No engine: a bare pool of threads that calls the same functions, the least that all of it can take."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import work


def _greet(given: dict[str, Any], index: int) -> dict[str, Any]:
    return work.greeted(index, f"{given['greeting']} {index}")


def _nothing() -> None:
    return None


class Pool:
    """A call an item."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def load(self, results: int) -> Any:
        """Make it."""
        return work.loaded(results)

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """All calls submitted, and then their results in order."""
        futures = [self._pool.submit(_greet, loaded, index) for index in range(items)]
        return [future.result() for future in futures]

    def chain(self, tasks: int) -> None:
        """Each call when the one before it has ended."""
        for _ in range(tasks):
            self.one_task()

    def one_task(self) -> None:
        """One call."""
        self._pool.submit(_nothing).result()


if __name__ == "__main__":
    with ThreadPoolExecutor(work.THREADS) as threads:
        work.measure(Pool(threads), "python")
