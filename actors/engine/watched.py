"""Runs of this engine that other engines of the store watch: the engine follows each of them once, and sends news.

    PeerWatches --> the run's supervisor --RunChanged--> engine --ReportChanges--> supervisor --RunChanges--> news

News of a run are sent at most four times a second, all that has changed at a time, and once more at its end. They are
what is durable. A run that no other engine watches is not followed. An engine asks for the state that its first client
gets (`live_state`), and for the texts of errors (`named_errors`).
"""

import contextlib
import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pykka

from stretto.actors.dispatch import Deferred, derived, handles, settle_with
from stretto.actors.engine.named_errors import NamedErrors
from stretto.actors.engine.requests import RunRequests
from stretto.actors.engine.run_states import encode_news, state_after, state_as_json
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.journal import Peers, PeerWatches
from stretto.actors.runs import (
    LastChanges,
    ReportChanges,
    RunChanged,
    RunChanges,
    RunEnded,
    RunParked,
    Services,
    UnfollowRun,
)

NEWS_SECONDS: Final = 0.25
"""The least time between two news of a run."""


class _Reported(msgspec.Struct, frozen=True):
    """To the engine: a supervisor has answered with the changes of its run, or has failed."""

    run_id: str
    changes: RunChanges | None


class _NewsDue(msgspec.Struct, frozen=True):
    """To the engine: news of a run may be sent again."""

    run_id: str


class _Watched:
    """A run that other engines watch."""

    def __init__(self, errors: NamedErrors) -> None:
        self.errors = errors
        self.watchers: dict[int, float] = {}
        """When the watch of each engine ends, unless it is renewed."""
        self.following: set[int] = set()
        """Those that want more than the end."""
        self.news = 0
        self.number: int | None = None
        """The entry of the last report, or None if the next one is to be complete."""
        self.reported: int | None = None
        """The entry of the last report. The last changes of the run continue it."""
        self.last: RunChanges | None = None
        self.question: Deferred | None = None
        """The question to the supervisor that has no answer yet. The engine fails it if the run is parked."""
        self.resting = self.stale = False

    def keep(self, now: float) -> None:
        """Forget the watches that were not renewed."""
        self.watchers = {watcher: until for watcher, until in self.watchers.items() if until > now}
        self.following &= self.watchers.keys()


class WatchedRuns:
    """Follows watched runs, and sends their news. It is a listener to the ends of runs once there is a watch."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that know runs
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        table: RunTable,
        runs: RunSupervision,
        requests: RunRequests,
        peers: Peers | None,
    ) -> None:
        self._services = services
        self._engine = engine
        self._table = table
        self._runs = runs
        self._requests = requests
        self._peers = peers
        self._watched: dict[str, _Watched] = {}
        self._listens = False
        self._key = secrets.token_bytes(16)

    # ---- questions of engines that watch

    def live_state(self, run_id: str) -> Deferred:
        """Return the state of a run as plain data, `errors` included. See `state_from_json`, `groups_from_json`."""
        answer = self._requests.send(run_id, "follow", ReportChanges(None, None))
        return derived(answer, self._state_as_json)

    def _state_as_json(self, changes: RunChanges) -> dict[str, Any]:
        errors = NamedErrors(self._key).first(changes.errors)
        return {**state_as_json(state_after(None, changes)), "errors": errors}

    def error_groups(self, run_id: str, names: Sequence[str]) -> list[Any]:
        """Return groups of errors of a run by their ids. See `groups_from_json`."""
        watched = self._watched.get(run_id)
        return [] if watched is None else watched.errors.named(names)

    # ---- watches

    @handles(PeerWatches)
    def _watch(self, message: PeerWatches) -> None:
        """Begin, renew or end the watches of another engine."""
        now = self._services.timers.monotonic()
        for run_id in tuple(self._watched):
            self._watched[run_id].keep(now)
            self._forget_unwatched(run_id)
        if not self._listens:
            self._listens = True
            self._runs.add_listener(self)
        for run_id, kind in message.runs.items():
            if kind == "nothing":
                self._unwatch(run_id, message.watcher)
            elif self._table.get(run_id) is not None:
                watched = self._watched.setdefault(run_id, _Watched(NamedErrors(self._key)))
                watched.watchers[message.watcher] = now + message.seconds
                if kind == "end":
                    watched.following.discard(message.watcher)
                elif kind == "whole" or message.watcher not in watched.following or not self._follows(run_id):
                    watched.following.add(message.watcher)
                    watched.number = None
                    self._news_due(run_id, watched)
            elif self._table.ended(run_id) is not None:  # it has ended before the watch came
                self._publish(run_id, {message.watcher}, encode_news(0, None, ended=True))

    def _follows(self, run_id: str) -> bool:
        run = self._table.get(run_id)
        return run is not None and self._engine in run.followers

    def _unwatch(self, run_id: str, watcher: int) -> None:
        watched = self._watched.get(run_id)
        if watched is not None:
            watched.watchers.pop(watcher, None)
            watched.following.discard(watcher)
            self._forget_unwatched(run_id)

    def _forget_unwatched(self, run_id: str) -> None:
        watched = self._watched[run_id]
        if not watched.following:
            self._unfollow(run_id)
        if not watched.watchers:
            del self._watched[run_id]

    def _unfollow(self, run_id: str) -> None:
        run = self._table.get(run_id)
        if run is not None and self._follows(run_id):
            run.followers = tuple(each for each in run.followers if each != self._engine)
            run.tell(UnfollowRun(self._engine))

    # ---- changes

    @handles(RunChanged)
    def _changed(self, message: RunChanged) -> None:
        watched = self._watched.get(message.run_id)
        if watched is not None:
            self._news_due(message.run_id, watched)

    def _news_due(self, run_id: str, watched: _Watched) -> None:
        """Ask for changes, or do so as soon as the last question is answered and its news are a moment old."""
        if watched.question is not None or watched.resting:
            watched.stale = True
            return
        watched.keep(self._services.timers.monotonic())
        self._forget_unwatched(run_id)
        run = self._table.get(run_id)
        if run is None or not watched.following:
            return
        if not self._follows(run_id):
            run.followers += (self._engine,)
        watched.stale = False
        question = self._requests.send(run_id, "follow", ReportChanges(self._engine, watched.number))
        watched.question = question
        settle_with(
            question,
            lambda changes: self._tell(_Reported(run_id, changes)),
            lambda _: self._tell(_Reported(run_id, None)),
        )

    @handles(_Reported)
    def _take(self, message: _Reported) -> None:
        watched = self._watched.get(message.run_id)
        if watched is None:
            return
        watched.question = None
        changes = message.changes
        if changes is None:  # RunChanged comes from its next supervisor, if there is one
            return
        watched.reported = changes.number
        if watched.number is None and changes.since is not None:  # a whole state was asked for meanwhile
            watched.stale = True
        else:
            watched.number = changes.number
        self._send_news(message.run_id, watched, changes)
        watched.stale = watched.stale or watched.errors.has_more
        watched.resting = True
        self._services.timers.remind_after(NEWS_SECONDS, self._engine, _NewsDue(message.run_id))

    @handles(_NewsDue)
    def _rested(self, message: _NewsDue) -> None:
        watched = self._watched.get(message.run_id)
        if watched is not None:
            watched.resting = False
            if watched.stale:
                self._news_due(message.run_id, watched)

    def _send_news(self, run_id: str, watched: _Watched, changes: RunChanges | None, *, ended: bool = False) -> None:
        """Send changes to all who want them."""
        if changes is not None:
            watched.errors.update(changes)
        watched.news += 1
        errors = watched.errors.take()
        body = encode_news(watched.news, changes, errors, ended=ended, more_errors=watched.errors.has_more)
        self._publish(run_id, watched.following, body)

    # ---- the end

    @handles(LastChanges)
    def _take_last(self, message: LastChanges) -> None:
        # A question may be open: one that comes behind the run's end has no answer but that.
        watched = self._watched.get(message.changes.run_id)
        if watched is not None and message.changes.since == watched.reported:
            watched.last = message.changes

    def tell(self, message: RunEnded | RunParked) -> None:
        """Take the end of a run, in the engine's turn. One that is parked is watched at its next engine."""
        watched = self._watched.pop(message.run_id, None)
        if watched is None or isinstance(message, RunParked):
            return
        self._send_news(message.run_id, watched, watched.last, ended=True)
        ends = watched.watchers.keys() - watched.following
        self._publish(message.run_id, ends, encode_news(watched.news, None, ended=True))

    def _tell(self, message: _Reported) -> None:
        with contextlib.suppress(pykka.ActorDeadError):
            self._engine.tell(message)

    def _publish(self, run_id: str, watchers: "set[int]", body: bytes) -> None:
        if self._peers is not None:
            for watcher in watchers:
                self._peers.watches.publish(watcher, run_id, body)
