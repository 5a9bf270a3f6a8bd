"""The runners' protocol, and the code that all runners share: a call, its result, and the report of its end."""

import os
from collections.abc import Callable, Sequence
from contextvars import Context
from types import CoroutineType
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from stretto.actors.actions import Action, ActionFailed, OutputSoFar, frames_of
from stretto.actors.process import generation
from stretto.actors.runners.printing import PrintedText, PrintSlot, print_slot
from stretto.definitions.data import Frozen, FrozenDict, freeze
from stretto.definitions.errors import Frame, NotData
from stretto.metrics import CallIds, call_ids, get_logger

MAX_MESSAGE_LENGTH = 20_000
"""Characters of an exception's message that are kept."""

_log = get_logger(__name__)


FailureKind: TypeAlias = Literal[
    "failed",
    "exception",
    "not_data",
    "result_too_large",
    "cancelled",
    "timed_out",
    "abandoned",
    "worker_lost",
    "may_have_run",
]


class Began(msgspec.Struct, frozen=True):
    """The begin of an action's code.

    Attributes:
        at: Seconds since the epoch by the clock of recorded times, or None where only the other is known.
        monotonic: The same moment by `time.monotonic()`, to measure from.
    """

    at: float | None
    monotonic: float


class Finished(msgspec.Struct, frozen=True, gc=False):
    """The end of a call.

    Attributes:
        status: "succeeded", "failed" or "cancelled". Code that runs actions elsewhere can also use "timed_out" and
            "abandoned" (the outcome is unknown).
        result: The frozen return value, or the frozen `ActionFailed.result`.
        error: The reason, for people, or None after a success.
        kind: "failed" (ActionFailed), "exception" (any other exception), "not_data" (the result is not JSON-like),
            "result_too_large" (for the way back from another process), "cancelled", "timed_out", "abandoned",
            "worker_lost" (workers were lost while it ran), "may_have_run" (its worker was lost, and it must not run
            twice), or None after a success.
        seconds: How long the action's code took by the clock of another machine or process that ran it. None if it ran
            here: the caller measures it.
        traceback: The frames of the action's own code, if it raised an exception.
        retry_after: The least number of seconds before a retry that the action has asked for, or None.
    """

    status: Literal["succeeded", "failed", "cancelled", "timed_out", "abandoned"]
    result: Any
    error: str | None
    kind: FailureKind | None
    seconds: float | None = None
    traceback: tuple[Frame, ...] = ()
    retry_after: float | None = None


class Call(msgspec.Struct, frozen=True, gc=False):
    """A call of an action, as data: it holds no function, so that it can travel to another process or machine.

    Attributes:
        ref: The action's ref.
        input: The keyword arguments.
        ids: The run, workflow, task and item of the call, for the log.
        timeout: The bound on the attempt, in seconds from the begin of the action's code, or None.
        visit: The task's visit.
        index: The item's index in the visit.
        attempt: The number of the item's attempt, or 0 if no run requested the call.
        may_ask: Whether the action can make inquiries, which tasks of its run may wait for.
    """

    ref: str
    input: FrozenDict
    ids: CallIds
    timeout: float | None = None
    visit: int = 0
    index: int = 0
    attempt: int = 0
    may_ask: bool = False


Done: TypeAlias = Callable[[Finished], None]
Begun: TypeAlias = Callable[[], None]


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

    A runner that gets `begun` calls it just before the action's code begins, after any wait for a free thread, on the
    code's thread. It also does so while the call waits if all threads are left behind.
    """

    @property
    def threads(self) -> int:
        """The largest number of threads that the runner can own."""

    def start(self, action: Action, call: Call, done: Done, begun: Begun | None = None) -> Running:
        """Start a call, or queue it.

        Args:
            action: The action with the call's ref.
            call: The call.
            done: Receives the end of the call.
            begun: Called when the action's code begins, or None.

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


def run_call(action: Action, call: Call, slot: PrintSlot | None = None, begun: Begun | None = None) -> Finished:
    """Run a plain function to its end, in a context that holds only the call's ids and the slot for its prints."""
    return Context().run(_run, action, call, slot, begun)


def _run(action: Action, call: Call, slot: PrintSlot | None, begun: Begun | None) -> Finished:
    call_ids.set(call.ids)
    if slot is not None:
        print_slot.set(slot)
    if begun is not None:
        begun()
    process = generation()
    try:
        result = action.function(**call.input)
    except BaseException as error:  # noqa: BLE001 - any exception is the action's failure, and must not end the thread
        end_forked_child(process, error)
        return failure(action, error)
    end_forked_child(process)
    return returned(action, result)


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
        return Finished("succeeded", freeze(result, "the action's result"), None, None)
    except NotData as error:
        return Finished("failed", None, str(error), "not_data")


def failure(action: Action, error: BaseException) -> Finished:
    """Return the end of a call that raised `error`. The traceback is logged at DEBUG."""
    if not isinstance(error, ActionFailed):
        _log.debug("action_raised", action=action.ref, exc_info=error)
        return Finished("failed", None, describe(error), "exception", traceback=frames_of(error))
    try:
        result = freeze(error.result, "its result")
        return Finished("failed", result, message_of(error), "failed", None, error.traceback, error.retry_after)
    except NotData as unfit:
        return Finished("failed", None, f"{message_of(error)}; also, {unfit}", "not_data")


def cancelled(message: str = "the call was cancelled") -> Finished:
    """Return the end of a cancelled call."""
    return Finished("cancelled", None, message, "cancelled")


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


class Held(Protocol):
    """A started call as its runner keeps it, with the functions of its caller."""

    done: Done
    begun: Begun | None


def let_go(running: Held) -> Done:
    """Take the caller's functions from a call that has ended, and return its `done`.

    The caller keeps the call for what it has written. If the call kept its caller, too, only the garbage collector
    would free the two: short calls would spend a tenth of their time in it.
    """
    done, running.done, running.begun = running.done, _reported, None
    return done


def _reported(_finished: Finished) -> None:
    """Stand in for the `done` of a call whose end was reported."""


def report(done: Done, call: Call, finished: Finished) -> None:
    """Call `done`. An exception in it is logged and does not affect the runner."""
    try:
        done(finished)
    except Exception:  # noqa: BLE001 - `done` is the caller's code, which may raise anything
        _log.exception("action_end_not_taken", action=call.ref, **call.ids.as_fields())
