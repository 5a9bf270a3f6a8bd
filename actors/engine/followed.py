"""A run of another engine, and who follows it here."""

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
import pykka

from stretto.actors.engine.named_errors import KnownErrors
from stretto.actors.engine.run_states import News, RunState, changes_between, state_after
from stretto.actors.journal import WatchKind
from stretto.actors.runs import LastChanges, RunChanges, RunProgressed

if TYPE_CHECKING:
    from stretto.actors.outcome import RunHandle

NewsTaken: TypeAlias = Literal["changed", "unchanged", "lacking"]
"""The effect of news on the state of a run. It is lacking if the whole state is to be asked for."""


class Followed:
    """A run of another engine, and who follows it.

    Attributes:
        kind: What the run is watched for.
        until: Until when its end is awaited.
        state: Its state by the news, or None if that is not known. The texts of its errors are known.
        coming: Its state by the last news, whose errors may have texts that were asked for.
        errors: The groups of its errors.
        news: The number of the last news.
        has_news: Whether news have come since the last renewal.
        is_lacking: Whether the whole state was asked for and has not come.
        is_over: Whether the store has its end, by the last look.
        is_ending: Whether its end is being read.
        is_last: Whether the last news were those of its end.
        has_last: Whether the followers have its last changes.
        seen: The last entry and the status at the last look at the store.
        followers: Each with the state that it knows.
        asked: The followers that are notified of the next change: they have asked since the last one.
        watchers: Those that get its progress.
        handles: Those whose outcome is awaited.
    """

    def __init__(self, kind: WatchKind) -> None:
        self.kind = kind
        self.until = -float("inf")
        self.state: RunState | None = None
        self.coming: RunState | None = None
        self.errors = KnownErrors()
        self.news = 0
        self.has_news = self.is_lacking = self.is_over = self.is_ending = self.is_last = self.has_last = False
        self.seen: tuple[int, str] | None = None
        self.followers: dict[pykka.ActorRef[Any], RunState | None] = {}
        self.asked: set[pykka.ActorRef[Any]] = set()
        self.watchers: list[pykka.ActorRef[Any]] = []
        self.handles: list[RunHandle] = []

    def is_wanted(self, now: float) -> bool:
        """Return whether anyone still follows the run or waits for its end."""
        self.watchers = [each for each in self.watchers if each.is_alive()]
        return bool(self.followers or self.watchers or self.handles) or now < self.until

    def continue_by(self, news: News) -> NewsTaken:
        """Take over the state that news make."""
        changes, before = news.changes, self.coming
        is_next, self.news = news.number == self.news + 1, news.number
        if changes is None:
            if not news.ended:  # it was too much: who follows the run asks its engine
                self.forget_state()
                self.is_lacking = False
            return "unchanged" if news.ended else "changed"
        if before is not None and changes.number < before.number:  # of an engine that had the run before
            return "unchanged"
        if changes.since is not None and (before is None or not is_next):
            if self.is_lacking or news.ended:
                return "unchanged"
            self.is_lacking = True
            return "lacking"
        self.is_last = news.ended
        self.errors.update(news, whole=changes.since is None)
        self.coming, self.is_lacking = state_after(before, changes, self.errors.groups), False
        return self.use_errors()

    def use_errors(self) -> NewsTaken:
        """Let the last news be the state, if the texts of all its errors are known."""
        if self.coming is None or self.errors.missing:
            return "unchanged"
        self.state = self.coming = msgspec.structs.replace(self.coming, errors=self.errors.groups)
        return "changed"

    def send_last(self, run_id: str, stored: RunChanges | None = None) -> None:
        """Send the followers the last changes.

        Args:
            run_id: The run.
            stored: The last state as the store has it, whose items are not known. None if the news have said all.
        """
        self.has_last = True
        state = self.state
        if stored is not None and self.is_last and self.coming is not None:
            state = msgspec.structs.replace(self.coming, errors={each.key: each for each in stored.errors})
        elif stored is not None:
            state = state_after(None, stored)
        for follower, known in self.followers.items():
            if state is not None and known is not None and known.number <= state.number:
                with contextlib.suppress(pykka.ActorDeadError):
                    follower.tell(LastChanges(changes_between(run_id, known, state)))

    def forget_state(self) -> None:
        """Forget the state: news have been lost, or another engine has the run."""
        self.state = self.coming = None

    def changes_for(self, follower: pykka.ActorRef[Any], run_id: str, since: int | None, state: RunState) -> RunChanges:
        """Return what has changed since a follower's last question, with the state that it knows from now on."""
        known = self.followers.get(follower)
        if follower in self.followers:
            self.followers[follower] = state
        return changes_between(run_id, known if known is not None and known.number == since else None, state)


def send_progress(watchers: Iterable[pykka.ActorRef[Any]], status: dict[str, Any]) -> None:
    """Send actors the status of a run, as `Engine.status` returns it."""
    for watcher in watchers:
        with contextlib.suppress(pykka.ActorDeadError):
            watcher.tell(RunProgressed(status["id"], status["status"], status["tasks"]))
