"""The engine's methods for asyncio programs: what `stretto.actors.connect_async` returns."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from functools import wraps
from os import PathLike
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

import pykka

from stretto.actors.engine import RunNotEnded
from stretto.actors.gateway.output_state import OutputState
from stretto.actors.gateway.remote.async_calls import AsyncCalls, Question, Questions
from stretto.actors.gateway.remote.async_client import AsyncClient
from stretto.actors.gateway.remote.engine import AWAY_SECONDS, RemoteEngine
from stretto.actors.gateway.remote.following import outcome_from
from stretto.actors.gateway.run_state import RunState
from stretto.actors.locating import is_path
from stretto.actors.operations import FollowOutput
from stretto.actors.outcome import Outcome, RunHandle
from stretto.definitions.model import Workflow

P = ParamSpec("P")
T = TypeVar("T")


def connect_async(url: str, token: str | None = None, *, away_seconds: float = AWAY_SECONDS) -> "AsyncRemoteEngine":
    """Return an engine in another process for an asyncio program. No request is sent yet.

    Args:
        url: `unix:///PATH`, `http://HOST:PORT` or `https://HOST:PORT`.
        token: The token for a port. A socket knows its user.
        away_seconds: How long a daemon that has answered may be away, as during its restart. Requests and outcomes are
            waited for so long.

    Raises:
        BadUrl: The URL is another one.
    """
    return AsyncRemoteEngine(url, token, away_seconds=away_seconds)


class AsyncRunHandle:
    """An accepted run, for an asyncio program.

    Attributes:
        id: The run's id.
        workflow: The ref of its workflow.
        replayed: Whether an earlier request with the same idempotency key has started it.
    """

    def __init__(self, calls: AsyncCalls, run_id: str, workflow: str, *, replayed: bool = False) -> None:
        self.id = run_id
        self.workflow = workflow
        self.replayed = replayed
        self._calls = calls
        self._outcome: Outcome | None = None

    async def outcome(self, timeout: float | None = None) -> Outcome:  # noqa: ASYNC109 - as that of a future
        """Wait for the run's end, also through restarts of the daemon.

        Args:
            timeout: The seconds to wait. None waits without a limit.

        Returns:
            The status, the output and the errors.

        Raises:
            RunNotEnded: The run has not ended within `timeout` seconds. It continues.
            UnknownRun: There is no such run, as after the restart of a daemon without a store.
            DaemonUnreachable, RunWasParked: The daemon has been away for too long, or cannot continue the run.
            ClientClosed: The connection is closed.
        """
        if self._outcome is None:
            try:
                async with asyncio.timeout(timeout) as limit:
                    self._outcome = await self._ended()
            except TimeoutError:
                if not limit.expired():
                    raise
                raise RunNotEnded(self, timeout or 0) from None
        return self._outcome

    async def _ended(self) -> Outcome:
        state = RunState(self.id)
        async for _ in self._calls.follow(state):
            pass
        assert state.outcome is not None  # noqa: S101 - for the type checker: it is followed to its end
        return outcome_from(state.outcome)

    async def watch(self) -> AsyncGenerator[dict[str, Any]]:
        """Yield the run's state now and after each change, until its end. See `RunHandle.watch`."""
        state = RunState(self.id)
        async for _ in self._calls.follow(state):
            yield state.report()


def _answered(
    method: Callable[Concatenate[RemoteEngine, P], pykka.Future[T]],
) -> Callable[Concatenate["AsyncRemoteEngine", P], Coroutine[Any, Any, T]]:
    """Return a method as a coroutine function, with the same arguments."""

    @wraps(method)
    async def ask(self: "AsyncRemoteEngine", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._answer_to(method(self._questions, *args, **kwargs))

    return ask


def _with_handle(
    method: Callable[Concatenate[RemoteEngine, P], pykka.Future[RunHandle]],
) -> Callable[Concatenate["AsyncRemoteEngine", P], Coroutine[Any, Any, AsyncRunHandle]]:
    """Return a method that results in a run's handle as a coroutine function."""

    @wraps(method)
    async def ask(self: "AsyncRemoteEngine", /, *args: P.args, **kwargs: P.kwargs) -> AsyncRunHandle:
        return self._handle_from(await self._answer_to(method(self._questions, *args, **kwargs)))

    return ask


class AsyncRemoteEngine:
    """The engine of a daemon, for an asyncio program. `connect_async(...)` returns one.

    The methods are those of `RemoteEngine`, with the same arguments, results and errors. Each is a coroutine function,
    and needs no thread. `submit`, `rerun` and `handle` return an `AsyncRunHandle`.

    Requests that change a run in progress arrive in the order of their calls, others side by side, up to 32 at once.
    A call that is cancelled closes its connection: the daemon may have done what was asked. Use an `async with` block,
    or `close`. The runs continue after it.

    Attributes:
        url: The daemon's URL.
    """

    def __init__(self, url: str, token: str | None = None, *, away_seconds: float = AWAY_SECONDS) -> None:
        self.url = url
        self._questions = _Unsent()
        self._calls = AsyncCalls(AsyncClient(url, token), away_seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _raised: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Calls without an answer raise `ClientClosed`; runs continue."""
        self._calls.close()

    async def submit(  # noqa: PLR0913 - keywords, each independent
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: str | None = None,
        note: str | None = None,
    ) -> AsyncRunHandle:
        """Start a run of a workflow. See `RemoteEngine.submit`. A file is read in a thread."""
        question = self._questions.submit(
            workflow, inputs, idempotency_key=idempotency_key, labels=labels, priority=priority, note=note
        )
        if not isinstance(workflow, Workflow) and is_path(os.fspath(workflow)):
            request = await asyncio.to_thread(cast("Question[RunHandle]", question).make)
            question = Question(lambda: request, cast("Question[RunHandle]", question).read)
        return self._handle_from(await self._answer_to(question))

    rerun = _with_handle(RemoteEngine.rerun)
    handle = _with_handle(RemoteEngine.handle)

    def watch(self, run_id: str) -> AsyncGenerator[dict[str, Any]]:
        """Yield the state of a run now and after each change, until its end: what `AsyncRunHandle.watch` does."""
        return AsyncRunHandle(self._calls, run_id, "").watch()

    async def follow_output(
        self, run_id: str, task: str, index: int = 0, attempt: int | None = None
    ) -> AsyncGenerator[dict[str, Any]]:
        """Yield what an item has written so far, then what it writes. See `RemoteEngine.follow_output`."""
        async for piece in self._calls.follow_output(OutputState(FollowOutput(run_id, task, index, attempt))):
            yield piece

    status = _answered(RemoteEngine.status)
    tasks = _answered(RemoteEngine.tasks)
    task = _answered(RemoteEngine.task)
    delete_run = _answered(RemoteEngine.delete_run)
    cancel = _answered(RemoteEngine.cancel)
    pause = _answered(RemoteEngine.pause)
    resume = _answered(RemoteEngine.resume)
    cancel_task = _answered(RemoteEngine.cancel_task)
    pause_task = _answered(RemoteEngine.pause_task)
    resume_task = _answered(RemoteEngine.resume_task)
    set_concurrency = _answered(RemoteEngine.set_concurrency)
    set_max_failures = _answered(RemoteEngine.set_max_failures)
    preview_cancel = _answered(RemoteEngine.preview_cancel)
    preview_rerun = _answered(RemoteEngine.preview_rerun)
    skip_item = _answered(RemoteEngine.skip_item)
    retry_item = _answered(RemoteEngine.retry_item)
    extend = _answered(RemoteEngine.extend)
    recover = _answered(RemoteEngine.recover)
    why = _answered(RemoteEngine.why)
    item_output = _answered(RemoteEngine.item_output)
    workflows = _answered(RemoteEngine.workflows)
    runs = _answered(RemoteEngine.runs)
    run_counts = _answered(RemoteEngine.run_counts)
    find_run = _answered(RemoteEngine.find_run)
    run = _answered(RemoteEngine.run)
    items = _answered(RemoteEngine.items)
    item = _answered(RemoteEngine.item)
    item_input = _answered(RemoteEngine.item_input)
    cells = _answered(RemoteEngine.cells)
    errors = _answered(RemoteEngine.errors)
    error_items = _answered(RemoteEngine.error_items)
    history = _answered(RemoteEngine.history)
    context = _answered(RemoteEngine.context)
    context_value = _answered(RemoteEngine.context_value)
    context_versions = _answered(RemoteEngine.context_versions)
    timeline = _answered(RemoteEngine.timeline)
    definition = _answered(RemoteEngine.definition)
    run_graph = _answered(RemoteEngine.run_graph)
    definition_graph = _answered(RemoteEngine.definition_graph)
    export = _answered(RemoteEngine.export)
    audit = _answered(RemoteEngine.audit)
    keys = _answered(RemoteEngine.keys)
    key = _answered(RemoteEngine.key)
    key_value = _answered(RemoteEngine.key_value)
    set_key = _answered(RemoteEngine.set_key)
    delete_key = _answered(RemoteEngine.delete_key)
    daemons = _answered(RemoteEngine.daemons)
    daemon = _answered(RemoteEngine.daemon)
    rules = _answered(RemoteEngine.rules)
    rule = _answered(RemoteEngine.rule)
    try_rule = _answered(RemoteEngine.try_rule)
    events = _answered(RemoteEngine.events)
    event = _answered(RemoteEngine.event)
    disable_rule = _answered(RemoteEngine.disable_rule)
    enable_rule = _answered(RemoteEngine.enable_rule)
    replay_event = _answered(RemoteEngine.replay_event)
    pools = _answered(RemoteEngine.pools)
    drain_pool = _answered(RemoteEngine.drain_pool)
    inquiries = _answered(RemoteEngine.inquiries)
    inquiry = _answered(RemoteEngine.inquiry)
    answer_inquiry = _answered(RemoteEngine.answer_inquiry)
    link_inquiry = _answered(RemoteEngine.link_inquiry)
    drain_daemon = _answered(RemoteEngine.drain_daemon)
    sensors = _answered(RemoteEngine.sensors)
    sensor = _answered(RemoteEngine.sensor)
    sensor_logs = _answered(RemoteEngine.sensor_logs)
    restart_sensor = _answered(RemoteEngine.restart_sensor)
    schedules = _answered(RemoteEngine.schedules)
    schedule = _answered(RemoteEngine.schedule)
    schedule_times = _answered(RemoteEngine.schedule_times)
    pause_schedule = _answered(RemoteEngine.pause_schedule)
    resume_schedule = _answered(RemoteEngine.resume_schedule)
    trigger_schedule = _answered(RemoteEngine.trigger_schedule)
    prune = _answered(RemoteEngine.prune)
    preview_prune = _answered(RemoteEngine.preview_prune)

    def _handle_from(self, handle: RunHandle) -> AsyncRunHandle:
        """Return a handle of this engine."""
        return AsyncRunHandle(self._calls, handle.id, handle.workflow, replayed=handle.replayed)

    async def _answer_to(self, question: pykka.Future[T]) -> T:
        """Return the answer to what `_questions` has returned."""
        return await self._calls.answer(cast("Question[T]", question))


class _Unsent(RemoteEngine):
    """The methods of the engine, each of which returns its request as a question."""

    def __init__(self) -> None:
        self._calls = Questions()

    def _handle_of(self, run_id: str, workflow: str) -> RunHandle:
        return RunHandle(run_id, workflow, pykka.Future())
