"""The requests about pools of workers."""

from typing import Annotated, Any

import msgspec

from stretto.actors.operations.base import NotedRequest, Request

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
"""The name of a pool or of a worker."""


class Pools(Request, frozen=True, tag="pools"):
    """Return the pools of workers, with their workers."""


class DrainPool(NotedRequest, frozen=True, tag="drain_pool"):
    """Let the workers of a pool finish their items and leave, or one `worker`. Its carrier starts others."""

    pool: Name
    worker: Name | None = None


class PoolsAnswer(msgspec.Struct, frozen=True, tag="pools"):
    """The pools, as `Engine.pools` returns them."""

    pools: list[dict[str, Any]]


class Drained(msgspec.Struct, frozen=True, tag="drained"):
    """How many workers leave."""

    workers: int
