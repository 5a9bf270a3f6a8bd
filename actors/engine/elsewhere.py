"""Runs of other engines that someone follows here. Their engines send news, so nothing polls.

    follower --changes--> owner: live_state                the first state, by a request
    owner --PeerNews--> RunChanged, RunEnded               later ones
    here --new ids--> owner: error_groups                  texts of errors, which are not in news
    the store --RunsLooked--> the same                     at each renewal of the lease, if news were lost

However many follow a run here, it is watched once.
"""

from functools import partial
from typing import Any, Final

import msgspec
import pykka

from stretto.actors.dispatch import Deferred, SparseFuture, answer, answer_error, derived, handles, settle_with
from stretto.actors.engine.ended_elsewhere import EndedElsewhere, read_end
from stretto.actors.engine.followed import Followed, send_progress
from stretto.actors.engine.named_errors import groups_from_json
from stretto.actors.engine.owners_state import TextsAnswered, ask_texts, owners_state
from stretto.actors.engine.relay import Elsewhere, Relay
from stretto.actors.engine.run_states import decode_news, state_from_json
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.journal import EngineLink, PeerNews, Peers, Reader, RunsLooked, WatchedRun, WatchKind
from stretto.actors.outcome import RunHandle, RunWasParked, UnknownRun
from stretto.actors.runs import (
    FollowRun,
    RunChanged,
    RunChanges,
    RunEnded,
    RunParked,
    Services,
    WatchRun,
)
from stretto.definitions.conductor import ENDED
from stretto.definitions.errors import LimitExceeded

MAX_FOLLOWED_ELSEWHERE: Final = 1000
"""Runs of other engines that are followed here at a time."""
LAST_NEWS_SECONDS: Final = 1.0
"""How long the news of a run's end may take after the store has the end."""
AWAIT_SECONDS: Final = 600.0
"""How long the end of a run is waited for after the last request."""


class AwaitElsewhere(msgspec.Struct, frozen=True):
    """To the engine: someone waits for the end of another engine's run."""

    handle: RunHandle


class RunsElsewhere:
    """Followers of runs that other engines have. It is a listener to the ends of runs once there is one."""

    def __init__(  # noqa: PLR0913, PLR0917 - where runs may be
        self,
        services: Services,
        link: EngineLink,
        engine: pykka.ActorRef[Any],
        table: RunTable,
        runs: RunSupervision,
        relay: Relay,
        peers: Peers | None,
    ) -> None:
        self._services = services
        self._link = link
        self._engine = engine
        self._table = table
        self._runs = runs
        self._relay = relay
        self._peers = peers
        self._followed: dict[str, Followed] = {}
        self._listens = False

    # ---- those who follow a run

    def follow(self, run_id: str, follower: pykka.ActorRef[Any]) -> Elsewhere | None:
        """Add a follower of another engine's run. Return what answers it. None if no other engine can have the run."""
        if not self._may_have(run_id):
            return None
        followed = self._follow(run_id, "changes")
        followed.followers.setdefault(follower)
        followed.asked.add(follower)
        return _answered

    def known_changes(self, run_id: str, follower: pykka.ActorRef[Any], since: int | None) -> RunChanges | None:
        """Return the changes of another engine's run by its news, or None if these do not say its state."""
        followed = self._followed.get(run_id)
        if followed is None or followed.state is None or self._table.get(run_id) is not None:
            return None
        state, known = followed.state, followed.followers.setdefault(follower)
        if known is not None and known.number > state.number:  # the news are older than what it was answered
            state = known
        followed.asked.add(follower)
        return followed.changes_for(follower, run_id, since, state)

    def changes(self, run_id: str, follower: pykka.ActorRef[Any], since: int | None) -> Elsewhere | None:
        """Return what asks another engine for the changes of its run since a follower's last question."""
        ask, ask_status = self._relay.to(run_id, "live_state"), self._relay.to(run_id, "status")
        if ask is None or ask_status is None or not self._may_have(run_id):
            return None
        followed = self._follow(run_id, "changes")
        followed.followers.setdefault(follower)
        followed.asked.add(follower)

        def answered(value: dict[str, Any]) -> RunChanges:
            groups = groups_from_json(value["errors"])
            followed.errors.add_texts(groups)
            state = state_from_json(value, {each.key: each for each in groups.values()})
            return followed.changes_for(follower, run_id, since, state)

        return partial(owners_state, ask, ask_status, self._services.readers, run_id, answered)

    def unfollow(self, run_id: str, follower: pykka.ActorRef[Any]) -> None:
        """Remove a follower."""
        followed = self._followed.get(run_id)
        if followed is not None:
            followed.followers.pop(follower, None)
            followed.asked.discard(follower)
            self._drop_unwanted(run_id, followed)

    def watch(self, run_id: str, watcher: pykka.ActorRef[Any]) -> Elsewhere | None:
        """Return what sends an actor the progress of another engine's run from now on."""
        ask = self._relay.to(run_id, "status")
        if ask is None or not self._may_have(run_id):
            return None
        followed = self._follow(run_id, "changes")
        if watcher not in followed.watchers:
            followed.watchers.append(watcher)
        return lambda: derived(ask(), lambda status: send_progress([watcher], status))

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
            self._follow(handle.id, "end").handles.append(handle)
        except LimitExceeded as error:  # the engine would end with it
            answer_error(handle.outcome, error)

    def await_end(self, run_id: str) -> None:
        """Send `RunEnded` of another engine's run to all who listen to ends. Raises `LimitExceeded`."""
        if self._may_have(run_id):
            self._follow(run_id, "end").until = self._services.timers.monotonic() + AWAIT_SECONDS

    def close(self) -> None:
        """Fail the handles of runs that have not ended, as the engine ends."""
        for run_id, followed in self._followed.items():
            for handle in followed.handles:
                answer_error(handle.outcome, RunWasParked(f"the engine ended before the run {run_id}"))

    def _may_have(self, run_id: str) -> bool:
        """Return whether another engine may have a run."""
        return self._peers is not None and self._table.get(run_id) is None

    def _follow(self, run_id: str, kind: WatchKind) -> Followed:
        followed = self._followed.get(run_id)
        if followed is None:
            if len(self._followed) >= MAX_FOLLOWED_ELSEWHERE:
                raise LimitExceeded(
                    f"{MAX_FOLLOWED_ELSEWHERE:,} runs of other daemons are followed here, no more may be "
                    "(MAX_FOLLOWED_ELSEWHERE): ask the run's daemon"
                )
            followed = self._followed[run_id] = Followed("end")
            if kind == "end":
                self._watch(run_id, kind)
        if kind == "changes" != followed.kind:
            followed.kind, followed.is_lacking = kind, True
            self._watch(run_id, "whole")
        if not self._listens:
            self._listens = True
            self._runs.add_listener(self)
        return followed

    def _watch(self, run_id: str, kind: WatchKind) -> None:
        if self._peers is not None:
            self._peers.watches.watch(run_id, kind)

    def _drop_unwanted(self, run_id: str, followed: Followed) -> bool:
        """Watch a run for as much as someone still wants, and return whether that is nothing."""
        if followed.is_wanted(self._services.timers.monotonic()):
            if followed.kind == "changes" and not followed.followers and not followed.watchers:
                followed.kind = "end"
                followed.forget_state()
                self._watch(run_id, "end")
            return False
        self._drop(run_id)
        return True

    def _drop(self, run_id: str) -> None:
        self._followed.pop(run_id, None)
        if self._peers is not None:
            self._peers.watches.unwatch(run_id)

    # ---- news

    @handles(PeerNews)
    def _take(self, message: PeerNews) -> None:
        run_id, followed = message.run_id, self._followed.get(message.run_id)
        news = decode_news(run_id, message.body)
        if followed is None or news is None:
            return
        followed.has_news = True
        taken = followed.continue_by(news)
        if taken == "lacking":
            self._watch(run_id, "whole")
        if news.ended:
            if taken == "changed" and not news.more_errors:
                followed.send_last(run_id)
            self._read_end(run_id, followed)
        elif taken == "changed":
            self._notify(run_id, followed)
        else:
            ask_texts(self._engine, self._relay, run_id, followed)

    @handles(TextsAnswered)
    def _take_texts(self, message: TextsAnswered) -> None:
        followed = message.followed
        followed.errors.answered(message.names, groups_from_json(message.groups))
        if self._followed.get(message.run_id) is not followed or followed.is_ending:
            return
        if followed.use_errors() == "changed":
            self._notify(message.run_id, followed)
        else:
            ask_texts(self._engine, self._relay, message.run_id, followed)

    def _notify(self, run_id: str, followed: Followed) -> None:
        """Notify those who follow a run that has changed."""
        state = followed.state
        for follower in tuple(followed.asked):
            known = followed.followers.get(follower)
            if state is not None and known is not None and state.number < known.number:
                continue  # the next news are later than what it knows
            followed.asked.discard(follower)
            try:
                follower.tell(RunChanged(run_id))
            except pykka.ActorDeadError:
                followed.followers.pop(follower, None)
        if not followed.watchers:
            return
        if state is not None:
            send_progress(followed.watchers, {"id": run_id, "status": state.status, "tasks": state.tasks})
            return
        ask = self._relay.to(run_id, "status")
        if ask is not None:
            settle_with(ask(), partial(send_progress, tuple(followed.watchers)), lambda _error: None)

    # ---- at each renewal

    @handles(RunsLooked)
    def _looked(self, message: RunsLooked) -> None:
        """Compare what the store says with what the news have said."""
        for run_id, row in message.runs.items():
            followed = self._followed.get(run_id)
            if followed is None or self._drop_unwanted(run_id, followed):
                continue
            if row is None:  # it was deleted, or there never was one
                for handle in followed.handles:
                    answer_error(handle.outcome, UnknownRun(f"there is no run {run_id!r} in the store"))
                self._drop(run_id)
            elif row.status in ENDED:
                self._find_ended(run_id, followed, row)
            elif self._table.get(run_id) is not None:
                self._hand_over(run_id, followed)
            elif message.renewed:
                self._repair(run_id, followed, row, was_asked=run_id in message.asked)

    def _find_ended(self, run_id: str, followed: Followed, row: WatchedRun) -> None:
        """Read the end of a run, at once or when its last news have had the time to come: these have all states."""
        if followed.coming is None or followed.is_over:
            self._read_end(run_id, followed)
        else:
            followed.is_over = True
            again = RunsLooked({run_id: row}, renewed=False)
            self._services.timers.remind_after(LAST_NEWS_SECONDS, self._engine, again)

    def _repair(self, run_id: str, followed: Followed, row: WatchedRun, *, was_asked: bool) -> None:
        """Ask again for the state of a run that has changed without news, unless this look has asked for it."""
        seen, state = (row.last_entry, row.status), followed.state
        is_known = state is not None and (state.number, state.status) == seen
        if followed.kind == "changes" and not is_known and not followed.has_news and followed.seen not in {None, seen}:
            followed.forget_state()
            followed.is_lacking = True
            self._notify(run_id, followed)
        if followed.is_lacking and not was_asked:
            self._watch(run_id, "whole")
        followed.seen, followed.has_news = seen, False

    def _hand_over(self, run_id: str, followed: Followed) -> None:
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
        followed.forget_state()
        followed.asked = set(followed.followers)
        self._notify(run_id, followed)
        followed.followers, followed.watchers, followed.kind = {}, [], "end"

    # ---- the end

    def tell(self, message: RunEnded | RunParked) -> None:
        """Take the end of a run that this engine has claimed, in the engine's turn."""
        followed = self._followed.get(message.run_id)
        if followed is not None and isinstance(message, RunEnded):
            for handle in followed.handles:
                answer(handle.outcome, message.outcome)
            self._drop(message.run_id)

    def _read_end(self, run_id: str, followed: Followed) -> None:
        """Read the end of a run, unless that is being done."""
        if not followed.is_ending:
            followed.is_ending = True
            failed = EndedElsewhere(run_id, None)
            lacks_last = bool(followed.followers) and not followed.has_last
            read = partial(read_end, run_id, lacks_last=lacks_last)
            self._services.readers.tell(self._engine, read, lambda _error: failed)

    @handles(EndedElsewhere)
    def _end(self, message: EndedElsewhere) -> None:
        followed = self._followed.get(message.run_id)
        if followed is None:
            return
        if message.end is None:  # the next look finds it again
            followed.is_ending = False
            return
        outcome, tasks = message.end
        self._drop(message.run_id)
        if message.last is not None and not followed.has_last:
            followed.send_last(message.run_id, message.last)
        for handle in followed.handles:
            answer(handle.outcome, outcome)
        send_progress(followed.watchers, {"id": message.run_id, "status": outcome.status, "tasks": tasks})
        if self._table.ended(message.run_id) is None:  # else this engine had it at its end
            self._runs.notify_listeners(RunEnded(message.run_id, outcome, tasks))


def _answered() -> Deferred:
    nothing = Deferred()
    nothing.resolve(None)
    return nothing
