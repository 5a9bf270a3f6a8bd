"""The actors that hear of a run: the engine, and the run's watchers.

A change only marks that a watcher lags behind. The report of all tasks, which may be long, is made when a watcher is
ready for it: not before it has handled the last one, and not more often than each PROGRESS_SECONDS.

    turn end --RunProgressed--> watcher --handled--> clock --WatcherReady--> the next report, if anything has changed
"""

from typing import Any, Final

import pykka

from stretto.actors.dispatch import Timers, tell_then
from stretto.actors.runs.messages import RunProgressed, WatcherReady
from stretto.actors.runs.telemetry import RunTelemetry
from stretto.definitions.conductor import Conductor

PROGRESS_SECONDS: Final = 0.1
"""The time from the end of a watcher's handling of a report to the next report. People see no more."""

_NOBODY: Final[frozenset[pykka.ActorRef[Any]]] = frozenset()
"""Shared by all runs without watchers: an empty set of its own would take 216 bytes of each."""


class RunListeners:
    """Sends messages to the engine and to the watchers of one run."""

    __slots__ = ("_busy", "_current", "_supervisor", "_telemetry", "_timers", "engine", "watchers")

    def __init__(
        self,
        engine: pykka.ActorRef[Any],
        watchers: list[pykka.ActorRef[Any]],
        telemetry: RunTelemetry,
        timers: Timers,
        supervisor: pykka.ActorRef[Any],
    ) -> None:
        self.engine = engine
        self.watchers = watchers
        self._telemetry = telemetry
        self._timers = timers
        self._supervisor = supervisor
        self._busy: frozenset[pykka.ActorRef[Any]] = _NOBODY
        """The watchers that have not handled the last report yet, or a moment ago."""
        self._current: frozenset[pykka.ActorRef[Any]] = _NOBODY
        """The watchers whose last report has the run's present state."""

    def notify_engine(self, message: Any) -> None:
        """Send a message to the engine."""
        try:
            self.engine.tell(message)
        except pykka.ActorDeadError:
            self._telemetry.engine_gone()

    def add_watcher(self, watcher: pykka.ActorRef[Any]) -> None:
        """Add a watcher, which gets the run's present state at the end of the turn."""
        if watcher not in self.watchers:
            self.watchers.append(watcher)
        self._current -= {watcher}

    def watcher_ready(self, watcher: pykka.ActorRef[Any]) -> None:
        """Note that a watcher may get another report."""
        self._busy -= {watcher}

    def report_progress(self, run_id: str, conductor: Conductor, *, changed: bool) -> None:
        """Send the run's progress to the watchers that lag behind and are ready."""
        if changed:
            self._current = _NOBODY
        ready = [each for each in self.watchers if each not in self._current and each not in self._busy]
        if not ready:
            return
        message = RunProgressed(run_id, conductor.status, conductor.tasks())
        timers, supervisor = self._timers, self._supervisor
        for watcher in ready:

            def handled(watcher: pykka.ActorRef[Any] = watcher) -> None:
                timers.remind_after(PROGRESS_SECONDS, supervisor, WatcherReady(watcher))

            self._busy |= {watcher}
            self._current |= {watcher}
            try:
                tell_then(watcher, message, handled)
            except pykka.ActorDeadError:
                self._drop(watcher)

    def report_end(self, message: RunProgressed) -> None:
        """Send the run's last progress to all watchers, ready or not."""
        for watcher in list(self.watchers):
            try:
                watcher.tell(message)
            except pykka.ActorDeadError:
                self._drop(watcher)

    def _drop(self, watcher: pykka.ActorRef[Any]) -> None:
        self.watchers.remove(watcher)
        self._busy -= {watcher}
        self._current -= {watcher}
