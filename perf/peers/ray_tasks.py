"""Ray on this machine: remote functions in worker processes, what they share in its object store.

ray_tasks.py REQUEST [BATCH]     so many items a remote call; 1 unless it says otherwise
"""

import logging
import sys
from typing import Any

import ray
import work

LOAD = ray.remote(work.loaded)


def _greet(given: dict[str, Any], indexes: list[int]) -> list[dict[str, Any]]:
    return [work.greeted(index, f"{given['greeting']} {index}") for index in indexes]


def _greeting(given: dict[str, Any]) -> dict[str, Any]:
    return {"greeting": given["greeting"]}


def _follow(_before: Any) -> None:
    return None


GREET = ray.remote(_greet)
GREETING = ray.remote(_greeting)
FOLLOW = ray.remote(_follow)


class Ray:
    """An item's call takes a reference to the greeting: one to all that was loaded would copy it for each."""

    def __init__(self, batch: int) -> None:
        self._batch = batch

    def load(self, results: int) -> Any:
        """Have it loaded, and the greeting taken from it."""
        loaded = LOAD.remote(results)
        ray.wait([loaded])
        return loaded

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """A call an item, or a batch of them."""
        greeting = GREETING.remote(loaded)
        starts = range(0, items, self._batch)
        calls = [GREET.remote(greeting, list(range(items)[start : start + self._batch])) for start in starts]
        return [result for results in ray.get(calls) for result in results]

    def chain(self, tasks: int) -> None:
        """Each call waits for the one before it."""
        reference: Any = None
        for _ in range(tasks):
            reference = FOLLOW.remote(reference)
        ray.get(reference)

    def one_task(self) -> None:
        """One call."""
        ray.get(FOLLOW.remote(None))


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    work.measure(Ray(int(sys.argv[2]) if len(sys.argv) > 2 else 1), "ray")
    ray.shutdown()
