"""The settings of an engine by name, for type checkers."""

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TypeAlias, TypedDict

from stretto.actors.actions import AddressPolicy, InquiryLimits, RemoteLimits, RenderedCommands
from stretto.actors.journal import KeyLimits
from stretto.actors.packs import Source
from stretto.actors.pools import PoolOptions
from stretto.actors.sensors import SensorLimits
from stretto.definitions.expressions import ExpressionLimits

Paths: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]]


class EngineSettings(TypedDict, total=False):
    """The arguments of `Engine.start` besides the definitions. Its docstring explains each."""

    store: str | None
    store_lease: float | None
    actions: Paths
    metrics_port: int | None
    max_items_in_flight: int
    max_runs: int
    max_result_bytes: int
    max_output_bytes: int
    capture_output: bool
    threads: int
    max_threads_left_behind: int
    workers: int | None
    max_worker_bytes: int | None
    pack_workers: int
    max_pack_process_bytes: int
    max_pack_actions: int
    remote_limits: RemoteLimits
    worker_calls: int
    worker_idle_seconds: float
    dispatchers: int
    addresses: AddressPolicy | None
    max_retry_after: float
    max_http_connections: int
    packs: Paths
    pack_config: Source | None
    keystore: Source | None
    rendered_commands: RenderedCommands
    check_digests: bool
    store_key: str | PathLike[str] | None
    retain_days: float | None
    retain_audit_days: float | None
    retain_event_days: float | None
    retain_runs: int | None
    max_unmatched_waits: int
    max_match_units: int
    inquiry_limits: InquiryLimits
    protected: Paths
    expression_limits: ExpressionLimits
    key_limits: KeyLimits
    files_read: Paths
    files_write: Paths
    files_shared: Paths
    files_host: str | None
    artifacts: str | PathLike[str] | None
    run_packs_as: str | None
    pools: Mapping[str, PoolOptions]
    runs_on: str
    sensors: SensorLimits | None
