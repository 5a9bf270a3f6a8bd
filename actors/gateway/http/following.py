"""Runs as they go on, for any number of clients: the engine tells one relay, which tells each run's followers."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any, Final

import pykka

from stretto.actors.dispatch import call, call_then
from stretto.actors.engine import Engine, EngineHost
from stretto.actors.journal import NoStore
from stretto.actors.operations import Ended, Follower, Following, Progress, ProgressRelay, Refused
from stretto.actors.outcome import abandoned
from stretto.actors.runs import RunEnded, RunParked, RunProgressed
from stretto.definitions.conductor import IllegalTransition

if TYPE_CHECKING:
    from stretto.actors.runs import Services

MAX_REMEMBERED: Final = 1000
"""Ended runs whose outcome a client can ask for without a store."""


class RunsFollowed:
    """The runs that clients follow. For one event loop.

    Attributes:
        abandoned: How many runs have ended because the engine was stopped.
    """

    def __init__(self, engine: pykka.ActorRef[Any]) -> None:
        self.abandoned = 0
        self._engine = engine
        self._following = Following()
        # The runs whose progress the relay gets: a second client must not make it get the same twice.
        self._watched: set[str] = set()
        self._ended: OrderedDict[str, RunEnded] = OrderedDict()

    async def start(self) -> None:
        """Begin to take the engine's messages."""
        services: Services = await call(self._engine, EngineHost.services)
        self._is_stored = services.journal.durable
        self._relay = ProgressRelay.start(asyncio.get_running_loop(), self._take)
        await call(self._engine, EngineHost.subscribe_to_ends, self._relay)

    async def stop(self) -> None:
        """Take the last messages: every outcome has reached the followers when this returns."""
        await asyncio.to_thread(self._relay.stop)

    async def news(self, run_id: str) -> AsyncGenerator[Progress | Ended | Refused]:
        """Yield a run's progress whenever it has changed, and its outcome, or a refusal, as the last.

        An ended run gives its outcome at once.

        Raises:
            UnknownRun: There is no such run.
            IllegalTransition: The run has ended, and its outcome is not known any more.
        """
        with self._follower(run_id) as follower:
            if run_id not in self._watched:
                try:
                    await call_then(
                        lambda _: self._watched.add(run_id), self._engine, Engine.watch, run_id, self._relay
                    )
                except IllegalTransition as has_ended:
                    if not follower.has_ended:
                        yield await self._end_of(run_id, has_ended)
                        return
            while True:
                news = await follower.news()
                yield news
                if not isinstance(news, Progress):
                    return

    def _take(self, message: RunProgressed | RunEnded | RunParked) -> None:
        if not isinstance(message, RunProgressed):
            self._watched.discard(message.run_id)
        if isinstance(message, RunEnded):
            self.abandoned += message.outcome == abandoned()
            self._remember(message)
        self._following.take(message)

    def _remember(self, ended: RunEnded) -> None:
        if self._is_stored:
            return
        self._ended[ended.run_id] = ended
        if len(self._ended) > MAX_REMEMBERED:
            self._ended.popitem(last=False)

    @contextlib.contextmanager
    def _follower(self, run_id: str) -> Iterator[Follower]:
        follower = Follower()
        # Before the engine is asked: the run may end between its answer and the next line.
        self._following.add(run_id, follower)
        try:
            yield follower
        finally:
            self._following.remove(follower)

    async def _end_of(self, run_id: str, has_ended: IllegalTransition) -> Ended:
        """Return an ended run's outcome from the store or from memory. Raises `has_ended` if neither has it."""
        ended = self._ended.get(run_id)
        if ended is not None:
            return Ended(run_id, ended.outcome.status, ended.outcome.output, ended.outcome.errors, ended.tasks)
        tasks = (await call(self._engine, Engine.status, run_id))["tasks"]
        try:
            run = await call(self._engine, Engine.run, run_id)
        except NoStore:
            raise has_ended from None
        return Ended(run_id, run["status"], run["output"], run["errors"], tasks)
