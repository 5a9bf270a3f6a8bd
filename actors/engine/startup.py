"""The parts of an engine, started in one order and stopped in the reverse one."""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TypeVar

import pykka
import structlog

from stretto.actors.actions import (
    AddressPolicy,
    InquiryLimits,
    RemoteLimits,
    RenderedCommands,
)
from stretto.actors.catalogue import Catalogue, Rules, load_library
from stretto.actors.dispatch import Clock, Dispatcher, TimeGuard, Timers
from stretto.actors.engine.action_inquiries import InquiriesOfActions
from stretto.actors.engine.action_keys import ActionKeys, KeysOfPacks
from stretto.actors.engine.offers import offers_of
from stretto.actors.engine.pack_access import access_for_packs
from stretto.actors.engine.retention import FOR_EVER, Retention
from stretto.actors.engine.sensors import BeginSensors, SensorSupport
from stretto.actors.engine.settings import Paths
from stretto.actors.engine.stop_stack import StopStack
from stretto.actors.events import EventIntake, EventWaits, Matcher
from stretto.actors.files import FileAccess, FileThreads, ProtectedFiles
from stretto.actors.journal import (
    DEFAULT_KEY_LIMITS,
    NOTHING_CLAIMED,
    Claimed,
    EngineLink,
    KeyLimits,
    Needs,
    NoJournal,
    NoReaders,
    OpenJournal,
    Peers,
    Reader,
    claim_all,
    files_of,
    open_journal,
)
from stretto.actors.kv import HeldKeys, KeySnapshot
from stretto.actors.locating import is_folder
from stretto.actors.packs import PackConfiguration, Source, read_pack_configuration
from stretto.actors.pools import HERE, CallPolicy, PoolOptions, Pools, known_pools, unknown_pool_error
from stretto.actors.runners import Runners
from stretto.actors.runs import MAX_RUNS, PermitPool, PruneDue, Services, SharePermits
from stretto.actors.schedules import BeginSchedules
from stretto.actors.sensors import SensorLimits
from stretto.actors.workers import WorkerLife
from stretto.definitions.expressions import LEAST_MAX_BYTES, LEAST_MAX_COST, MOST, ExpressionLimits, evaluation_of
from stretto.metrics import MAX_WORKFLOWS, Instruments, MetricsServer, configure_logging, get_logger

EVALUATION_SECONDS = 2.0
"""An evaluation is stopped after this time. Its limits on work and memory end it long before, unless they fail."""

_log = get_logger("stretto.engine")

Actor = TypeVar("Actor", bound=pykka.Actor)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """The arguments of `Engine.start`."""

    definitions: Paths | None
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
    worker_life: WorkerLife
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
    retention: Retention
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


@dataclass(frozen=True, slots=True)
class EngineParts:
    """The arguments of an engine's actor. Closing `stack` stops all of them."""

    services: Services
    catalogue: Catalogue
    pack_configuration: PackConfiguration
    metrics_url: str | None = None
    journal: OpenJournal | None = None
    claimed: Claimed = NOTHING_CLAIMED
    retention: Retention = FOR_EVER
    max_runs: int = MAX_RUNS
    key_limits: KeyLimits = DEFAULT_KEY_LIMITS
    link: EngineLink = field(default_factory=NoJournal)
    sensors: SensorSupport | None = None
    stack: StopStack = field(default_factory=StopStack)


def start_parts(options: EngineOptions) -> EngineParts:
    """Start everything an engine needs. Raises as `Engine.start` does, and then leaves nothing running."""
    _check(options)
    if not structlog.is_configured():
        # Unconfigured, structlog prints every DEBUG line to standard output, one for each item.
        configure_logging("WARNING")
    library = load_library(
        as_list(options.definitions or ()), actions=as_list(options.actions), packs=as_list(options.packs),
        rendered_commands=options.rendered_commands,
        rules=Rules(pools=known_pools(options.pools), max_pack_actions=options.max_pack_actions),
    )  # fmt: skip
    catalogue = library.catalogue
    pack_configuration = read_pack_configuration(options.pack_config, options.keystore, library.packs)
    with StopStack() as stack:
        instruments = Instruments()
        instruments.list_workflows(catalogue.refs())
        metrics_url = None
        if options.metrics_port is not None:
            server = MetricsServer(instruments.registry, port=options.metrics_port)
            server.start()
            stack.add("metrics", server.stop)
            metrics_url = server.url
        guard = TimeGuard(EVALUATION_SECONDS, evaluation_of)
        stack.add("time guard", guard.stop)
        dispatcher = Dispatcher(options.dispatchers)
        stack.add("dispatcher", dispatcher.stop)
        timers = Timers(start_clock(stack))
        journal = None
        if options.store is not None:
            journal = open_journal(
                options.store, options.store_key, guard, dispatcher.right_of_way, options.store_lease
            )
            stack.add("journal", journal.close)
        reach = FileAccess(
            _protected(options), as_list(options.files_read), as_list(options.files_write),
            as_list(options.files_shared), options.files_host,
        )  # fmt: skip
        claimed = NOTHING_CLAIMED if journal is None else _claim(journal, offers_of(catalogue, options.pools, reach))
        keys = () if journal is None else tuple(journal.store.reader.keys.all())
        if journal is not None:
            _restore_last_successes(instruments, catalogue, journal.store.reader)
        files = FileThreads(reach)
        stack.add("files", files.stop)
        runners = Runners(
            threads=options.threads, addresses=options.addresses,
            max_threads_left_behind=options.max_threads_left_behind, max_retry_after=options.max_retry_after,
            max_http_connections=options.max_http_connections,
            capture_output=options.capture_output, workers=options.workers, max_worker_bytes=options.max_worker_bytes,
            pack_workers=options.pack_workers, max_pack_bytes=options.max_pack_process_bytes,
            worker_life=options.worker_life, remote=options.remote_limits,
        )  # fmt: skip
        stack.add("runners", runners.stop)
        pools = Pools(options.pools, CallPolicy(
            addresses=options.addresses or AddressPolicy(), max_retry_after=options.max_retry_after,
            max_http_connections=options.max_http_connections,
        ))  # fmt: skip
        pool_permits = {name: PermitPool(0, name) for name in pools}
        stack.add("pools", pools.stop)
        memory = NoJournal()
        link = memory if journal is None else journal.link
        waits = EventWaits(
            memory if journal is None else None,
            None if journal is None else journal.readers,
            options.max_unmatched_waits,
        )
        services = Services(
            dispatcher, timers, runners, library.actions, instruments, options.check_digests,
            journal=link,
            readers=NoReaders() if journal is None else journal.readers, files=files,
            permits=PermitPool(options.max_items_in_flight), limits=options.expression_limits, guard=guard,
            max_result_bytes=options.max_result_bytes, max_output_bytes=options.max_output_bytes,
            max_made_inquiries=options.inquiry_limits.max_made,
            keys=HeldKeys(KeySnapshot.of(keys)), pools=pools, pool_permits=pool_permits,
            now=time.time if journal is None else journal.now,
            events=EventIntake(link, Matcher(guard, most_units=options.max_match_units), waits),
            runs_on=options.runs_on,
        )  # fmt: skip
        access = access_for_packs(
            KeysOfPacks(services.keys, services.now),
            options.artifacts,
            options.run_packs_as,
            options.max_pack_process_bytes,
            InquiriesOfActions(lambda: services.engine, options.inquiry_limits.max_bytes),
        )
        runners.give_access(access)
        answer = ActionKeys(services.keys, lambda: services.engine, services.now).answer
        runners.answer_questions(answer)
        sensors = None if options.sensors is None else SensorSupport(options.sensors, answer, access)
        if journal is not None:
            if journal.peers is not None:
                _share_keys(services, journal.peers, journal.server_now)
            journal.start(timers, instruments, lambda: services.engine_if_made)
        return EngineParts(
            services, catalogue, pack_configuration, metrics_url, journal, claimed, options.retention,
            options.max_runs, options.key_limits, link, sensors, stack.pop_all(),
        )  # fmt: skip


def _claim(journal: OpenJournal, offered: Needs) -> Claimed:
    """Claim all runs that are left, in a shared store only those that need no more than is offered."""
    if journal.sharing is not None:
        journal.store.claims.offer(offered)
    return claim_all(journal.store.claims)


def _restore_last_successes(instruments: Instruments, catalogue: Catalogue, reader: Reader) -> None:
    """Set when each workflow last succeeded, as far as the store has it and the workflow has its own series."""
    for workflow, ended_at in reader.last_successes(catalogue.refs()[:MAX_WORKFLOWS]).items():
        instruments.workflow(workflow).succeeded_before(ended_at)


def _protected(options: EngineOptions) -> ProtectedFiles:
    """Return the engine's own files, which workflows must not read or write."""
    given: list[str | PathLike[str]] = [
        *as_list(options.protected),
        *(() if options.store is None else files_of(options.store)),
    ]
    for source in (options.store_key, options.pack_config, options.keystore):
        if isinstance(source, str | PathLike):
            path = Path(source)
            given += path.iterdir() if is_folder(path) else [path]
    return ProtectedFiles(given)


def start_actor(parts: EngineParts, start: "Callable[[], pykka.ActorRef[Actor]]") -> "pykka.ActorRef[Actor]":
    """Start the engine's actor, and return when it takes turns. If that fails, all parts are stopped."""
    try:
        reference = start()
        _begin(parts, reference)
    except BaseException:
        parts.stack.close()
        raise
    reference.tell(BeginSchedules())
    reference.tell(BeginSensors())
    if parts.journal is not None and parts.retention.is_limited:
        reference.tell(PruneDue())
    _log.info(
        "engine_started", workflows=len(parts.catalogue.refs()), metrics=parts.metrics_url,
        store=parts.journal.store.url if parts.journal is not None else None, unfinished=len(parts.claimed.unfinished),
    )  # fmt: skip
    return reference


def _begin(parts: EngineParts, engine: "pykka.ActorRef[Actor]") -> None:
    """Let the parts reach the engine's actor, once it takes turns."""
    services = parts.services
    if services.pools is not None:
        services.pools.start(lambda name, capacity: _resize(services, engine, name, capacity))
    engine.ask(SharePermits())  # its answer shows that the engine takes turns
    if parts.journal is not None:
        if parts.journal.peers is not None:
            parts.journal.peers.use_limits(services.key_limits)
            parts.journal.peers.use_rates(services.rate_limits)
        parts.journal.engine_started()
        parts.journal.start_peers(engine, services.keys.load)


def _resize(services: Services, engine: "pykka.ActorRef[Actor]", pool: str, capacity: int) -> None:
    """Let as many items into a pool as its workers can have. Called on the pool's thread."""
    if services.pool_permits[pool].resize(capacity):
        with contextlib.suppress(pykka.ActorDeadError):  # the engine stops
            engine.tell(SharePermits())


def _share_keys(services: Services, peers: Peers, now: Callable[[], float]) -> None:
    """Share the permits and the rates of keys with the other engines of the store."""
    services.key_limits.connect(peers.share, lambda: _share_permits(services))
    services.rate_limits.connect(peers.take_times, now)


def _share_permits(services: Services) -> None:
    """Let the engine share out permits. Called on any thread."""
    with contextlib.suppress(pykka.ActorDeadError):  # the engine stops
        services.engine.tell(SharePermits())


def start_clock(stack: StopStack) -> "pykka.ActorRef[Clock]":
    """Start a clock. The stack stops it and joins its thread."""
    clock = Clock.start()
    thread = clock.proxy().thread().get()

    def stop() -> None:
        clock.stop()
        thread.join()

    stack.add("clock", stop)
    return clock


def bind_gauges(parts: EngineParts, runs_in_progress: Callable[[], int], runs_quarantined: Callable[[], int]) -> None:
    """Bind the gauges of an engine, which are read on other threads."""
    services, journal = parts.services, parts.journal

    def actors() -> dict[str, int]:
        counted = {**services.dispatcher.alive(), "Clock": int(services.timers.clock.is_alive())}
        if journal is not None and journal.actor is not None:
            counted["JournalActor"] = int(journal.actor.is_alive())
        return counted

    pools = services.pools
    if pools is not None:
        services.instruments.bind_pools(lambda: [pool.figures() for pool in pools.values()])
    services.instruments.bind_gauges(
        runs_in_progress=runs_in_progress,
        runs_quarantined=None if journal is None else runs_quarantined,
        items_in_flight=lambda: services.dispatcher.alive().get("ItemActor", 0),
        context_bytes=lambda: sum(list(services.context_bytes.values())),
        actors=actors,
        journal_pending_records=None if journal is None else lambda: services.journal.pending,
        runs_unclaimed=None if journal is None or journal.sharing is None else lambda: journal.link.left,
        key_permits=lambda: services.key_limits.figures()[0],
        key_items_waiting=lambda: services.key_limits.figures()[1],
        rate_items_waiting=services.rate_limits.items_waiting,
        threads_left_behind=lambda: services.runners.thread_use.left_behind,
        store_available=None if journal is None else lambda: services.journal.unavailable is None,
    )


def _check(options: EngineOptions) -> None:
    for name in (
        "max_items_in_flight", "max_runs", "max_result_bytes", "max_output_bytes", "max_http_connections", "threads",
        "dispatchers", "pack_workers", "max_unmatched_waits", "max_match_units",
    ):  # fmt: skip
        value = getattr(options, name)
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    _check_limits(options.expression_limits)
    for name in ("max_bytes", "max_keys", "max_value_bytes"):
        value = getattr(options.key_limits, name)
        if value < 1:
            raise ValueError(f"{name} of key_limits must be at least 1, got {value}")
    if options.max_threads_left_behind < 0:
        raise ValueError(f"max_threads_left_behind must be at least 0, got {options.max_threads_left_behind}")
    for name in ("workers", "max_worker_bytes"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if options.runs_on != HERE and options.runs_on not in options.pools:
        raise unknown_pool_error(options.runs_on, (HERE, *options.pools))
    _check_life(options.worker_life)
    options.retention.check()


def _check_life(life: WorkerLife) -> None:
    if life.calls < 1:
        raise ValueError(f"worker_calls must be at least 1, got {life.calls}")
    if not life.idle_seconds >= 0:
        raise ValueError(f"worker_idle_seconds must be at least 0, got {life.idle_seconds}")


def _check_limits(limits: ExpressionLimits) -> None:
    for name, least in (("max_cost", LEAST_MAX_COST), ("max_bytes", LEAST_MAX_BYTES)):
        value = getattr(limits, name)
        if not least <= value <= MOST:
            raise ValueError(f"{name} of expression_limits must be from {least:,} to {MOST:,}, got {value:,}")


def as_list(paths: Paths) -> list[str]:
    """Return one path, or several, as texts."""
    return [os.fspath(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
