"""The methods of an engine for programs that wait: each returns its answer, where the proxy returns a future."""

import contextlib
from collections.abc import Mapping
from os import PathLike
from typing import Any, Protocol

import pykka

from stretto.actors.engine.blocking_reports import BlockingReports
from stretto.actors.journal import GivenItems, RerunScope, Scope
from stretto.actors.outcome import Outcome, RunHandle
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import Workflow


class _Run(Protocol):
    """A handle of a run: a `RunHandle`, or an `AsyncRunHandle`."""

    @property
    def id(self) -> str: ...
    @property
    def workflow(self) -> str: ...


class RunNotEnded(StrettoError, TimeoutError):
    """A run has not ended within the time that its caller waits. It continues.

    Attributes:
        run: The run's handle.
    """

    code = "run_not_ended"

    def __init__(self, run: _Run, seconds: float) -> None:
        self.run: Any = run  # the handle that its caller has, of either kind
        super().__init__(
            f"the run {run.id} of {run.workflow} has not ended after {seconds:g} seconds; it continues: "
            "call wait() again, or cancel()"
        )


class BlockingCalls(BlockingReports):
    """The methods that an engine has in process and from elsewhere, each waiting for its answer.

    Args:
        proxy: What has the methods, and returns futures.
    """

    def run(  # noqa: PLR0913 - keywords, each independent
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: str | None = None,
    ) -> Outcome:
        """Run a workflow to its end. A run that fails is an outcome, not an exception.

        Ctrl-C cancels the run by its cancellation policy, waits for its end and raises `KeyboardInterrupt`. A second
        Ctrl-C does not wait.

        Args:
            workflow: A ref, the path of a file, or a `Workflow`.
            inputs: The run's inputs by parameter.
            timeout: The seconds to wait for the end. None waits without a limit. A workflow's own `timeout` ends its
                run, this one only the waiting.
            idempotency_key: As of `submit`.
            labels: As of `submit`.
            priority: As of `submit`.

        Returns:
            The status, the output and the errors.

        Raises:
            RunNotEnded: The run has not ended within `timeout` seconds. It continues.
            RunWasParked: The engine was stopped before the run's end.
            UnknownWorkflow, InvalidDefinition, InvalidInput: As of `submit`, as are its other errors.
        """
        run = self.submit(workflow, inputs, idempotency_key=idempotency_key, labels=labels, priority=priority)
        return self._to_its_end(run, timeout)

    def _to_its_end(self, run: RunHandle, timeout: float | None) -> Outcome:
        """Wait for the end of a run, and cancel it on Ctrl-C. See `run`."""
        try:
            return self.wait(run, timeout)
        except KeyboardInterrupt:
            # The run may have ended by itself, or the engine.
            with contextlib.suppress(StrettoError, pykka.ActorDeadError):
                self.cancel(run.id)
                self.wait(run)
            raise

    def wait(self, run: RunHandle, timeout: float | None = None) -> Outcome:
        """Wait for the end of a run.

        Args:
            run: What `submit`, `rerun` or `handle` returned.
            timeout: The seconds to wait. None waits without a limit.

        Returns:
            The status, the output and the errors.

        Raises:
            RunNotEnded: The run has not ended within `timeout` seconds. It continues.
            RunWasParked: The engine was stopped before the run's end.
        """
        try:
            outcome: Outcome = run.outcome.get(timeout=timeout)
        except pykka.Timeout:
            raise RunNotEnded(run, timeout or 0) from None
        return outcome

    def submit(
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: str | None = None,
    ) -> RunHandle:
        """Start a run, and return its handle once it is accepted. See `Engine.submit`."""
        future = self.proxy.submit(workflow, inputs, idempotency_key=idempotency_key, labels=labels, priority=priority)
        handle: RunHandle = self._get(future)
        return handle

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
    ) -> RunHandle:
        """Start a run with the definition and inputs of an ended one. See `Engine.rerun`."""
        handle: RunHandle = self._get(
            self.proxy.rerun(
                run_id,
                scope,
                task,
                items=items,
                error_group=error_group,
                idempotency_key=idempotency_key,
                labels=labels,
            )
        )
        return handle

    def delete_run(self, run_id: str) -> None:
        """Delete an ended run, and the runs of its sub-workflows. See `Engine.delete_run`."""
        self._get(self.proxy.delete_run(run_id))

    def cancel(self, run_id: str) -> None:
        """Cancel a run by its cancellation policy, and return when nothing new will start."""
        self._get(self.proxy.cancel(run_id))

    def recover(self, run_id: str) -> None:
        """Try again to recover a quarantined run. See `Engine.recover`."""
        self._get(self.proxy.recover(run_id))

    def pause(self, run_id: str) -> None:
        """Pause a run: nothing new starts, running items finish."""
        self._get(self.proxy.pause(run_id))

    def resume(self, run_id: str) -> None:
        """Resume a paused run."""
        self._get(self.proxy.resume(run_id))

    def cancel_task(self, run_id: str, task: str) -> None:
        """Cancel a task of a run: its items are stopped, and it ends cancelled. See `Engine.cancel_task`."""
        self._get(self.proxy.cancel_task(run_id, task))

    def pause_task(self, run_id: str, task: str) -> None:
        """Pause a task of a run: running items finish, and nothing new starts in it."""
        self._get(self.proxy.pause_task(run_id, task))

    def resume_task(self, run_id: str, task: str) -> None:
        """Resume a paused task of a run."""
        self._get(self.proxy.resume_task(run_id, task))

    def set_concurrency(self, run_id: str, task: str, concurrency: int) -> None:
        """Change how many items of a running fan-out may be in its window, at least 1."""
        self._get(self.proxy.set_concurrency(run_id, task, concurrency))

    def set_max_failures(self, run_id: str, task: str, max_failures: int) -> None:
        """Change how many items of a running fan-out may fail, at least 0."""
        self._get(self.proxy.set_max_failures(run_id, task, max_failures))

    def skip_item(self, run_id: str, task: str, index: int) -> None:
        """Skip an item of a running fan-out. See `Engine.skip_item`."""
        self._get(self.proxy.skip_item(run_id, task, index))

    def retry_item(self, run_id: str, task: str, index: int) -> None:
        """Retry an item of a running fan-out. See `Engine.retry_item`."""
        self._get(self.proxy.retry_item(run_id, task, index))

    def extend(self, run_id: str, seconds: float) -> None:
        """Add seconds to the deadline of a run whose workflow has a `timeout`."""
        self._get(self.proxy.extend(run_id, seconds))

    def handle(self, run_id: str) -> RunHandle:
        """Return the handle of a run in progress, or of an ended one in the store."""
        handle: RunHandle = self._get(self.proxy.handle(run_id))
        return handle

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
    ) -> dict[str, Any]:
        """Set a key of the key-value store. See `Engine.set_key`."""
        key: dict[str, Any] = self._get(
            self.proxy.set_key(name, value, scope, owner, secret=secret, lasts=lasts, version=version)
        )
        return key

    def delete_key(
        self, name: str, scope: Scope = "system", owner: str | None = None, *, version: int | None = None
    ) -> None:
        """Delete a key of the key-value store. See `Engine.delete_key`."""
        self._get(self.proxy.delete_key(name, scope, owner, version=version))

    def key_value(self, name: str, scope: Scope = "system", owner: str | None = None) -> Any:
        """Return the value of a key in clear. See `Engine.key_value`."""
        return self._get(self.proxy.key_value(name, scope, owner))

    def answer_inquiry(self, inquiry: str, response: Any) -> dict[str, Any]:
        """Answer an inquiry. See `Engine.answer_inquiry`."""
        answered: dict[str, Any] = self._get(self.proxy.answer_inquiry(inquiry, response))
        return answered

    def link_inquiry(self, inquiry: str, to: str, lasts: float | None = None) -> dict[str, Any]:
        """Make a personal link for someone who is to answer. See `Engine.link_inquiry`."""
        return dict(self._get(self.proxy.link_inquiry(inquiry, to, lasts)))

    def disable_rule(self, rule: str) -> dict[str, Any]:
        """Let a rule answer no more events. See `Engine.disable_rule`."""
        return dict(self._get(self.proxy.disable_rule(rule)))

    def enable_rule(self, rule: str) -> dict[str, Any]:
        """Let a rule that was disabled answer events again. See `Engine.enable_rule`."""
        return dict(self._get(self.proxy.enable_rule(rule)))

    def replay_event(self, event: str) -> str:
        """Accept a copy of an event, and return its id. See `Engine.replay_event`."""
        return str(self._get(self.proxy.replay_event(event)))

    def drain_pool(self, pool: str, worker: str | None = None) -> int:
        """Let the workers of a pool finish their items and leave. See `Engine.drain_pool`."""
        return int(self._get(self.proxy.drain_pool(pool, worker)))

    def drain_daemon(self, daemon: int) -> None:
        """Let a daemon give all of its runs to other daemons. See `Engine.drain_daemon`."""
        self._get(self.proxy.drain_daemon(daemon))

    def pause_schedule(self, schedule: str) -> dict[str, Any]:
        """Start no runs of a schedule until it is resumed. See `Engine.pause_schedule`."""
        return dict(self._get(self.proxy.pause_schedule(schedule)))

    def restart_sensor(self, sensor: str) -> dict[str, Any]:
        """End a sensor's process and start it anew. See `Engine.restart_sensor`."""
        return dict(self._get(self.proxy.restart_sensor(sensor)))

    def resume_schedule(self, schedule: str) -> dict[str, Any]:
        """Start runs of a paused schedule again. See `Engine.resume_schedule`."""
        return dict(self._get(self.proxy.resume_schedule(schedule)))

    def trigger_schedule(self, schedule: str) -> dict[str, Any]:
        """Start a run of a schedule now. See `Engine.trigger_schedule`."""
        return dict(self._get(self.proxy.trigger_schedule(schedule)))

    def prune(self, older_than_seconds: float | None = None, keep: int | None = None) -> int:
        """Delete ended runs from the store, and return their number. See `Engine.prune`."""
        return int(self._get(self.proxy.prune(older_than_seconds, keep)))

    def preview_prune(self, older_than_seconds: float | None = None, keep: int | None = None) -> int:
        """Return how many runs `prune` would delete now. See `Engine.preview_prune`."""
        return int(self._get(self.proxy.preview_prune(older_than_seconds, keep)))
