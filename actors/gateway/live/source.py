"""The engine as the hub uses it: questions, and messages about runs, in the thread of the event loop.

An answer is delivered before any message that the engine sends after it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import pykka

from stretto.actors.dispatch import call, call_then
from stretto.actors.engine import Engine, EngineHost, TriggerCounts, TriggersChanged
from stretto.actors.journal import NoStore
from stretto.actors.operations import ProgressRelay
from stretto.actors.runs import (
    InquiryChanged,
    LastChanges,
    OutputChanged,
    RunChanged,
    RunChanges,
    RunEnded,
    RunNews,
    RunParked,
)

Message: TypeAlias = (
    RunChanged | LastChanges | RunEnded | RunParked | RunNews | OutputChanged | InquiryChanged | TriggersChanged
)


class FollowedItem(NamedTuple):
    """An item whose output is followed. Without an attempt it is the one in flight, or the last one."""

    run: str
    task: str
    item: int
    attempt: int | None = None


class Source(Protocol):
    """The engine as the hub uses it."""

    async def start(self, take: Callable[[Message], object]) -> None:
        """Deliver messages to `take` from now on."""

    async def stop(self) -> None:
        """Deliver nothing more."""

    def ask(
        self,
        run_id: str,
        since: int | None,
        then: Callable[[RunChanges], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Follow a run, and ask for its changes. `then` gets the answer, or `failed` the error."""

    def unfollow(self, run_id: str) -> None:
        """Follow a run no more."""

    def entries(self, run_id: str, first: int, most: int) -> Awaitable[list[Any]]:
        """Return a run's entries from the store. Raises `NoStore`, `StoreUnavailable`."""

    def ended(self, run_id: str) -> Awaitable[dict[str, Any]]:
        """Return {workflow, status, tasks, output, errors} of an ended run, the last two only as far as known."""

    def output(self, item: FollowedItem, key: str) -> Awaitable[dict[str, Any]]:
        """Return the output of an item, and deliver `OutputChanged` once when there is more. Raises as the engine."""

    def ask_output(
        self,
        item: FollowedItem,
        key: str,
        then: Callable[[dict[str, Any]], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Do so, and pass the answer to `then`, or the error to `failed`."""

    def listen(self) -> Awaitable[int]:
        """Deliver `RunNews` from now on. Return the number of the last news before."""

    def unlisten(self) -> None:
        """Deliver no more `RunNews`."""

    def runs_in_progress(self, workflows: tuple[str, ...] | None) -> Awaitable[int]:
        """Return the number of runs in progress: of all, or of those below runs of some workflows."""

    def watch_triggers(self, then: Callable[[TriggerCounts], object], failed: Callable[[Exception], object]) -> None:
        """Deliver `TriggersChanged` at the next change. `then` gets the counts of now, or `failed` the error."""


def _ignore(_ended: RunEnded | RunParked) -> None:
    """Take a message and do nothing."""


class EngineSource:
    """An engine of this process."""

    def __init__(self, engine: pykka.ActorRef[Any], on_end: Callable[[RunEnded | RunParked], object] = _ignore) -> None:
        """Take an engine that is started.

        Args:
            engine: The engine.
            on_end: Called when a run has ended or is parked, before the hub knows of it.
        """
        self._engine = engine
        self._on_end = on_end
        self._followed: set[str] = set()
        self._take: Callable[[Message], object] = lambda _message: None

    async def start(self, take: Callable[[Message], object]) -> None:
        """Start the actor that gets messages, and deliver them to `take`."""
        self._take = take
        self._relay = ProgressRelay.start(asyncio.get_running_loop(), self._deliver)
        await call(self._engine, EngineHost.subscribe_to_ends, self._relay)
        await call(self._engine, EngineHost.subscribe_to_inquiries, self._relay)

    def caught_up(self) -> Awaitable[None]:
        """Wait until the messages have been delivered that the engine has sent before its last answer."""
        return call(self._relay, ProgressRelay.caught_up)

    async def drain(self) -> None:
        """Deliver the last messages of an engine that has stopped."""
        await asyncio.to_thread(self._relay.stop)

    async def stop(self) -> None:
        """Stop that actor."""
        self._take = lambda _message: None
        await asyncio.to_thread(self._relay.stop)

    def _deliver(self, message: Any) -> None:
        if isinstance(message, RunEnded | RunParked):
            self._on_end(message)
            self._followed.discard(message.run_id)
        self._take(message)

    def ask(
        self,
        run_id: str,
        since: int | None,
        then: Callable[[RunChanges], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Follow a run, and ask for its changes."""
        if run_id not in self._followed:
            self._followed.add(run_id)
            followed = call(self._engine, EngineHost.follow, run_id, self._relay)
            followed.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        answer = call_then(then, self._engine, EngineHost.changes, run_id, self._relay, since)
        answer.add_done_callback(partial(_pass_error, failed))

    def unfollow(self, run_id: str) -> None:
        """Follow a run no more."""
        if run_id in self._followed:
            self._followed.discard(run_id)
            call(self._engine, EngineHost.unfollow, run_id, self._relay).add_done_callback(_forget)

    def entries(self, run_id: str, first: int, most: int) -> Awaitable[list[Any]]:
        """Return a run's entries from the store."""
        return call(self._engine, EngineHost.entries, run_id, first, most)

    def output(self, item: FollowedItem, key: str) -> Awaitable[dict[str, Any]]:
        """Return the output of an item, and deliver `OutputChanged` once when there is more."""
        answer: Awaitable[dict[str, Any]] = call(self._engine, EngineHost.follow_output, *item, key, self._relay)
        return answer

    def ask_output(
        self,
        item: FollowedItem,
        key: str,
        then: Callable[[dict[str, Any]], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Do so, and pass the answer to `then`, or the error to `failed`."""
        answer = call_then(then, self._engine, EngineHost.follow_output, *item, key, self._relay)
        answer.add_done_callback(partial(_pass_error, failed))

    async def ended(self, run_id: str) -> dict[str, Any]:
        """Return what is known of an ended run."""
        status: dict[str, Any] = await call(self._engine, Engine.status, run_id)
        try:
            run = await call(self._engine, Engine.run, run_id)
        except NoStore:
            return status
        return {**status, "output": run["output"], "errors": run["errors"]}

    def listen(self) -> Awaitable[int]:
        """Deliver `RunNews` from now on."""
        return call(self._engine, EngineHost.subscribe_to_news, self._relay)

    def unlisten(self) -> None:
        """Deliver no more `RunNews`."""
        call(self._engine, EngineHost.unsubscribe_from_news, self._relay).add_done_callback(_forget)

    def runs_in_progress(self, workflows: tuple[str, ...] | None) -> Awaitable[int]:
        """Return the number of runs in progress: of all, or of those below runs of some workflows."""
        if workflows is None:
            return call(self._engine, Engine.runs_in_progress)
        return call(self._engine, EngineHost.runs_in_progress_below, workflows)

    def watch_triggers(self, then: Callable[[TriggerCounts], object], failed: Callable[[Exception], object]) -> None:
        """Deliver `TriggersChanged` at the next change. `then` gets the counts of now, or `failed` the error."""
        answer = call_then(then, self._engine, EngineHost.watch_triggers, self._relay)
        answer.add_done_callback(partial(_pass_error, failed))


def _pass_error(failed: Callable[[Exception], object], answer: "asyncio.Future[Any]") -> None:
    error = None if answer.cancelled() else answer.exception()
    if isinstance(error, Exception):
        failed(error)


def _forget(answer: "asyncio.Future[Any]") -> None:
    """Drop an answer, or that the engine has stopped."""
    if not answer.cancelled():
        answer.exception()
