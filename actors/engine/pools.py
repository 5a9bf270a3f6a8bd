"""The pools of an engine, for people: what they have, and how their workers leave."""

from typing import Any

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.queries import record_audit
from stretto.actors.journal import Requester
from stretto.actors.pools import unknown_pool_error
from stretto.actors.runs import Services


class EnginePools:
    """Answers about pools, and drains them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def list(self) -> list[dict[str, Any]]:
        """Return all pools. See `Engine.pools`."""
        pools = self._services.pools
        return [] if pools is None else [pool.report() for pool in pools.values()]

    def drain(self, pool: str, worker: str | None, by: Requester | None) -> Any:
        """Drain a pool. See `Engine.drain_pool`."""
        pools = self._services.pools
        if pools is None:
            raise unknown_pool_error(pool, ())
        count = pools.find(pool).drain(worker)
        if by is None:
            return count
        answer = Deferred()
        target = pool if worker is None else f"{pool} {worker}"
        audit = by.asks("drain_pool", target, self._services.now(), f"{count} workers")
        record_audit(self._services.journal, audit, answer, count)
        return answer
