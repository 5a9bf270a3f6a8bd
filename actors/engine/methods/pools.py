"""The pools of workers."""

from typing import Any

from stretto.actors.engine.actor import EngineActor
from stretto.actors.journal import Requester


class PoolMethods(EngineActor):
    """The pools of workers."""

    def pools(self) -> list[dict[str, Any]]:
        """Return the pools of workers.

        Returns:
            [{pool, expected, trouble, workers, slots, waiting, in_flight, ...}], with a list of {worker, name, process,
            slots, labels, actions, in_flight, state} in `workers`, in `trouble` why no worker can start, and counts
            since the start: batches, items_sent, values_put, late_ends, bytes_sent, bytes_received, workers_lost.
        """
        return self._core.pools.list()

    def drain_pool(self, pool: str, worker: str | None = None, *, by: Requester | None = None) -> Any:
        """Let the workers of a pool finish their items and leave. Its carrier starts others.

        Args:
            pool: The pool.
            worker: One worker. None is all of them.
            by: As of `submit`.

        Returns:
            How many workers will leave.

        Raises:
            UnknownPool: There is no such pool.
            UnknownWorker: It has no such worker.
        """
        return self._core.pools.drain(pool, worker, by)
