"""The event loop runner: runs thousands of async functions at a time on one thread."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

from stretto.actors.actions import (
    DEFAULT_REMOTE_LIMITS,
    MAX_HTTP_CONNECTIONS,
    MAX_RETRY_AFTER_SECONDS,
    Action,
    AddressPolicy,
    AskingItem,
    HttpSettings,
    OutputSlot,
    OutputSoFar,
    PackAccess,
    RemoteLimits,
    asking_item,
    close_connections,
    output_slot,
    use_http_settings,
    use_pack_access,
    use_remote_limits,
)
from stretto.actors.process import ProtectedLoop, generation
from stretto.actors.runners.base import (
    Began,
    Begun,
    Call,
    Done,
    Finished,
    Running,
    cancelled,
    describe,
    end_forked_child,
    failure,
    let_go,
    report,
    returned,
)
from stretto.actors.runners.pool import Pool
from stretto.actors.runners.printing import PrintSlot, print_slot
from stretto.metrics import call_ids, get_logger

# Longer than the grace of core.local, so that its commands end within this time.
STOP_SECONDS: Final = 10.0
# These threads start when first needed. They look up host names, which Python can only do on threads, and serve
# asyncio.to_thread.
HELPER_THREADS: Final = 8
CLEAN_UP_SECONDS: Final = 1.0

_log = get_logger(__name__)


class _LoopCall:
    """A call on the loop. Everything except `cancel` and `output` happens on the loop's thread."""

    __slots__ = ("_runner", "action", "began", "begun", "call", "cancelling", "done", "printed", "slot", "task")

    def __init__(self, runner: "EventLoopRunner", action: Action, call: Call, done: Done, begun: Begun | None) -> None:
        self._runner = runner
        self.action = action
        self.call = call
        self.done = done
        self.begun = begun
        self.task: asyncio.Task[None] | None = None
        self.began: Began | None = None
        self.cancelling = False
        # A separate object: the task's context holds the slot, so this call as its own slot would be a cycle.
        self.slot = OutputSlot()
        self.printed = PrintSlot()

    def cancel(self) -> bool:
        return self._runner.cancel(self)

    def watch(self, watcher: Callable[[], object]) -> None:
        self.printed.watch(watcher)
        self.slot.watch(watcher)

    def output(self) -> OutputSoFar | None:
        return self.slot.so_far()


class EventLoopRunner:
    """Runs async functions on one thread with one event loop, both made at the first call.

    `stop` cancels the running actions. An action that does not end within `stop_seconds` is left behind. Its call
    counts as cancelled, and a warning is logged.

    Args:
        addresses: The addresses that core.http may connect to.
        max_retry_after: The longest wait before a retry, in seconds, that a server can ask for.
        max_http_connections: The connections that core.http has open at a time.
        remote: The limits on core.remote.
        stop_seconds: How long `stop` waits for the actions.
        capture_output: Whether the text that functions print is kept with their calls.
    """

    threads: Final = 1 + HELPER_THREADS

    def __init__(  # noqa: PLR0913 - the settings of the runner
        self,
        *,
        addresses: AddressPolicy | None = None,
        max_retry_after: float = MAX_RETRY_AFTER_SECONDS,
        max_http_connections: int = MAX_HTTP_CONNECTIONS,
        remote: RemoteLimits = DEFAULT_REMOTE_LIMITS,
        stop_seconds: float = STOP_SECONDS,
        capture_output: bool = False,
    ) -> None:
        self._http = HttpSettings(addresses or AddressPolicy(), max_retry_after, max_http_connections)
        self._remote = remote
        self._access: PackAccess | None = None
        self._stop_seconds = stop_seconds
        self._captures = capture_output
        self._lock = threading.Lock()
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._helpers: Pool | None = None
        self._over = False
        # A task inherits the context in which it is made. With this one it inherits nothing of start's caller.
        self._context = Context()
        self._incoming: deque[_LoopCall] = deque()
        self._awake = False
        # The code that removes a call from here reports its end.
        self._calls: dict[_LoopCall, bool] = {}
        self._closing: asyncio.Task[None] | None = None

    def give_access(self, access: PackAccess) -> None:
        """Set what processes of packs can reach. Call before the first `start`."""
        self._access = access

    def start(self, action: Action, call: Call, done: Done, begun: Begun | None = None) -> Running:
        """Hand the call to the loop."""
        running = _LoopCall(self, action, call, done, begun)
        with self._lock:
            if self._stopped:
                raise RuntimeError("the event loop runner is stopped")
            loop = self._loop or self._start_loop()
            self._calls[running] = True
            self._incoming.append(running)
            # Waking the loop is a system call, so one wake-up serves all calls since the loop's last look.
            if not self._awake:
                self._awake = True
                loop.call_soon_threadsafe(self._take_incoming, context=self._context)
        return running

    def stop(self) -> None:
        """Cancel the running calls, wait for them, close the loop's HTTP connections, and join the threads."""
        with self._lock:
            first, self._stopped = not self._stopped, True
            loop, thread, helpers = self._loop, self._thread, self._helpers
        if loop is None or thread is None or helpers is None:
            return
        if first:
            loop.call_soon_threadsafe(self._begin_closing, context=self._context)
        thread.join(self._stop_seconds + 4 * CLEAN_UP_SECONDS)
        if thread.is_alive():
            _log.warning("event_loop_left_behind", reason="an action blocks it")
        for running in list(self._calls):
            self._leave(running)
        if not helpers.close(self._stop_seconds):
            _log.warning("helper_thread_left_behind")

    def cancel(self, running: _LoopCall) -> bool:
        """Ask the loop to cancel a call. Returns False if the call has ended. Any thread may call this."""
        loop = self._loop
        if loop is None or running not in self._calls:
            return False
        try:
            loop.call_soon_threadsafe(self._cancel, running, context=self._context)
        except RuntimeError:  # the loop has just closed, after it had reported every call's end
            return False
        return True

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        protected = ProtectedLoop()
        loop = self._loop = protected.loop
        loop.set_exception_handler(self._log_stray)
        use_http_settings(loop, self._http)
        use_remote_limits(loop, self._remote)
        if self._access is not None:
            use_pack_access(loop, self._access)
        self._helpers = Pool(HELPER_THREADS, "stretto-helper")
        loop.set_default_executor(self._helpers)
        # A daemon thread, because an action that blocks the loop must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, args=(protected,), name="stretto-loop", daemon=True)
        self._thread.start()
        return loop

    def _run(self, protected: ProtectedLoop) -> None:
        process = generation()
        while not self._over:
            try:
                with protected.protected():
                    protected.loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                # asyncio lets these through from any task, and an action may have started tasks.
                end_forked_child(process, error)
                _log.error("event_loop_error", error=describe(error))
            except BaseException as error:
                # A child that awaits: the loop is its parent's.
                end_forked_child(process, error)
                raise
        protected.close()

    def _take_incoming(self) -> None:
        # The flag is cleared first, so that a call which arrives after this line wakes the loop again.
        self._awake = False
        loop = asyncio.get_running_loop()
        while self._incoming:
            running = self._incoming.popleft()
            running.task = loop.create_task(self._run_call(running))

    async def _run_call(self, running: _LoopCall) -> None:
        if running.cancelling:
            self._end(running, cancelled())
        else:
            self._end(running, await self._outcome(running))

    async def _outcome(self, running: _LoopCall) -> Finished:
        running.began = Began(None, time.monotonic())
        call_ids.set(running.call.ids)
        if running.call.may_ask:
            call = running.call
            asking_item.set(AskingItem(call.ids.run_id, call.ids.task, call.visit, call.index))
        output_slot.set(running.slot)
        if self._captures:
            print_slot.set(running.printed)
        if running.begun is not None:
            running.begun()
        process = generation()
        try:
            result = await running.action.function(**running.call.input)
            end_forked_child(process)
            return returned(running.action, result)
        except asyncio.CancelledError as error:
            end_forked_child(process, error)
            return cancelled() if running.cancelling else failure(running.action, error)
        except BaseException as error:  # noqa: BLE001 - any exception is the action's failure, and must not end the loop
            end_forked_child(process, error)
            return failure(running.action, error)

    def _end(self, running: _LoopCall, finished: Finished) -> None:
        if self._calls.pop(running, False):
            report(let_go(running), running.call, finished)

    def _cancel(self, running: _LoopCall) -> None:
        if running.cancelling:
            return
        running.cancelling = True
        # A task that is cancelled before its first step never runs, so it could not report its end.
        if running.began is not None and running.task is not None:
            running.task.cancel()

    def _leave(self, running: _LoopCall) -> None:
        reason = f"it did not end within {self._stop_seconds:g} s of its cancellation and was left behind"
        _log.warning("action_left_behind", action=running.call.ref, **running.call.ids.as_fields())
        self._end(running, cancelled(reason))

    def _begin_closing(self) -> None:
        self._closing = asyncio.get_running_loop().create_task(self._close())

    async def _close(self) -> None:
        try:
            self._take_incoming()
            calls = list(self._calls)
            for running in calls:
                self._cancel(running)
            await _wait([running.task for running in calls if running.task], self._stop_seconds)
            for running in list(self._calls):
                self._leave(running)
            await self._clean_up({running.task for running in calls})
        except Exception:  # noqa: BLE001 - the loop must end even if an action left broken tasks on it
            _log.exception("event_loop_not_clean")
        finally:
            self._over = True
            asyncio.get_running_loop().stop()

    async def _clean_up(self, known: set[asyncio.Task[None] | None]) -> None:
        strays = [task for task in asyncio.all_tasks() if task not in known and task is not self._closing]
        for task in strays:
            task.cancel()
        await _wait(strays, CLEAN_UP_SECONDS)
        async with asyncio.timeout(CLEAN_UP_SECONDS):
            await close_connections()
            await asyncio.get_running_loop().shutdown_asyncgens()
        # asyncio closes a connection in the turn after the one in which an action that ends calls `close`.
        await asyncio.sleep(0)

    def _log_stray(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # After the end, asyncio complains of pending tasks, which have been logged as left behind.
        if not self._over:
            error = context.get("exception")
            _log.error("event_loop_error", reason=context["message"], error=error and describe(error))


async def _wait(tasks: list[asyncio.Task[Any]], seconds: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
