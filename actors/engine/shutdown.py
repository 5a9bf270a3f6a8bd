"""The end of an engine: everything is stopped in the reverse order of its start, whatever goes wrong on the way."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pykka

from stretto.actors.dispatch import Clock, Deferred
from stretto.actors.journal import OpenJournal
from stretto.actors.runs import Services
from stretto.metrics import MetricsServer, get_logger

_log = get_logger("stretto.engine")


def start_clock() -> tuple[pykka.ActorRef[Clock], threading.Thread]:
    """Start a clock; its thread is kept, to be joined when the clock has stopped."""
    clock = Clock.start()
    return clock, clock.proxy().thread().get()


def stop_clock(clock: pykka.ActorRef[Any], thread: threading.Thread | None) -> None:
    """Stop a clock, and wait for its thread."""
    clock.stop()
    if thread is not None:
        thread.join()


def close_down(
    engine: pykka.ActorRef[Any],
    services: Services,
    server: MetricsServer | None,
    journal: OpenJournal | None,
    stopped: Deferred | None,
) -> None:
    """Have a thread of its own stop everything: a dispatcher cannot wait for its own threads.

    Started were the store, the endpoint, the dispatcher, the clock, the runners, the files, the journal, and last the
    engine's actor. `stopped` is answered when all of them have ended.
    """
    given = (engine, services, server, journal, stopped)
    thread = threading.Thread(target=_close_down, args=given, name="stretto-stop")
    thread.start()


def _close_down(
    engine: pykka.ActorRef[Any],
    services: Services,
    server: MetricsServer | None,
    journal: OpenJournal | None,
    stopped: Deferred | None,
) -> None:
    if stopped is not None:
        # Before the engine's mailbox closes; whoever waits gets it only when this thread has ended.
        stopped.resolve(None, wait_for_thread=threading.current_thread())
    _step("engine", engine.stop)
    _step("runners", services.runners.stop)
    _step("files", services.files.stop)
    if journal is not None:
        _step("journal", journal.close)
    _step("clock", partial(stop_clock, services.timers.clock, services.clock_thread))
    _step("dispatcher", services.dispatcher.stop)
    if server is not None:
        _step("metrics", server.stop)
    left = {name: count for name, count in services.dispatcher.alive().items() if count}
    if left:
        _log.warning("actors_left", **left)
    _log.info("engine_stopped")


def _step(what: str, stop: Callable[[], object]) -> None:
    """Stop one thing; that it fails must keep none of the others running."""
    try:
        stop()
    except Exception:  # noqa: BLE001 - as above: it is told, and the rest is stopped all the same
        _log.exception("stop_failed", part=what)
