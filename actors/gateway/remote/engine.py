"""The engine's methods for another process, in the shape of the actor's proxy."""

from collections.abc import Iterator, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import pykka

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.remote.arguments import key_or_new, named_or_read, plain_items
from stretto.actors.gateway.remote.blocking import BlockingRemoteEngine
from stretto.actors.gateway.remote.calls import Calls, Sender
from stretto.actors.gateway.remote.following import handle_of, output_of, states_of
from stretto.actors.gateway.remote.reports import RemoteReports
from stretto.actors.journal import GivenItems, RerunScope, Scope
from stretto.actors.operations import (
    TASK_CONTROLS,
    Accepted,
    AnswerInquiry,
    Cancel,
    DeleteKey,
    DeleteRun,
    DrainDaemon,
    DrainPool,
    Extend,
    FollowOutput,
    KeyValue,
    LinkInquiry,
    Pause,
    PauseSchedule,
    PreviewPrune,
    Prune,
    Recover,
    Rerun,
    RestartSensor,
    Resume,
    ResumeSchedule,
    RetryItem,
    SetConcurrency,
    SetKey,
    SetMaxFailures,
    SkipItem,
    Status,
    Submit,
    TriggerSchedule,
    events,
)  # fmt: skip
from stretto.actors.outcome import RunHandle
from stretto.definitions.data import thaw
from stretto.definitions.model import Workflow

AWAY_SECONDS: Final = 120.0
"""How long a daemon may be away by default."""


def connect(url: str, token: str | None = None, *, away_seconds: float = AWAY_SECONDS) -> "RemoteEngine":
    """Return an engine in another process: a daemon's, by its socket or its port. No request is sent yet.

    Args:
        url: `unix:///PATH`, `http://HOST:PORT` or `https://HOST:PORT`.
        token: The token for a port. A socket knows its user.
        away_seconds: How long a daemon that has answered may be away, as during its restart. Requests and outcomes are
            waited for so long.

    Raises:
        BadUrl: The URL is another one.
    """
    return RemoteEngine(url, token, away_seconds=away_seconds)


class RemoteEngine(RemoteReports):
    """The engine of a daemon. `connect(...)` returns one.

    The methods are those of `Engine`, and `follow_output`, `run_graph` and `definition_graph`. Each returns a future at
    once, whose `get(timeout=...)` raises the errors of the engine's method, and these:

    - `DaemonUnreachable`: no daemon answers. `RequestRefused`: the daemon itself refuses, as with `forbidden`.
    - `ClientClosed`: this object is closed.

    Requests that change a run in progress arrive in their order, others side by side. Each change takes a `note` for
    the audit. Use a `with` block, or `close`. The runs continue after it. Several threads can use one object, and
    actors, too, if they do not wait.

    Attributes:
        url: The daemon's URL.
    """

    def __init__(self, url: str, token: str | None = None, *, away_seconds: float = AWAY_SECONDS) -> None:
        self.url = url
        self._followed = Calls(Client(url, token), away_seconds)
        self._calls: Sender = self._followed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _raised: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end all threads. Futures without an answer raise `ClientClosed`; runs continue."""
        self._followed.close()

    def blocking(self) -> BlockingRemoteEngine:
        """Return the same engine with methods that wait for their answers, as `Engine.open()` has them."""
        return BlockingRemoteEngine(self)

    def submit(  # noqa: PLR0913 - keywords, each independent
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: str | None = None,
        note: str | None = None,
    ) -> pykka.Future[RunHandle]:
        """Start a run of a workflow. See `Engine.submit`.

        A lost answer starts no second run: the request is sent again with its key.

        Args:
            workflow: A ref that the daemon knows, the path of a file here, or a `Workflow` that was read from text.
            inputs: The run's inputs by parameter.
            idempotency_key: If an earlier run was accepted with this key and the same request, return its handle. None
                makes a new key.
            labels: Up to 16 texts by key.
            priority: As of `Engine.submit`.
            note: As of every change: up to 1,000 characters for the audit.

        Returns:
            The future of the `RunHandle`. Its outcome is waited for through restarts of a daemon with a store.
        """
        key = key_or_new(idempotency_key)
        given, texts = thaw(dict(inputs or {})), None if labels is None else dict(labels)
        return self._calls.send(
            lambda: Submit(named_or_read(workflow), given, key, texts, priority=priority, note=note), self._accepted
        )

    def rerun(  # noqa: PLR0913 - as of `Engine.rerun`
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        note: str | None = None,
    ) -> pykka.Future[RunHandle]:
        """Start a run with the definition and inputs of an ended one. See `Engine.rerun`, and `submit` for the key."""
        chosen, key, texts = plain_items(items), key_or_new(idempotency_key), None if labels is None else dict(labels)
        return self._calls.send(
            lambda: Rerun(run_id, scope, task, chosen, error_group, key, texts, note=note), self._accepted
        )

    def handle(self, run_id: str) -> pykka.Future[RunHandle]:
        """Return the handle of a run in progress, or of an ended one in the store."""
        return self._calls.send(lambda: Status(run_id), lambda answer: self._handle_of(run_id, answer.run["workflow"]))

    def watch(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield the state of a run now and after each change, until its end: what `RunHandle.watch` does."""
        return states_of(self._followed, run_id)

    def follow_output(
        self, run_id: str, task: str, index: int = 0, attempt: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield what an item has written so far, then what it writes, to the end of its attempt, secrets masked.

        A connection that is cut is made again, and nothing is yielded twice. A caller that is slow gets the newest
        64 Ki characters of what it has missed.

        Args:
            run_id: The run.
            task: The task.
            index: The item's index.
            attempt: The number of the attempt. None is the one in flight, or the last one.

        Yields:
            {task, index, visit, attempt, stdout, stderr, left_out, outcome}, with further text of each stream.
            `left_out` says that text before it is missing. The last one has the attempt's outcome, if it is known.

        Raises:
            ItemNotInFlight, UnknownItem: The item does not run, and nothing of it is kept.
        """
        return output_of(self._followed, FollowOutput(run_id, task, index, attempt))

    def delete_run(self, run_id: str, *, note: str | None = None) -> pykka.Future[None]:
        """Delete an ended run, and the runs of its sub-workflows. See `Engine.delete_run`."""
        return self._calls.send(lambda: DeleteRun(run_id, note=note), lambda _answer: None)

    def cancel(self, run_id: str, *, note: str | None = None) -> pykka.Future[None]:
        """Cancel a run by its policy. Answered when nothing new will start."""
        return self._calls.control(Cancel(run_id, note=note))

    def pause(self, run_id: str, *, note: str | None = None) -> pykka.Future[None]:
        """Pause a run: nothing new starts, running items finish."""
        return self._calls.control(Pause(run_id, note=note))

    def resume(self, run_id: str, *, note: str | None = None) -> pykka.Future[None]:
        """Resume a paused run."""
        return self._calls.control(Resume(run_id, note=note))

    def cancel_task(self, run_id: str, task: str, *, note: str | None = None) -> pykka.Future[None]:
        """Cancel a task of a run. See `Engine.cancel_task`."""
        return self._calls.control(TASK_CONTROLS["cancel"](run_id, task, note=note))

    def pause_task(self, run_id: str, task: str, *, note: str | None = None) -> pykka.Future[None]:
        """Pause a task of a run. See `Engine.pause_task`."""
        return self._calls.control(TASK_CONTROLS["pause"](run_id, task, note=note))

    def resume_task(self, run_id: str, task: str, *, note: str | None = None) -> pykka.Future[None]:
        """Resume a paused task of a run. See `Engine.resume_task`."""
        return self._calls.control(TASK_CONTROLS["resume"](run_id, task, note=note))

    def set_concurrency(
        self, run_id: str, task: str, concurrency: int, *, note: str | None = None
    ) -> pykka.Future[None]:
        """Change how many items of a running fan-out may be in its window, at least 1."""
        return self._calls.control(SetConcurrency(run_id, task, concurrency, note=note))

    def set_max_failures(
        self, run_id: str, task: str, max_failures: int, *, note: str | None = None
    ) -> pykka.Future[None]:
        """Change how many items of a running fan-out may fail, at least 0."""
        return self._calls.control(SetMaxFailures(run_id, task, max_failures, note=note))

    def skip_item(self, run_id: str, task: str, index: int, *, note: str | None = None) -> pykka.Future[None]:
        """Skip an item of a running fan-out. See `Engine.skip_item`."""
        return self._calls.control(SkipItem(run_id, task, index, note=note))

    def retry_item(self, run_id: str, task: str, index: int, *, note: str | None = None) -> pykka.Future[None]:
        """Retry an item of a running fan-out. See `Engine.retry_item`."""
        return self._calls.control(RetryItem(run_id, task, index, note=note))

    def extend(self, run_id: str, seconds: float, *, note: str | None = None) -> pykka.Future[None]:
        """Add seconds to the deadline of a run whose workflow has a `timeout`."""
        return self._calls.control(Extend(run_id, seconds, note=note))

    def recover(self, run_id: str, *, note: str | None = None) -> pykka.Future[None]:
        """Try again to recover a quarantined run."""
        return self._calls.send(lambda: Recover(run_id, note=note), lambda _answer: None)

    def key_value(self, name: str, scope: Scope = "system", owner: str | None = None) -> pykka.Future[Any]:
        """Return the value of a key in clear. See `Engine.key_value`."""
        return self._calls.send(lambda: KeyValue(name, scope, owner), lambda answer: answer.value)

    def set_key(  # noqa: PLR0913 - as of `Engine.set_key`
        self,
        name: str,
        value: Any,
        scope: Scope = "system",
        owner: str | None = None,
        *,
        secret: bool = False,
        lasts: float | None = None,
        version: int | None = None,
        note: str | None = None,
    ) -> pykka.Future[dict[str, Any]]:
        """Set a key of the key-value store. See `Engine.set_key`."""
        plain = thaw(value)
        return self._calls.send(
            lambda: SetKey(name, plain, scope, owner, secret, lasts, version, note=note), lambda answer: answer.key
        )

    def delete_key(
        self,
        name: str,
        scope: Scope = "system",
        owner: str | None = None,
        *,
        version: int | None = None,
        note: str | None = None,
    ) -> pykka.Future[None]:
        """Delete a key of the key-value store. See `Engine.delete_key`."""
        return self._calls.send(lambda: DeleteKey(name, scope, owner, version, note=note), lambda _answer: None)

    def disable_rule(self, rule: str, *, note: str | None = None) -> pykka.Future[dict[str, Any]]:
        """Let a rule answer no more events. See `Engine.disable_rule`."""
        return self._calls.send(lambda: events.DisableRule(rule, note=note), lambda answer: answer.rule)

    def enable_rule(self, rule: str, *, note: str | None = None) -> pykka.Future[dict[str, Any]]:
        """Let a rule that was disabled answer events again. See `Engine.enable_rule`."""
        return self._calls.send(lambda: events.EnableRule(rule, note=note), lambda answer: answer.rule)

    def replay_event(self, event: str, *, note: str | None = None) -> pykka.Future[str]:
        """Accept a copy of an event, and return its id. See `Engine.replay_event`."""
        return self._calls.send(lambda: events.ReplayEvent(event, note=note), lambda answer: str(answer.event))

    def drain_pool(self, pool: str, worker: str | None = None, *, note: str | None = None) -> pykka.Future[int]:
        """Let the workers of a pool finish their items and leave. See `Engine.drain_pool`."""
        return self._calls.send(lambda: DrainPool(pool, worker, note=note), lambda answer: answer.workers)

    def answer_inquiry(self, inquiry: str, response: Any, *, note: str | None = None) -> pykka.Future[dict[str, Any]]:
        """Answer an inquiry. See `Engine.answer_inquiry`."""
        plain = thaw(response)
        return self._calls.send(lambda: AnswerInquiry(inquiry, plain, note=note), lambda answer: answer.inquiry)

    def link_inquiry(
        self, inquiry: str, to: str, lasts: float | None = None, *, note: str | None = None
    ) -> pykka.Future[dict[str, Any]]:
        """Make a personal link for someone who is to answer. See `Engine.link_inquiry`."""
        return self._calls.send(lambda: LinkInquiry(inquiry, to, lasts, note=note), lambda answer: answer.link)

    def drain_daemon(self, daemon: int, *, note: str | None = None) -> pykka.Future[None]:
        """Let a daemon give all of its runs to other daemons. See `Engine.drain_daemon`."""
        return self._calls.send(lambda: DrainDaemon(daemon, note=note), lambda _answer: None)

    def pause_schedule(self, schedule: str, *, note: str | None = None) -> pykka.Future[dict[str, Any]]:
        """Start no runs of a schedule until it is resumed. See `Engine.pause_schedule`."""
        return self._calls.send(lambda: PauseSchedule(schedule, note=note), lambda answer: answer.schedule)

    def restart_sensor(self, sensor: str, *, note: str | None = None) -> pykka.Future[dict[str, Any]]:
        """End a sensor's process and start it anew. See `Engine.restart_sensor`."""
        return self._calls.send(lambda: RestartSensor(sensor, note=note), lambda answer: answer.sensor)

    def resume_schedule(self, schedule: str, *, note: str | None = None) -> pykka.Future[dict[str, Any]]:
        """Start runs of a paused schedule again. See `Engine.resume_schedule`."""
        return self._calls.send(lambda: ResumeSchedule(schedule, note=note), lambda answer: answer.schedule)

    def trigger_schedule(self, schedule: str, *, note: str | None = None) -> pykka.Future[dict[str, Any]]:
        """Start a run of a schedule now. See `Engine.trigger_schedule`."""
        return self._calls.send(lambda: TriggerSchedule(schedule, note=note), msgspec.structs.asdict)

    def prune(
        self, older_than_seconds: float | None = None, keep: int | None = None, *, note: str | None = None
    ) -> pykka.Future[int]:
        """Delete ended runs from the store, and return their number. See `Engine.prune`."""
        return self._calls.send(lambda: Prune(older_than_seconds, keep, note=note), lambda answer: int(answer.runs))

    def preview_prune(self, older_than_seconds: float | None = None, keep: int | None = None) -> pykka.Future[int]:
        """Return how many runs `prune` would delete now. See `Engine.preview_prune`."""
        return self._calls.send(lambda: PreviewPrune(older_than_seconds, keep), lambda answer: int(answer.runs))

    def _accepted(self, accepted: Accepted) -> RunHandle:
        handle = self._handle_of(accepted.run, accepted.workflow)
        return handle.as_replayed() if accepted.replayed else handle

    def _handle_of(self, run_id: str, workflow: str) -> RunHandle:
        return handle_of(self._followed, run_id, workflow)
