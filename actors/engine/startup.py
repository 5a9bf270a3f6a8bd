"""What an engine is made of, started in order; if anything fails on the way, nothing is left running."""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from typing import TypeAlias

import structlog

from stretto.actors.actions import AddressPolicy, RenderedCommands, load_entry_points
from stretto.actors.catalogue import Catalogue, core_actions
from stretto.actors.dispatch import Dispatcher, Timers
from stretto.actors.engine.shutdown import start_clock, stop_clock
from stretto.actors.files import FileThreads
from stretto.actors.journal import NoJournal, NoReaders, OpenJournal, Prune, Unfinished, open_journal
from stretto.actors.packs import PackConfiguration, Source, add_packs, read_pack_configuration, read_packs
from stretto.actors.runners import Runners
from stretto.actors.runs import PermitPool, Services
from stretto.metrics import Instruments, MetricsServer, configure_logging, get_logger

SECONDS_A_DAY = 86_400.0

_log = get_logger("stretto.engine")

Paths: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]]


@dataclass(frozen=True, slots=True)
class Retention:
    """How long ended runs stay in the store: so many days, so many of them; None: that does not count."""

    days: float | None = None
    runs: int | None = None

    def at(self, now: float) -> Prune | None:
        """Return what is to be deleted now; None: nothing ever is."""
        if self.days is None and self.runs is None:
            return None
        return Prune(None if self.days is None else now - self.days * SECONDS_A_DAY, self.runs)


FOR_EVER = Retention()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an engine is started with; see `Engine.start`."""

    definitions: Paths | None
    store: str | None
    actions: Paths
    metrics_port: int | None
    max_items_in_flight: int
    threads: int
    dispatchers: int
    addresses: AddressPolicy | None
    packs: Paths
    pack_config: Source | None
    keystore: Source | None
    rendered_commands: RenderedCommands
    check_digests: bool
    store_key: str | PathLike[str] | None
    retention: Retention


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine's actor is given. `undo` stops all of it, should there be no such actor."""

    services: Services
    catalogue: Catalogue
    surroundings: PackConfiguration
    server: MetricsServer | None
    journal: OpenJournal | None
    unfinished: tuple[Unfinished, ...]
    undo: contextlib.ExitStack


def start_parts(options: Options) -> Parts:
    """Start all that an engine needs, but for the journal's actor.

    Raises as `Engine.start` does, and then leaves nothing behind.
    """
    _check(options)
    if not structlog.is_configured():
        # Unconfigured, structlog prints every DEBUG line to standard output, one for each item.
        configure_logging("WARNING")
    registry = core_actions(options.rendered_commands)
    for module in several(options.actions):
        registry.load(module)
    for broken in load_entry_points():
        _log.error("actions_not_loaded", reason=str(broken))
    definitions = several(options.definitions or ())
    read = read_packs(several(options.packs), definitions)
    add_packs(registry, read)
    surroundings = read_pack_configuration(options.pack_config, options.keystore, read)
    catalogue = Catalogue(registry)
    for pack in read:
        catalogue.add_pack(pack)
    catalogue.load(*definitions)
    with contextlib.ExitStack() as stack:
        journal = None
        if options.store is not None:
            journal = open_journal(options.store, options.store_key)
            stack.callback(journal.close)
        unfinished = () if journal is None else tuple(journal.store.reader.unfinished())
        instruments = Instruments()
        server = None
        if options.metrics_port is not None:
            server = MetricsServer(instruments.registry, port=options.metrics_port)
            server.start()
            stack.callback(server.stop)
        dispatcher = Dispatcher(options.dispatchers)
        stack.callback(dispatcher.stop)
        clock, clock_thread = start_clock()
        stack.callback(stop_clock, clock, clock_thread)
        runners = Runners(threads=options.threads, addresses=options.addresses)
        stack.callback(runners.stop)
        files = FileThreads()
        stack.callback(files.stop)
        services = Services(
            dispatcher, Timers(clock), clock_thread, runners, registry, instruments, options.check_digests,
            journal=NoJournal() if journal is None else journal.link,
            readers=NoReaders() if journal is None else journal.readers, files=files,
            permits=PermitPool(options.max_items_in_flight),
        )  # fmt: skip
        return Parts(services, catalogue, surroundings, server, journal, unfinished, stack.pop_all())


def _check(options: Options) -> None:
    for name in ("max_items_in_flight", "threads", "dispatchers"):
        value = getattr(options, name)
        if value < 1:
            raise ValueError(f"{name} is at least 1, not {value}")
    retention = options.retention
    if (retention.days is not None and retention.days < 0) or (retention.runs is not None and retention.runs < 0):
        raise ValueError("a retention is at least 0 days, and at least 0 runs")


def several(paths: Paths) -> list[str]:
    """Return one path, or several, as texts."""
    return [os.fspath(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
