"""Runs as their followers see them: the latest progress, then the outcome."""

import asyncio
from collections.abc import Callable
from typing import Any

import pykka

from stretto.actors.operations.answers import Ended, Progress, Refused
from stretto.actors.runs import RunEnded, RunParked, RunProgressed


class Follower:
    """One client's view of one run: the latest progress only, then the outcome."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._progress: RunProgressed | None = None
        self._ended: RunEnded | None = None
        self._parked: Refused | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the outcome has arrived."""
        return self._ended is not None

    def take(self, message: RunProgressed | RunEnded | RunParked) -> None:
        """Take a message about the run. It replaces any that has not been sent yet."""
        if isinstance(message, RunEnded):
            self._ended = message
        elif isinstance(message, RunParked):
            text = f"{message.why}; the run {message.run_id} continues when a daemon opens its store again"
            self._parked = Refused("engine_stopped", text)
        else:
            self._progress = message
        self._news.set()

    async def news(self) -> Progress | Ended | Refused:
        """Wait for news and return it. The outcome, or a refusal, is the last."""
        await self._news.wait()
        self._news.clear()
        if self._ended is not None:
            ended, outcome = self._ended, self._ended.outcome
            return Ended(ended.run_id, outcome.status, outcome.output, outcome.errors, ended.tasks)
        if self._parked is not None:
            return self._parked
        if self._progress is None:
            raise RuntimeError("there is news, but neither progress nor an outcome")
        return Progress(self._progress.run_id, self._progress.status, self._progress.tasks)


class Following:
    """The followers of each run. Used in the loop's thread only."""

    def __init__(self) -> None:
        self._followers: dict[str, set[Follower]] = {}

    def add(self, run_id: str, follower: Follower) -> None:
        """Add a follower of a run."""
        self._followers.setdefault(run_id, set()).add(follower)

    def remove(self, follower: Follower) -> None:
        """Remove a follower."""
        for run_id, followers in list(self._followers.items()):
            followers.discard(follower)
            if not followers:
                del self._followers[run_id]

    def take(self, message: RunProgressed | RunEnded | RunParked) -> None:
        """Pass a message on to the run's followers."""
        for follower in self._followers.get(message.run_id, ()):
            follower.take(message)


class ProgressRelay(pykka.ThreadingActor):
    """Passes its messages about runs on to an event loop, in order."""

    use_daemon_thread = True

    def __init__(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[RunProgressed | RunEnded | RunParked], None]
    ) -> None:
        super().__init__()
        self._loop = loop
        self._take = take

    def caught_up(self) -> None:
        """Answer once all messages have been passed on that came before."""

    def on_receive(self, message: Any) -> None:
        """Pass a message on."""
        self._loop.call_soon_threadsafe(self._take, message)
