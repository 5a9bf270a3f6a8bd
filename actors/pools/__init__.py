"""Pools: actions run on workers elsewhere, in batches, over a carrier that the pool does not know.

item --Pool.perform(call)--> Scheduler --Perform--> carrier --> Worker --> the runners of a daemon
                                 '--- Begun, Ended, Beat <--------'
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.pools.announcing import can_leave
    from stretto.actors.pools.calls import PooledCall
    from stretto.actors.pools.carrier import Carrier, CarrierEvents
    from stretto.actors.pools.ends import Caller, CallsEnded
    from stretto.actors.pools.pool import Pool, PoolNeedsKey, UnknownWorker
    from stretto.actors.pools.pools import (
        HERE,
        NO_OPTIONS,
        CallPolicy,
        PoolOptions,
        Pools,
        UnknownPool,
        UnmetNeeds,
        known_pools,
        unknown_pool_error,
    )
    from stretto.actors.pools.ray_carrier import RayPlace
    from stretto.actors.pools.serving import Worker
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "announcing": "can_leave",
            "calls": "PooledCall",
            "carrier": "Carrier CarrierEvents",
            "ends": "Caller CallsEnded",
            "pool": "Pool PoolNeedsKey UnknownWorker",
            "pools": (
                "CallPolicy HERE NO_OPTIONS PoolOptions Pools UnknownPool UnmetNeeds known_pools unknown_pool_error"
            ),
            "ray_carrier": "RayPlace",
            "serving": "Worker",
        },
    )

__all__ = [
    "HERE", "NO_OPTIONS", "CallPolicy", "Caller", "CallsEnded", "Carrier", "CarrierEvents", "Pool", "PoolNeedsKey",
    "PoolOptions", "PooledCall", "Pools", "RayPlace", "UnknownPool", "UnknownWorker", "UnmetNeeds", "Worker",
    "can_leave", "known_pools", "unknown_pool_error",
]  # fmt: skip
