"""What every runner has in common: how a call is described, made, and told to have ended."""

import time
from collections.abc import Callable
from contextvars import Context
from types import CoroutineType
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from stretto.actors.actions import Action, ActionFailed, OutputSoFar
from stretto.definitions.conductor import StartItem
from stretto.definitions.data import Frozen, FrozenDict, freeze
from stretto.definitions.errors import NotData
from stretto.metrics.logging import CallIds, call_ids, get_logger

MAX_MESSAGE_LENGTH = 20_000
"""Characters of an exception's message that are kept."""

_log = get_logger(__name__)


class Finished(msgspec.Struct, frozen=True):
    """How a call ended.

    `result` is what the action returned (or its `ActionFailed.result`), frozen; `error` is for people; `kind` is
    "failed" (ActionFailed), "exception" (anything else that it raised), "not_data" (a result that is no JSON-like
    data) or "cancelled". "timed_out" and "abandoned" are for those who perform actions elsewhere: it took longer than
    they allow, or nobody knows what came of it.
    """

    status: Literal["succeeded", "failed", "cancelled", "timed_out", "abandoned"]
    result: Any
    error: str | None
    kind: Literal["failed", "exception", "not_data", "cancelled", "timed_out", "abandoned"] | None
    finished_at: float


class Call(msgspec.Struct, frozen=True):
    """An action to be called, its input, and whose call it is.

    `start` is the command whose try it is; None if no run asked for it. `on_begin` is called, on the action's own
    thread, when its code is about to begin: after any wait for a free thread.
    """

    action: Action
    input: FrozenDict
    ids: CallIds
    on_begin: Callable[[], None] | None = None
    start: StartItem | None = None


Done: TypeAlias = Callable[[Finished], None]


class Running(Protocol):
    """A call that has been started."""

    def cancel(self) -> bool:
        """Stop the work. True: it is really being stopped, and `done` is called when it has ended.

        False: it cannot be stopped (a thread that has begun) or is over; its result comes late or never
        matters.
        """

    def output(self) -> OutputSoFar | None:
        """Return what the call's process has written so far; None if it has none. Any thread may ask."""


class Runner(Protocol):
    """Where actions run.

    `done` is called exactly once for each call, from whatever thread, and never from within `start`; another thread
    may do so before `start` has returned.
    """

    @property
    def threads(self) -> int:
        """The most threads that it may ever own."""

    def start(self, call: Call, done: Done) -> Running:
        """Begin a call, or queue it; RuntimeError after `stop`."""

    def stop(self) -> None:
        """Cancel what runs, wait for it (bounded), end and join every thread. Again: no effect."""


def perform(call: Call) -> Finished:
    """Call a plain function to its end, in a context of its own that holds nothing but the call's ids."""
    return Context().run(_perform, call)


def _perform(call: Call) -> Finished:
    call_ids.set(call.ids)
    if call.on_begin is not None:
        call.on_begin()
    try:
        result = call.action.function(**call.input)
    except BaseException as error:  # noqa: BLE001 - whatever an action raises is its failure, and ends no thread
        return failure(call.action, error)
    return returned(call.action, result)


def returned(action: Action, result: Any) -> Finished:
    """Return the end of a call whose function returned `result`; it is frozen here, on the runner's own thread."""
    if type(result) is CoroutineType:
        # A plain wrapper around an async function: nobody would ever await it.
        result.close()
        return failure(action, TypeError("the action returned a coroutine; register an `async def` function"))
    try:
        return Finished("succeeded", freeze(result, "the action's result"), None, None, time.monotonic())
    except NotData as error:
        return Finished("failed", None, str(error), "not_data", time.monotonic())


def failure(action: Action, error: BaseException) -> Finished:
    """Return the end of a call whose action raised `error`; where it was raised goes to the log, at DEBUG."""
    if not isinstance(error, ActionFailed):
        _log.debug("action_raised", action=action.ref, exc_info=error)
        return Finished("failed", None, describe(error), "exception", time.monotonic())
    try:
        return Finished("failed", freeze(error.result, "its result"), told(error), "failed", time.monotonic())
    except NotData as unfit:
        return Finished("failed", None, f"{told(error)}; besides, {unfit}", "not_data", time.monotonic())


def cancelled(message: str = "the call was cancelled") -> Finished:
    """Return the end of a call that was cancelled."""
    return Finished("cancelled", None, message, "cancelled", time.monotonic())


def describe(error: BaseException) -> str:
    """Return an exception as "TypeName: message"; `Frozen` as its message alone, which names the remedy."""
    message = told(error)
    if isinstance(error, Frozen):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def told(error: BaseException) -> str:
    """Return an exception's message as a text that can be written down, whatever its class makes of it."""
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()[:MAX_MESSAGE_LENGTH]
    except BaseException:  # noqa: BLE001 - an exception class of the user's may break here, too
        return "(its message cannot be read)"


def tell(done: Done, call: Call, finished: Finished) -> None:
    """Call `done`; that it raises harms no runner, and is told."""
    try:
        done(finished)
    except Exception:  # noqa: BLE001 - it is not ours, and anything may go wrong in it
        _log.exception("action_end_not_taken", action=call.action.ref, **call.ids.told())
