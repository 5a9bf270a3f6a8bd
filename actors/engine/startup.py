"""What an engine is made of, started in order; if anything fails on the way, nothing is left running."""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from typing import TypeAlias

import structlog

from stretto.actors.actions import AddressPolicy, RenderedCommands
from stretto.actors.catalogue import Catalogue, load_library
from stretto.actors.dispatch import Dispatcher, Timers
from stretto.actors.engine.shutdown import start_clock, stop_clock
from stretto.actors.files import FileThreads
from stretto.actors.journal import NoJournal, NoReaders, OpenJournal, Prune, Unfinished, open_journal
from stretto.actors.packs import PackConfiguration, Source, read_pack_configuration
from stretto.actors.runners import Runners
from stretto.actors.runs import PermitPool, Services
from stretto.metrics import Instruments, MetricsServer, configure_logging

SECONDS_A_DAY = 86_400.0

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
    library = load_library(
        several(options.definitions or ()), actions=several(options.actions), packs=several(options.packs),
        rendered_commands=options.rendered_commands,
    )  # fmt: skip
    surroundings = read_pack_configuration(options.pack_config, options.keystore, library.packs)
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
            dispatcher, Timers(clock), clock_thread, runners, library.actions, instruments, options.check_digests,
            journal=NoJournal() if journal is None else journal.link,
            readers=NoReaders() if journal is None else journal.readers, files=files,
            permits=PermitPool(options.max_items_in_flight),
        )  # fmt: skip
        return Parts(services, library.catalogue, surroundings, server, journal, unfinished, stack.pop_all())


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
