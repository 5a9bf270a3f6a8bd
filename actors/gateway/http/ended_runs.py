"""The outcomes of ended runs, for an engine without a store, too."""

from collections import OrderedDict
from typing import Any, Final

import pykka

from stretto.actors.dispatch import call
from stretto.actors.engine import Engine, EngineHost
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.http.waiting import EndWaits
from stretto.actors.gateway.live import EngineSource
from stretto.actors.journal import NoStore
from stretto.actors.operations import Ended
from stretto.actors.outcome import abandoned
from stretto.actors.runs import RunEnded, RunParked
from stretto.definitions.conductor import ENDED

MAX_REMEMBERED: Final = 1000
"""Ended runs whose outcome a client can ask for without a store."""


class EndedRuns:
    """The runs that have ended since the start. For one event loop.

    Args:
        engine: The engine.

    Attributes:
        abandoned: How many of them have ended because the engine was stopped.
        waits: The requests that wait for the end of a run.
        source: The messages of the engine, among them the ends of runs.
        stored: Whether the engine has a store, so that nothing needs to be remembered here.
    """

    def __init__(self, engine: pykka.ActorRef[Any]) -> None:
        self.abandoned = 0
        self.stored = False
        self.waits = EndWaits()
        self.source = EngineSource(engine, self._add)
        self._engine = engine
        self._ended: OrderedDict[str, RunEnded] = OrderedDict()

    def _add(self, ended: RunEnded | RunParked) -> None:
        """Take the end of a run, or that it is parked."""
        self.waits.wake(ended.run_id)
        if isinstance(ended, RunParked):
            return
        self.abandoned += ended.outcome == abandoned()
        if self.stored:
            return
        self._ended[ended.run_id] = ended
        if len(self._ended) > MAX_REMEMBERED:
            self._ended.popitem(last=False)

    async def output(self, run_id: str) -> Any:
        """Return the output of a run, from the store by a long read.

        Raises:
            Problem: The run has not ended.
            UnknownRun, NoStore: As of `outcome`.
        """
        end = await call(self._engine, EngineHost.run_end, run_id) if self.stored else None
        if end is None:
            end = await self.outcome(run_id)
        if end is None:
            raise Problem("run_not_ended", f"the run {run_id} has not ended, and has no output yet")
        return end.output

    async def outcome(self, run_id: str) -> Ended | None:
        """Return the outcome of a run, or None if it has not ended.

        Raises:
            UnknownRun: There is no such run.
            NoStore: It has ended, and neither a store nor this object has its outcome.
        """
        status = None
        if run_id not in self._ended:
            status = await call(self._engine, Engine.status, run_id)
            if status["status"] not in ENDED:
                if self.stored:  # another daemon may have it
                    await call(self._engine, EngineHost.await_end, run_id)
                return None
            if not self.stored:
                # A supervisor says so before the engine knows, which then tells those that listen.
                if run_id in await call(self._engine, Engine.run_ids):
                    return None
                await self.source.caught_up()
        ended = self._ended.get(run_id)
        if ended is not None:
            return Ended(run_id, ended.outcome.status, ended.outcome.output, ended.outcome.errors, ended.tasks)
        try:
            run = await call(self._engine, Engine.run, run_id)
        except NoStore:
            raise NoStore(f"the outcome of the run {run_id} is not known any more: the engine has no store") from None
        if run["ended_at"] is None:  # its end is not durable yet
            return None
        return Ended(run_id, run["status"], run["output"], run["errors"], (status or {}).get("tasks", {}))
