"""Runs of other engines that someone follows here: the engine looks in the store whether they have changed or ended.

    follower --changes--> owner's status, by a request
    timer --> the store: last entry and status --> RunChanged, RunEnded

Only runs that someone follows or waits for are looked at, all of them together twice a second.
"""

import contextlib
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
import pykka

from stretto.actors.dispatch import Deferred, SparseFuture, answer, answer_error, derived, handles, settle_with
from stretto.actors.engine.relay import Elsewhere, Relay
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.history import ended_outcome, reports
from stretto.actors.journal import EngineLink, Reader
from stretto.actors.outcome import Outcome, RunHandle, RunWasParked
from stretto.actors.runs import FollowRun, RunChanged, RunChanges, RunEnded, RunProgressed, Services, WatchRun
from stretto.definitions.conductor import ENDED
from stretto.definitions.errors import LimitExceeded, StrettoError

LOOK_SECONDS: Final = 0.5
"""The time between two looks at the runs of other engines that someone follows here."""
MAX_FOLLOWED_ELSEWHERE: Final = 1000
"""Runs of other engines that are followed here at a time."""
AWAIT_SECONDS: Final = 600.0
"""How long the end of a run is waited for after the last request."""


class AwaitElsewhere(msgspec.Struct, frozen=True):
    """To the engine: someone waits for the end of another engine's run."""

    handle: RunHandle


class LookElsewhere(msgspec.Struct, frozen=True):
    """To the engine: look at the runs of other engines that are followed."""


class SeenElsewhere(msgspec.Struct, frozen=True):
    """To the engine: the last entry, the status and, once it has ended, the outcome and tasks of each run."""

    runs: Mapping[str, "tuple[int, str, tuple[Outcome, dict[str, Any]] | None]"]


class _Followed:
    """A run of another engine, and who follows it."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.seen: tuple[int, str] | None = None
        self.followers: dict[pykka.ActorRef[Any], RunChanges | None] = {}
        self.watchers: list[pykka.ActorRef[Any]] = []
        self.handles: list[RunHandle] = []

    def is_wanted(self, now: float) -> bool:
        """Return whether anyone still follows the run or waits for its end."""
        self.watchers = [each for each in self.watchers if each.is_alive()]
        return bool(self.followers or self.watchers or self.handles) or now < self.until


class RunsElsewhere:
    """Followers of runs that other engines have."""

    def __init__(  # noqa: PLR0913, PLR0917 - where runs may be
        self,
        services: Services,
        link: EngineLink,
        engine: pykka.ActorRef[Any],
        table: RunTable,
        runs: RunSupervision,
        relay: Relay,
    ) -> None:
        self._services = services
        self._link = link
        self._engine = engine
        self._table = table
        self._runs = runs
        self._relay = relay
        self._followed: dict[str, _Followed] = {}
        self._looking = False

    # ---- those who follow a run

    def changes(self, run_id: str, follower: pykka.ActorRef[Any], since: int | None) -> Elsewhere | None:
        """Return what asks for the changes of another engine's run since a follower's last question."""
        ask = self._relay.to(run_id, "status")
        if ask is None or self._table.get(run_id) is not None:
            return None
        followed = self._follow(run_id)
        followed.followers.setdefault(follower)
        known = followed.followers[follower]

        def keep(changes: RunChanges) -> RunChanges:
            followed.followers[follower] = changes
            return _since(changes, known if known is not None and known.number == since else None)

        return lambda: derived(derived(ask(), partial(self._numbered, run_id)), keep)

    def unfollow(self, run_id: str, follower: pykka.ActorRef[Any]) -> None:
        """Remove a follower."""
        followed = self._followed.get(run_id)
        if followed is not None:
            followed.followers.pop(follower, None)

    def watch(self, run_id: str, watcher: pykka.ActorRef[Any]) -> Elsewhere | None:
        """Return what sends an actor the progress of another engine's run from now on."""
        ask = self._relay.to(run_id, "status")
        if ask is None or self._table.get(run_id) is not None:
            return None
        followed = self._follow(run_id)
        if watcher not in followed.watchers:
            followed.watchers.append(watcher)
        return lambda: derived(ask(), lambda status: _tell_progress([watcher], status))

    def has(self, run_id: str, reader: Reader) -> bool:
        """Return whether another engine has a run. Called on a reader's thread."""
        engine = reader.engine_of(run_id)
        return engine is not None and engine.number != self._link.engine

    def handle(self, run_id: str, workflow: str) -> RunHandle:
        """Return the handle of another engine's run in progress. Called on a reader's thread."""
        handle = RunHandle(run_id, workflow, SparseFuture())
        self._engine.tell(AwaitElsewhere(handle))
        return handle

    @handles(AwaitElsewhere)
    def _await_outcome(self, message: AwaitElsewhere) -> None:
        handle = message.handle
        try:
            self._follow(handle.id).handles.append(handle)
        except LimitExceeded as error:  # the engine would end with it
            answer_error(handle.outcome, error)

    def await_end(self, run_id: str) -> None:
        """Send `RunEnded` of another engine's run to all who listen to ends. Raises `LimitExceeded`."""
        self._follow(run_id)

    def _follow(self, run_id: str) -> _Followed:
        now = self._services.timers.monotonic()
        followed = self._followed.get(run_id)
        if followed is None:
            if len(self._followed) >= MAX_FOLLOWED_ELSEWHERE:
                raise LimitExceeded(
                    f"{MAX_FOLLOWED_ELSEWHERE:,} runs of other daemons are followed here, no more may be "
                    "(MAX_FOLLOWED_ELSEWHERE): ask the run's daemon"
                )
            followed = self._followed[run_id] = _Followed(now)
        followed.until = now + AWAIT_SECONDS
        self._schedule()
        return followed

    def close(self) -> None:
        """Fail the handles of runs that have not ended, as the engine ends."""
        for run_id, followed in self._followed.items():
            for handle in followed.handles:
                answer_error(handle.outcome, RunWasParked(f"the engine ended before the run {run_id}"))

    # ---- looking

    def _schedule(self) -> None:
        if not self._looking:
            self._looking = True
            self._services.timers.remind_after(LOOK_SECONDS, self._engine, LookElsewhere())

    @handles(LookElsewhere)
    def _look(self, _message: LookElsewhere) -> None:
        """Read all runs that someone still follows, on a reader's thread."""
        self._looking = False
        now = self._services.timers.monotonic()
        self._followed = {run_id: each for run_id, each in self._followed.items() if each.is_wanted(now)}
        if self._followed:
            self._looking = True
            self._services.readers.tell(self._engine, partial(_read, tuple(self._followed)), lambda _error: _NOTHING)

    @handles(SeenElsewhere)
    def _take(self, message: SeenElsewhere) -> None:
        self._looking = False
        for run_id, (entry, status, end) in message.runs.items():
            followed = self._followed.get(run_id)
            if followed is None:
                continue
            if end is not None:
                self._end(run_id, self._followed.pop(run_id), *end)
            elif self._table.get(run_id) is not None:
                self._hand_over(run_id, followed)
            elif followed.seen != (entry, status):
                followed.seen = entry, status
                self._notify(run_id, followed)
        if self._followed:
            self._schedule()

    def _notify(self, run_id: str, followed: _Followed) -> None:
        """Notify those who follow a run that has changed."""
        for follower in tuple(followed.followers):
            try:
                follower.tell(RunChanged(run_id))
            except pykka.ActorDeadError:
                del followed.followers[follower]
        ask = self._relay.to(run_id, "status") if followed.watchers else None
        if ask is not None:
            settle_with(ask(), partial(_tell_progress, tuple(followed.watchers)), lambda _error: None)

    def _hand_over(self, run_id: str, followed: _Followed) -> None:
        """Let the followers of a run that this engine has claimed follow its supervisor."""
        run = self._table.get(run_id)
        if run is None:
            return
        for follower in followed.followers:
            run.followers += (follower,)
            run.tell(FollowRun(follower))
        for watcher in followed.watchers:
            run.watchers.append(watcher)
            run.tell(WatchRun(watcher))
        self._notify(run_id, followed)
        followed.followers, followed.watchers = {}, []

    def _end(self, run_id: str, followed: _Followed, outcome: Outcome, tasks: dict[str, Any]) -> None:
        for handle in followed.handles:
            answer(handle.outcome, outcome)
        _tell_progress(followed.watchers, {"id": run_id, "status": outcome.status, "tasks": tasks})
        if self._table.ended(run_id) is None:  # else this engine had it at its end
            self._runs.notify_listeners(RunEnded(run_id, outcome, tasks))

    def _numbered(self, run_id: str, status: dict[str, Any]) -> Deferred:
        """Return a run's whole state, as of its last entry. The state of each item is not known here."""

        def read(reader: Reader) -> RunChanges:
            return RunChanges(
                run_id, status["workflow"], reader.last_entry(run_id), None, status["status"], status["tasks"], {}, ()
            )

        return self._services.readers.ask_deferred(read)


_NOTHING: Final = SeenElsewhere({})


def _read(run_ids: tuple[str, ...], reader: Reader) -> SeenElsewhere:
    """Read the present state of runs, without their entries. A run that was deleted is left out."""
    seen: dict[str, tuple[int, str, tuple[Outcome, dict[str, Any]] | None]] = {}
    for run_id in run_ids:
        row = reader.run(run_id)
        if row is not None:
            end = None
            if row.status in ENDED:
                with contextlib.suppress(StrettoError):  # its end cannot be read without the key
                    end = ended_outcome(reader, run_id), reports.status_of(reader, run_id)["tasks"]
            seen[run_id] = reader.last_entry(run_id), row.status, end
    return SeenElsewhere(seen)


def _since(changes: RunChanges, known: RunChanges | None) -> RunChanges:
    """Return the changes since those that a follower knows, or all of the state."""
    if known is None:
        return changes
    tasks = {name: task for name, task in changes.tasks.items() if known.tasks.get(name) != task}
    return msgspec.structs.replace(changes, since=known.number, tasks=tasks)


def _tell_progress(watchers: Iterable[pykka.ActorRef[Any]], status: dict[str, Any]) -> None:
    for watcher in watchers:
        with contextlib.suppress(pykka.ActorDeadError):
            watcher.tell(RunProgressed(status["id"], status["status"], status["tasks"]))
