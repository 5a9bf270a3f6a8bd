"""The settings of one pool of workers."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stretto.actors.settings.common_types import Count, Texts

HERE = "here"
"""The daemon itself: the pool of what runs in none."""
POOL_SLOTS = 16
MAX_POOLS = 64
MAX_POOL_WORKERS = 1_000
MAX_POOL_SLOTS = 1_024
MAX_CACHE_BYTES = 256 * 1024 * 1024
BEAT_SECONDS = 5.0


class PoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One pool of the section `pools`, by its name: workers in which tasks with `runs_on` run.

    Attributes:
        carrier: Where the workers are: processes on this machine, or actors on a Ray cluster.
        workers: How many there are.
        slots: How many calls each runs at a time.
        actions: Modules and files of the actions that they can run.
        packs: Folders of the packs whose actions they can run, as they are on their machines.
        beat: The seconds between two beats of a worker. One that misses three is lost.
        max_cache_bytes: How many bytes of large shared values a worker keeps.
        address: The address of the Ray cluster's head.
        insecure: Whether a cluster elsewhere may be used without Ray's token authentication.
        key_file: The file with the pool's key, here and on each node.
        cpus: The CPUs that Ray reserves for a worker.
        gpus: The GPUs that Ray reserves for a worker.
        memory: The bytes of memory that Ray reserves for a worker.
        labels: The labels that a worker's node must have.
    """

    carrier: Annotated[Literal["processes", "ray"], Meta(description="processes or ray")] = "processes"
    workers: Annotated[
        int, Meta(ge=1, le=MAX_POOL_WORKERS, description=f"a whole number from 1 to {MAX_POOL_WORKERS:,}")
    ] = 1
    slots: Annotated[int, Meta(ge=1, le=MAX_POOL_SLOTS, description=f"a whole number from 1 to {MAX_POOL_SLOTS:,}")] = (
        POOL_SLOTS
    )
    actions: Texts = ()
    packs: Texts = ()
    beat: Annotated[float, Meta(ge=0.1, le=3_600, description="a number of seconds from 0.1 to 3600")] = BEAT_SECONDS
    max_cache_bytes: Count = MAX_CACHE_BYTES
    address: Annotated[
        Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$")] | None,
        Meta(description="the address of a Ray cluster's head as HOST:PORT"),
    ] = None
    insecure: Annotated[bool, Meta(description="true or false")] = False
    key_file: Annotated[str | None, Meta(description="the path of a file, or null")] = None
    cpus: Annotated[float, Meta(ge=0, le=1_024, description="a number from 0 to 1024")] = 1.0
    gpus: Annotated[float, Meta(ge=0, le=64, description="a number from 0 to 64")] = 0.0
    memory: Annotated[int, Meta(ge=0, description="a whole number of bytes, at least 0")] = 0
    labels: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=63)], Annotated[str, Meta(max_length=63)]],
        Meta(max_length=64, description="at most 64 texts by name"),
    ] = {}
