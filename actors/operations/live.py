"""What clients are told of the runs that they follow."""

import asyncio
from collections.abc import Callable
from typing import Any

import pykka

from stretto.actors.operations.answers import Ended, Progress, Refused
from stretto.actors.runs import RunEnded, RunParked, RunProgressed


class Follower:
    """One client's view of one run: the latest progress, not all of it, and the outcome at last."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._progress: RunProgressed | None = None
        self._ended: RunEnded | None = None
        self._parked: Refused | None = None

    @property
    def has_ended(self) -> bool:
        """The outcome has been told."""
        return self._ended is not None

    def take(self, message: RunProgressed | RunEnded | RunParked) -> None:
        """Note what happened. Whatever was not told yet is overtaken."""
        if isinstance(message, RunEnded):
            self._ended = message
        elif isinstance(message, RunParked):
            told = f"{message.why}; the run {message.run_id} goes on when a daemon opens its store again"
            self._parked = Refused("engine_stopped", told)
        else:
            self._progress = message
        self._news.set()

    async def news(self) -> Progress | Ended | Refused:
        """Wait for something new and return it; nothing comes after the outcome, or a refusal."""
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
    """Who follows which run. Used in the loop's thread only."""

    def __init__(self) -> None:
        self._followers: dict[str, set[Follower]] = {}

    def add(self, run_id: str, follower: Follower) -> None:
        """Tell a follower of a run from now on."""
        self._followers.setdefault(run_id, set()).add(follower)

    def remove(self, follower: Follower) -> None:
        """Tell it nothing any more."""
        for run_id, followers in list(self._followers.items()):
            followers.discard(follower)
            if not followers:
                del self._followers[run_id]

    def take(self, message: RunProgressed | RunEnded | RunParked) -> None:
        """Tell whoever follows the run."""
        for follower in self._followers.get(message.run_id, ()):
            follower.take(message)


class ProgressRelay(pykka.ThreadingActor):
    """Hands what it is told of runs to an event loop, in order."""

    use_daemon_thread = True

    def __init__(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[RunProgressed | RunEnded | RunParked], None]
    ) -> None:
        super().__init__()
        self._loop = loop
        self._take = take

    def on_receive(self, message: Any) -> None:
        """Hand it over."""
        self._loop.call_soon_threadsafe(self._take, message)
