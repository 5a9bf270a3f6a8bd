"""The runners' protocol, and the code that all runners share: a call, its result, and the report of its end."""

import os
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from types import CoroutineType
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from stretto.actors.actions import Action, ActionFailed, OutputSoFar, frames_of
from stretto.actors.process import generation
from stretto.actors.runners.printing import PrintedText, PrintSlot, print_slot
from stretto.definitions.conductor import StartItem
from stretto.definitions.data import Frozen, FrozenDict, freeze
from stretto.definitions.errors import Frame, NotData
from stretto.metrics import CallIds, call_ids, get_logger

MAX_MESSAGE_LENGTH = 20_000
"""Characters of an exception's message that are kept."""

_log = get_logger(__name__)


class Began(msgspec.Struct, frozen=True):
    """The begin of an action's code.

    Attributes:
        at: Seconds since the epoch, for people.
        monotonic: The same moment by `time.monotonic()`, to measure from.
    """

    at: float
    monotonic: float


class Finished(msgspec.Struct, frozen=True):
    """The end of a call.

    Attributes:
        status: "succeeded", "failed" or "cancelled". Code that runs actions elsewhere can also use "timed_out" and
            "abandoned" (the outcome is unknown).
        result: The frozen return value, or the frozen `ActionFailed.result`.
        error: The reason, for people, or None after a success.
        kind: "failed" (ActionFailed), "exception" (any other exception), "not_data" (the result is not JSON-like),
            "cancelled", "timed_out", "abandoned", or None after a success.
        finished_at: The end, by `time.monotonic()`.
        traceback: The frames of the action's own code, if it raised an exception.
        retry_after: The least number of seconds before a retry that the action has asked for, or None.
    """

    status: Literal["succeeded", "failed", "cancelled", "timed_out", "abandoned"]
    result: Any
    error: str | None
    kind: Literal["failed", "exception", "not_data", "cancelled", "timed_out", "abandoned"] | None
    finished_at: float
    traceback: tuple[Frame, ...] = ()
    retry_after: float | None = None


class Call(msgspec.Struct, frozen=True):
    """A call of an action.

    Attributes:
        action: The action.
        input: The keyword arguments.
        ids: The run, workflow, task and item of the call, for the log.
        on_begin: Called just before the action's code begins, on its thread and after any wait for a free thread. It
            is also called while the call waits if all threads are left behind.
        start: The conductor's command that this call executes, or None if no run requested the call.
    """

    action: Action
    input: FrozenDict
    ids: CallIds
    on_begin: Callable[[], None] | None = None
    start: StartItem | None = None


Done: TypeAlias = Callable[[Finished], None]


class Running(Protocol):
    """A started call."""

    @property
    def began(self) -> Began | None:
        """When the action's code began, after any wait for a thread, or None before. Any thread may read this."""

    @property
    def printed(self) -> Sequence[PrintedText]:
        """The text that the action's code has printed and logged, or nothing if there is none. Any thread may read it.

        It is empty for runners that do not capture output.
        """

    def cancel(self) -> bool:
        """Cancel the call.

        Returns:
            True if the call is being stopped. `done` follows when it has ended. False if it cannot be stopped (a
            function that already runs on a thread) or has ended.
        """

    def watch(self, watcher: Callable[[], object]) -> None:
        """Call a function once, at the next output. Any thread may call this.

        Args:
            watcher: The function. It is called on the thread that writes, must return at once, and raise nothing.
        """

    def output(self) -> OutputSoFar | None:
        """Return the newest output of the call's process, or None if it has none. Any thread may call this."""


class ThreadUse(NamedTuple):
    """The use of the threads for plain functions.

    Attributes:
        threads: The number of threads that run functions at a time.
        left_behind: The number of further threads whose function runs on although its item has ended.
        is_exhausted: Whether all threads are left behind, so that no function can start.
    """

    threads: int
    left_behind: int = 0
    is_exhausted: bool = False


class Runner(Protocol):
    """Runs the code of actions.

    A runner calls `done` exactly once for each call, from any thread. It never does so within `start`, but another
    thread may call `done` before `start` has returned.
    """

    @property
    def threads(self) -> int:
        """The largest number of threads that the runner can own."""

    def start(self, call: Call, done: Done) -> Running:
        """Start a call, or queue it.

        Args:
            call: The call.
            done: Receives the end of the call.

        Raises:
            RuntimeError: The runner has been stopped.
        """

    def stop(self) -> None:
        """Cancel the running calls, wait for them for a bounded time, and join the threads. Idempotent."""


class EngineRunner(Runner, Protocol):
    """The runner of an engine, which knows what its threads do."""

    @property
    def thread_use(self) -> ThreadUse:
        """The use of the threads for plain functions. Any thread may read it."""

    def waiting_for_thread(self, run_id: str) -> frozenset[tuple[str, int, int]]:
        """Return the items (task, visit, index) of a run that wait for a thread."""


def run_call(call: Call, slot: PrintSlot | None = None) -> Finished:
    """Run a plain function to its end, in a context that holds only the call's ids and the slot for its prints."""
    return Context().run(_run, call, slot)


def _run(call: Call, slot: PrintSlot | None) -> Finished:
    call_ids.set(call.ids)
    if slot is not None:
        print_slot.set(slot)
    if call.on_begin is not None:
        call.on_begin()
    process = generation()
    try:
        result = call.action.function(**call.input)
    except BaseException as error:  # noqa: BLE001 - any exception is the action's failure, and must not end the thread
        end_forked_child(process, error)
        return failure(call.action, error)
    end_forked_child(process)
    return returned(call.action, result)


def end_forked_child(process: int, error: BaseException | None = None) -> None:
    """End this process if the action's code forked it. A child that returns must not continue as a second engine.

    Args:
        process: The `generation` of the process before the action's code.
        error: The exception of the action's code, or None.
    """
    if generation() == process:
        return
    code = error.code if isinstance(error, SystemExit) else error
    # The handlers at exit, and the objects' ends, belong to the parent.
    os._exit(code if isinstance(code, int) else code is not None)


def returned(action: Action, result: Any) -> Finished:
    """Return the end of a call that returned `result`. The result is frozen here, on the runner's thread."""
    if type(result) is CoroutineType:
        # The function is a plain wrapper around an async one. No code would await the coroutine.
        result.close()
        return failure(action, TypeError("the action returned a coroutine; register an `async def` function"))
    try:
        return Finished("succeeded", freeze(result, "the action's result"), None, None, time.monotonic())
    except NotData as error:
        return Finished("failed", None, str(error), "not_data", time.monotonic())


def failure(action: Action, error: BaseException) -> Finished:
    """Return the end of a call that raised `error`. The traceback is logged at DEBUG."""
    if not isinstance(error, ActionFailed):
        _log.debug("action_raised", action=action.ref, exc_info=error)
        return Finished("failed", None, describe(error), "exception", time.monotonic(), frames_of(error))
    try:
        result = freeze(error.result, "its result")
        return Finished(
            "failed", result, message_of(error), "failed", time.monotonic(), error.traceback, error.retry_after
        )
    except NotData as unfit:
        return Finished("failed", None, f"{message_of(error)}; also, {unfit}", "not_data", time.monotonic())


def cancelled(message: str = "the call was cancelled") -> Finished:
    """Return the end of a cancelled call."""
    return Finished("cancelled", None, message, "cancelled", time.monotonic())


def describe(error: BaseException) -> str:
    """Return "TypeName: message", or only the message of `Frozen`, which already names the remedy."""
    message = message_of(error)
    if isinstance(error, Frozen):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def message_of(error: BaseException) -> str:
    """Return an exception's message as valid text of bounded length."""
    try:
        message = str(error).encode("utf-8", "backslashreplace").decode()
    except BaseException:  # noqa: BLE001 - the user's exception class may raise anything here
        return "(the message cannot be read)"
    if len(message) <= MAX_MESSAGE_LENGTH:
        return message
    # Masks know by this end that a secret may be cut off.
    return f"{message[: MAX_MESSAGE_LENGTH - 100]}... ({len(message):,} characters)"


def report(done: Done, call: Call, finished: Finished) -> None:
    """Call `done`. An exception in it is logged and does not affect the runner."""
    try:
        done(finished)
    except Exception:  # noqa: BLE001 - `done` is the caller's code, which may raise anything
        _log.exception("action_end_not_taken", action=call.action.ref, **call.ids.as_fields())
