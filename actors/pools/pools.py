"""The pools of an engine, by name."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from stretto.actors.actions import AddressPolicy
from stretto.actors.journal import read_key_file
from stretto.actors.pools.carrier import Carrier
from stretto.actors.pools.messages import Welcome
from stretto.actors.pools.pool import Pool, new_engine_number
from stretto.actors.pools.processes import ProcessCarrier
from stretto.actors.pools.ray_carrier import RayCarrier, RayPlace
from stretto.actors.pools.worker_code import WorkerCode
from stretto.actors.settings import (
    BEAT_SECONDS,
    MAX_CACHE_BYTES,
    MAX_POOL_SLOTS,
    MAX_POOL_WORKERS,
    POOL_SLOTS,
    carrier_problem,
)
from stretto.definitions.errors import StrettoError, names_there, nearest
from stretto.definitions.model import Resources

NO_OPTIONS: Final[Mapping[str, "PoolOptions"]] = {}
HERE: Final = "here"
"""The daemon's own threads and processes: the pool of all that names no other one."""
ONE_CPU: Final = Resources(cpus=1.0)


class UnmetNeeds(StrettoError):
    """No worker of a pool can have what an item needs. The message says what is missing."""

    code = "unmet_needs"


class UnknownPool(StrettoError):
    """There is no such pool. The message names the nearest one."""

    code = "unknown_pool"


def unknown_pool_error(name: object, known: Iterable[str]) -> UnknownPool:
    """Return the error that there is no pool of this name, with the nearest of the known ones."""
    names = tuple(known)
    hint = nearest(name, names) if isinstance(name, str) else ""
    return UnknownPool(f"there is no pool {name!r:.100}; {hint or names_there(names) or 'there is none'}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """How a pool is made.

    Attributes:
        workers: How many workers there are, from 1 to `MAX_POOL_WORKERS`, or 64 without `ray`.
        slots: How many calls each runs at a time, from 1 to `MAX_POOL_SLOTS`.
        actions: Modules and files with the actions that they can run.
        packs: Folders of the packs whose actions they can run, as they are on their machines.
        beat: The seconds between two beats. A worker that misses three is lost.
        cache_bytes: The bytes of large values that a worker keeps.
        ray: The Ray cluster on which the workers run. None means processes on this machine.
        insecure: Whether a cluster elsewhere may be used without Ray's token authentication.
        resources: What each worker has, of which items with needs take their shares. None is what `ray` reserves, or
            one CPU.
    """

    workers: int = 1
    slots: int = POOL_SLOTS
    actions: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    beat: float = BEAT_SECONDS
    cache_bytes: int = MAX_CACHE_BYTES
    ray: RayPlace | None = None
    insecure: bool = False
    resources: Resources | None = None

    @property
    def offers(self) -> Resources:
        """Return the resources of each worker."""
        if self.resources is not None:
            return self.resources
        place = self.ray
        return ONE_CPU if place is None else Resources(place.cpus, place.gpus, place.memory, place.labels)

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, value, most in (("workers", self.workers, MAX_POOL_WORKERS), ("slots", self.slots, MAX_POOL_SLOTS)):
            if not 1 <= value <= most:
                raise ValueError(f"{name} of a pool must be from 1 to {most:,}, got {value}")
        if self.beat <= 0:
            raise ValueError(f"beat of a pool must be above 0, got {self.beat}")
        carrier, address = ("processes", None) if self.ray is None else ("ray", self.ray.address)
        problem = carrier_problem(carrier, self.workers, address, os.environ, insecure=self.insecure)
        if problem is not None:
            raise ValueError(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """The permissions of the calls in pools.

    Attributes:
        addresses: The addresses that core.http may connect to.
        max_retry_after: The longest wait before a retry, in seconds, that a server can ask for.
        max_http_connections: The connections that core.http has open at a time, for each worker.
    """

    addresses: AddressPolicy = field(default_factory=AddressPolicy)
    max_retry_after: float
    max_http_connections: int


class Pools(dict[str, Pool]):
    """All pools but `here`, by name. Each item looks one up, which a dict does quickest.

    Args:
        options: How each is made, by name.
        policy: What the daemon allows their calls.
    """

    def __init__(self, options: Mapping[str, PoolOptions], policy: CallPolicy) -> None:
        engine = new_engine_number()
        super().__init__((name, _pool(name, each, _welcome(engine, each, policy))) for name, each in options.items())

    def find(self, name: str) -> Pool:
        """Return a pool. Raises UnknownPool."""
        pool = self.get(name)
        if pool is None:
            raise unknown_pool_error(name, self)
        return pool

    def start(self, changed: Callable[[str, int], None]) -> None:
        """Start all pools.

        Args:
            changed: Called with a pool's name and its capacity when that has changed, on the pool's thread.
        """
        for name, pool in self.items():
            pool.start(partial(changed, name))

    def stop(self) -> None:
        """Stop all pools."""
        for pool in self.values():
            pool.stop()


def _pool(name: str, options: PoolOptions, welcome: Welcome) -> Pool:
    return Pool(name, _carrier(name, options), welcome, options.offers, has_packs=bool(options.packs))


def _carrier(name: str, options: PoolOptions) -> Carrier:
    place, code = options.ray, WorkerCode(options.actions, options.packs)
    if place is None:
        return ProcessCarrier(name, workers=options.workers, slots=options.slots, code=code)
    keys = None if place.key_file is None else read_key_file(place.key_file)
    return RayCarrier(name, place, workers=options.workers, slots=options.slots, code=code, keys=keys)


def _welcome(engine: int, options: PoolOptions, policy: CallPolicy) -> Welcome:
    return Welcome(
        engine, options.beat, tuple(map(str, policy.addresses.deny)), tuple(map(str, policy.addresses.allow)),
        policy.max_retry_after, policy.max_http_connections, options.cache_bytes,
    )  # fmt: skip


def known_pools(options: Mapping[str, PoolOptions]) -> dict[str, Resources | None]:
    """Return the pools by name, `here` first, each with what a worker has if that counts."""
    return {HERE: None, **{name: each.offers for name, each in options.items()}}
