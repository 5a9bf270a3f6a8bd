"""Pools as the settings describe them."""

from collections.abc import Mapping

from stretto.actors.pools import PoolOptions, RayPlace
from stretto.actors.settings import PoolSettings
from stretto.definitions.model import Resources


def pool_options(pools: Mapping[str, PoolSettings], actions: tuple[str, ...]) -> dict[str, PoolOptions]:
    """Return how each pool is made, by name.

    Args:
        pools: The settings of the pools.
        actions: The engine's modules and files of actions, which the workers have unless their pool names its own.
    """
    return {name: _options(each, actions) for name, each in pools.items()}


def _options(settings: PoolSettings, actions: tuple[str, ...]) -> PoolOptions:
    place = None if settings.carrier != "ray" else RayPlace(
        address=settings.address or "", cpus=settings.cpus, gpus=settings.gpus, memory=settings.memory,
        labels=settings.labels, key_file=settings.key_file,
    )  # fmt: skip
    return PoolOptions(
        workers=settings.workers, slots=settings.slots, actions=settings.actions or actions, packs=settings.packs,
        beat=settings.beat,
        cache_bytes=settings.max_cache_bytes, ray=place, insecure=settings.insecure,
        resources=Resources(settings.cpus, settings.gpus, settings.memory, settings.labels),
    )  # fmt: skip
