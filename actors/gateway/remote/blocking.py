"""The engine of another process for programs that wait."""

from collections.abc import Iterator, Mapping
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stretto.actors.engine import BlockingCalls
from stretto.actors.journal import GivenItems, RerunScope, Scope
from stretto.actors.outcome import Outcome, RunHandle
from stretto.definitions.model import Workflow

if TYPE_CHECKING:
    from stretto.actors.gateway.remote.engine import RemoteEngine


class BlockingRemoteEngine(BlockingCalls):
    """The engine of a daemon, whose methods wait for their answers. `connect(...).blocking()` returns one.

    The methods, and `run` and `wait`, are those of `BlockingEngine`, as far as a daemon has them, and those that
    `RemoteEngine` has besides. Each change takes a `note` for the audit. A `with` block closes the connection at its
    end; the daemon's runs continue.

    Attributes:
        proxy: The `RemoteEngine`, whose methods return futures.
    """

    proxy: "RemoteEngine"

    def watch(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield the state of a run now and after each change, until its end: what `RunHandle.watch` does."""
        return self.proxy.watch(run_id)

    def follow_output(
        self, run_id: str, task: str, index: int = 0, attempt: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield what an item has written so far, then what it writes. See `RemoteEngine.follow_output`."""
        return self.proxy.follow_output(run_id, task, index, attempt)

    def run_graph(self, run_id: str) -> dict[str, Any]:
        """Return the graph of a run. See `RemoteEngine.run_graph`."""
        return self.proxy.run_graph(run_id).get()

    def definition_graph(self, ref: str) -> dict[str, Any]:
        """Return the graph of a definition. See `RemoteEngine.definition_graph`."""
        return self.proxy.definition_graph(ref).get()

    def run(  # noqa: PLR0913 - keywords, each independent
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: str | None = None,
        note: str | None = None,
    ) -> Outcome:
        """Run a workflow to its end. See `BlockingEngine.run`."""
        run = self.submit(
            workflow, inputs, idempotency_key=idempotency_key, labels=labels, priority=priority, note=note
        )
        return self._to_its_end(run, timeout)

    def submit(  # noqa: PLR0913 - keywords, each independent
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: str | None = None,
        note: str | None = None,
    ) -> RunHandle:
        """Start a run, and return its handle once it is accepted. See `RemoteEngine.submit`."""
        return self.proxy.submit(
            workflow, inputs, idempotency_key=idempotency_key, labels=labels, priority=priority, note=note
        ).get()

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
    ) -> RunHandle:
        """Start a run with the definition and inputs of an ended one. See `Engine.rerun`."""
        return self.proxy.rerun(
            run_id,
            scope,
            task,
            items=items,
            error_group=error_group,
            idempotency_key=idempotency_key,
            labels=labels,
            note=note,
        ).get()

    def cancel(self, run_id: str, *, note: str | None = None) -> None:
        """Cancel a run by its cancellation policy, and return when nothing new will start."""
        self.proxy.cancel(run_id, note=note).get()

    def pause(self, run_id: str, *, note: str | None = None) -> None:
        """Pause a run: nothing new starts, running items finish."""
        self.proxy.pause(run_id, note=note).get()

    def resume(self, run_id: str, *, note: str | None = None) -> None:
        """Resume a paused run."""
        self.proxy.resume(run_id, note=note).get()

    def cancel_task(self, run_id: str, task: str, *, note: str | None = None) -> None:
        """Cancel a task of a run: its items are stopped, and it ends cancelled. See `Engine.cancel_task`."""
        self.proxy.cancel_task(run_id, task, note=note).get()

    def pause_task(self, run_id: str, task: str, *, note: str | None = None) -> None:
        """Pause a task of a run: running items finish, and nothing new starts in it."""
        self.proxy.pause_task(run_id, task, note=note).get()

    def resume_task(self, run_id: str, task: str, *, note: str | None = None) -> None:
        """Resume a paused task of a run."""
        self.proxy.resume_task(run_id, task, note=note).get()

    def set_concurrency(self, run_id: str, task: str, concurrency: int, *, note: str | None = None) -> None:
        """Change how many items of a running fan-out may be in its window, at least 1."""
        self.proxy.set_concurrency(run_id, task, concurrency, note=note).get()

    def set_max_failures(self, run_id: str, task: str, max_failures: int, *, note: str | None = None) -> None:
        """Change how many items of a running fan-out may fail, at least 0."""
        self.proxy.set_max_failures(run_id, task, max_failures, note=note).get()

    def skip_item(self, run_id: str, task: str, index: int, *, note: str | None = None) -> None:
        """Skip an item of a running fan-out. See `Engine.skip_item`."""
        self.proxy.skip_item(run_id, task, index, note=note).get()

    def retry_item(self, run_id: str, task: str, index: int, *, note: str | None = None) -> None:
        """Retry an item of a running fan-out. See `Engine.retry_item`."""
        self.proxy.retry_item(run_id, task, index, note=note).get()

    def extend(self, run_id: str, seconds: float, *, note: str | None = None) -> None:
        """Add seconds to the deadline of a run whose workflow has a `timeout`."""
        self.proxy.extend(run_id, seconds, note=note).get()

    def recover(self, run_id: str, *, note: str | None = None) -> None:
        """Try again to recover a quarantined run. See `Engine.recover`."""
        self.proxy.recover(run_id, note=note).get()

    def prune(
        self, older_than_seconds: float | None = None, keep: int | None = None, *, note: str | None = None
    ) -> int:
        """Delete ended runs from the store, and return their number. See `Engine.prune`."""
        return self.proxy.prune(older_than_seconds, keep, note=note).get()

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
    ) -> dict[str, Any]:
        """Set a key of the key-value store. See `Engine.set_key`."""
        return self.proxy.set_key(
            name, value, scope, owner, secret=secret, lasts=lasts, version=version, note=note
        ).get()

    def delete_key(
        self,
        name: str,
        scope: Scope = "system",
        owner: str | None = None,
        *,
        version: int | None = None,
        note: str | None = None,
    ) -> None:
        """Delete a key of the key-value store. See `Engine.delete_key`."""
        self.proxy.delete_key(name, scope, owner, version=version, note=note).get()

    def answer_inquiry(self, inquiry: str, response: Any, *, note: str | None = None) -> dict[str, Any]:
        """Answer an inquiry. See `Engine.answer_inquiry`."""
        return self.proxy.answer_inquiry(inquiry, response, note=note).get()

    def link_inquiry(
        self, inquiry: str, to: str, lasts: float | None = None, *, note: str | None = None
    ) -> dict[str, Any]:
        """Make a personal link for someone who is to answer. See `Engine.link_inquiry`."""
        return self.proxy.link_inquiry(inquiry, to, lasts, note=note).get()

    def disable_rule(self, rule: str, *, note: str | None = None) -> dict[str, Any]:
        """Let a rule answer no more events. See `Engine.disable_rule`."""
        return self.proxy.disable_rule(rule, note=note).get()

    def enable_rule(self, rule: str, *, note: str | None = None) -> dict[str, Any]:
        """Let a rule that was disabled answer events again. See `Engine.enable_rule`."""
        return self.proxy.enable_rule(rule, note=note).get()

    def replay_event(self, event: str, *, note: str | None = None) -> str:
        """Accept a copy of an event, and return its id. See `Engine.replay_event`."""
        return self.proxy.replay_event(event, note=note).get()

    def drain_pool(self, pool: str, worker: str | None = None, *, note: str | None = None) -> int:
        """Let the workers of a pool finish their items and leave. See `Engine.drain_pool`."""
        return self.proxy.drain_pool(pool, worker, note=note).get()

    def drain_daemon(self, daemon: int, *, note: str | None = None) -> None:
        """Let a daemon give all of its runs to other daemons. See `Engine.drain_daemon`."""
        self.proxy.drain_daemon(daemon, note=note).get()

    def pause_schedule(self, schedule: str, *, note: str | None = None) -> dict[str, Any]:
        """Start no runs of a schedule until it is resumed. See `Engine.pause_schedule`."""
        return self.proxy.pause_schedule(schedule, note=note).get()

    def restart_sensor(self, sensor: str, *, note: str | None = None) -> dict[str, Any]:
        """End a sensor's process and start it anew. See `Engine.restart_sensor`."""
        return self.proxy.restart_sensor(sensor, note=note).get()

    def resume_schedule(self, schedule: str, *, note: str | None = None) -> dict[str, Any]:
        """Start runs of a paused schedule again. See `Engine.resume_schedule`."""
        return self.proxy.resume_schedule(schedule, note=note).get()

    def trigger_schedule(self, schedule: str, *, note: str | None = None) -> dict[str, Any]:
        """Start a run of a schedule now. See `Engine.trigger_schedule`."""
        return self.proxy.trigger_schedule(schedule, note=note).get()

    def delete_run(self, run_id: str, *, note: str | None = None) -> None:
        """Delete an ended run, and the runs of its sub-workflows. See `Engine.delete_run`."""
        self.proxy.delete_run(run_id, note=note).get()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _raised: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end all threads. Futures without an answer raise `ClientClosed`; runs continue."""
        self.proxy.close()
