"""The actors that hear of a run: the engine, the run's watchers, and its followers.

A change only marks that a watcher lags behind. The report of all tasks, which may be long, is made when a watcher is
ready for it: not before it has handled the last one, and not more often than each PROGRESS_SECONDS.

    turn end --RunProgressed--> watcher --handled--> clock --WatcherReady--> the next report, if anything has changed

A follower is notified once, and asks for the changes itself (`change_messages`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pykka

from stretto.actors.dispatch import Recipient, Timers, tell_then
from stretto.actors.runs.change_messages import LastChanges, ReportChanges, RunChanged, RunChanges
from stretto.actors.runs.changes import ChangeTracker
from stretto.actors.runs.messages import RunProgressed, WatcherReady
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.telemetry import RunTelemetry
from stretto.definitions.conductor import Conductor

PROGRESS_SECONDS: Final = 0.1
"""The time from the end of a watcher's handling of a report to the next report. People see no more."""

_NOBODY: Final[frozenset[pykka.ActorRef[Any]]] = frozenset()
"""Shared by all runs without watchers: an empty set of its own would take 216 bytes of each."""


class RunListeners:
    """Sends messages to the engine, and to the watchers and followers of one run."""

    __slots__ = (
        "_busy", "_current", "_supervisor", "_telemetry", "_timers", "asked", "engine", "followers", "watchers",
    )  # fmt: skip

    def __init__(
        self,
        engine: Recipient,
        request: RunRequest,
        telemetry: RunTelemetry,
        timers: Timers,
        supervisor: Recipient,
    ) -> None:
        self.engine = engine
        self.watchers = request.watchers
        self._telemetry = telemetry
        self._timers = timers
        self._supervisor = supervisor
        self._busy: frozenset[pykka.ActorRef[Any]] = _NOBODY
        """The watchers that have not handled the last report yet, or a moment ago."""
        self._current: frozenset[pykka.ActorRef[Any]] = _NOBODY
        """The watchers whose last report has the run's present state."""
        self.followers: dict[pykka.ActorRef[Any], ChangeTracker | None] | None = (
            dict.fromkeys(request.followers) or None
        )
        """The followers, each with what it knows once it has asked. Most runs have none."""
        self.asked: frozenset[pykka.ActorRef[Any]] = frozenset(request.followers) or _NOBODY
        """The followers that are to be notified of the next change: they have asked since the last one."""

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

    def end_turn(self, run_id: str, conductor: Conductor, status: str, *, changed: bool) -> None:
        """Send what a turn has changed to those that are ready for it."""
        if self.watchers:
            if changed:
                self._current = _NOBODY
            self._report_progress(run_id, conductor, status)
        if changed:
            self._notify_followers(run_id)

    def _report_progress(self, run_id: str, conductor: Conductor, status: str) -> None:
        """Send the run's progress to the watchers that lag behind and are ready."""
        ready = [each for each in self.watchers if each not in self._current and each not in self._busy]
        if not ready:
            return
        message = RunProgressed(run_id, status, conductor.tasks())
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

    # ---- followers

    def follow(self, follower: pykka.ActorRef[Any]) -> None:
        """Add a follower, which asks for the run's state itself."""
        self.followers = self.followers or {}
        if follower not in self.followers:
            self.followers[follower] = None
            self.asked |= {follower}

    def unfollow(self, follower: pykka.ActorRef[Any]) -> None:
        """Remove a follower."""
        if self.followers is not None:
            self.followers.pop(follower, None)
            self.followers = self.followers or None
        self.asked -= {follower}

    def changes(
        self, message: ReportChanges, status: str, run_id: str, conductor: Conductor, number: int
    ) -> RunChanges:
        """Return what has changed since a follower's last question. The next change notifies it again."""
        if message.follower is None:
            return ChangeTracker(run_id).report(conductor, status, number, None)
        self.follow(message.follower)
        followers = self.followers or {}
        tracker = followers[message.follower] = followers[message.follower] or ChangeTracker(run_id)
        self.asked |= {message.follower}
        return tracker.report(conductor, status, number, message.since)

    def _notify_followers(self, run_id: str) -> None:
        """Notify the followers of a change that have asked since the last one."""
        asked, self.asked = self.asked, _NOBODY
        for follower in asked:
            try:
                follower.tell(RunChanged(run_id))
            except pykka.ActorDeadError:
                self.unfollow(follower)

    def last_changes(
        self, conductor: Conductor, number: int, reports: Mapping[str, dict[str, Any]]
    ) -> Iterator[tuple[pykka.ActorRef[Any], LastChanges]]:
        """Yield the changes of an ended run since each follower's last question, for those that have asked.

        Args:
            conductor: The run's conductor.
            number: The run's last entry.
            reports: The reports of all its tasks.
        """
        for follower, tracker in (self.followers or {}).items():
            if tracker is not None:
                yield (
                    follower,
                    LastChanges(tracker.report(conductor, conductor.status, number, tracker.number, reports)),
                )

    # ---- watchers that have ended

    def _drop(self, watcher: pykka.ActorRef[Any]) -> None:
        self.watchers.remove(watcher)
        self._busy -= {watcher}
        self._current -= {watcher}
