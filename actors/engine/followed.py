"""A run of another engine, and who follows it here."""

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.journal import WatchKind
from stretto.actors.runs import RunProgressed

if TYPE_CHECKING:
    from stretto.actors.engine.run_states import RunState
    from stretto.actors.outcome import RunHandle


class Followed:
    """A run of another engine, and who follows it.

    Attributes:
        kind: What the run is watched for.
        until: Until when its end is awaited.
        state: Its state by the news, or None if that is not known.
        news: The number of the last news.
        has_news: Whether news have come since the last renewal.
        is_lacking: Whether the whole state was asked for and has not come.
        is_ending: Whether its end is being read.
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
        self.news = 0
        self.has_news = self.is_lacking = self.is_ending = False
        self.seen: tuple[int, str] | None = None
        self.followers: dict[pykka.ActorRef[Any], RunState | None] = {}
        self.asked: set[pykka.ActorRef[Any]] = set()
        self.watchers: list[pykka.ActorRef[Any]] = []
        self.handles: list[RunHandle] = []

    def is_wanted(self, now: float) -> bool:
        """Return whether anyone still follows the run or waits for its end."""
        self.watchers = [each for each in self.watchers if each.is_alive()]
        return bool(self.followers or self.watchers or self.handles) or now < self.until


def send_progress(watchers: Iterable[pykka.ActorRef[Any]], status: dict[str, Any]) -> None:
    """Send actors the status of a run, as `Engine.status` returns it."""
    for watcher in watchers:
        with contextlib.suppress(pykka.ActorDeadError):
            watcher.tell(RunProgressed(status["id"], status["status"], status["tasks"]))
