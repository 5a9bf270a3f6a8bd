"""The engine of this process for programs that wait."""

import contextlib
from collections.abc import Mapping
from functools import partial
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pykka
from msgspec import structs

from stretto.actors.engine.blocking_calls import BlockingCalls
from stretto.actors.engine.watching import states_of
from stretto.actors.journal import GivenItems, Origin, Requester, RerunScope, Scope
from stretto.actors.outcome import RunHandle
from stretto.definitions.model import Workflow

if TYPE_CHECKING:
    from stretto.actors.engine.engine import Engine


class BlockingEngine(BlockingCalls):
    """A running engine whose methods wait for their answers. `Engine.open(...)` returns one.

    The methods are those of `Engine`, and raise the same errors. Differences:

    - `run` runs a workflow to its end, and `wait` waits for the end of a submitted run.
    - `show_run` is the `run` of `Engine`: it returns the report of a stored run.
    - The handles of `submit`, `rerun` and `handle` have `watch()`, which yields the states of the run.

    At the end of a `with` block the engine waits for the runs in progress and stops. If the block raises, the engine
    stops at once: with a store, the runs in progress are parked until an engine opens it again. Without one they fail.
    Several threads can use one engine. An actor must not: it would wait for itself.

    Attributes:
        proxy: The proxy of the engine's actor, whose methods return futures.
    """

    def __init__(self, engine: "pykka.ActorRef[Engine]") -> None:
        super().__init__(engine.proxy())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, raised: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        # The engine has stopped already if the block stopped it, or if its store is gone.
        with contextlib.suppress(pykka.ActorDeadError):
            try:
                self.stop(None if raised is None else 0)
            except KeyboardInterrupt:
                self.stop(0)
                raise

    @property
    def metrics_url(self) -> str | None:
        """The URL of the metrics endpoint, or None without one."""
        url: str | None = self._get(self.proxy.metrics_url)
        return url

    def submit(  # noqa: PLR0913 - keywords, each independent
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        watcher: pykka.ActorRef[Any] | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: str | None = None,
        origin: Origin = "owner",
        by: Requester | None = None,
    ) -> RunHandle:
        """Start a run, and return its handle once it is accepted. See `Engine.submit`."""
        future = self.proxy.submit(
            workflow,
            inputs,
            watcher,
            idempotency_key=idempotency_key,
            labels=labels,
            priority=priority,
            origin=origin,
            by=by,
        )
        return self._watchable(self._get(future))

    def rerun(  # noqa: PLR0913 - keywords, each independent
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        origin: Origin = "owner",
        by: Requester | None = None,
    ) -> RunHandle:
        """Start a run with the definition and inputs of an ended one. See `Engine.rerun`."""
        future = self.proxy.rerun(
            run_id, scope, task, items=items, error_group=error_group, idempotency_key=idempotency_key, labels=labels,
            origin=origin, by=by,
        )  # fmt: skip
        return self._watchable(self._get(future))

    def handle(self, run_id: str) -> RunHandle:
        """Return the handle of a run in progress, or of an ended one in the store."""
        return self._watchable(super().handle(run_id))

    def _watchable(self, handle: RunHandle) -> RunHandle:
        return structs.replace(handle, states=partial(states_of, self.proxy.actor_ref, handle))

    def cancel(self, run_id: str, *, by: Requester | None = None) -> None:
        """Cancel a run by its cancellation policy, and return when nothing new will start."""
        self._get(self.proxy.cancel(run_id, by=by))

    def recover(self, run_id: str, *, by: Requester | None = None) -> None:
        """Try again to recover a quarantined run. See `Engine.recover`."""
        self._get(self.proxy.recover(run_id, by=by))

    def pause(self, run_id: str, *, by: Requester | None = None) -> None:
        """Pause a run: nothing new starts, running items finish."""
        self._get(self.proxy.pause(run_id, by=by))

    def resume(self, run_id: str, *, by: Requester | None = None) -> None:
        """Resume a paused run."""
        self._get(self.proxy.resume(run_id, by=by))

    def cancel_task(self, run_id: str, task: str, *, by: Requester | None = None) -> None:
        """Cancel a task of a run: its items are stopped, and it ends cancelled. See `Engine.cancel_task`."""
        self._get(self.proxy.cancel_task(run_id, task, by=by))

    def pause_task(self, run_id: str, task: str, *, by: Requester | None = None) -> None:
        """Pause a task of a run: running items finish, and nothing new starts in it."""
        self._get(self.proxy.pause_task(run_id, task, by=by))

    def resume_task(self, run_id: str, task: str, *, by: Requester | None = None) -> None:
        """Resume a paused task of a run."""
        self._get(self.proxy.resume_task(run_id, task, by=by))

    def set_concurrency(self, run_id: str, task: str, concurrency: int, *, by: Requester | None = None) -> None:
        """Change how many items of a running fan-out may be in its window, at least 1."""
        self._get(self.proxy.set_concurrency(run_id, task, concurrency, by=by))

    def set_max_failures(self, run_id: str, task: str, max_failures: int, *, by: Requester | None = None) -> None:
        """Change how many items of a running fan-out may fail, at least 0."""
        self._get(self.proxy.set_max_failures(run_id, task, max_failures, by=by))

    def skip_item(self, run_id: str, task: str, index: int, *, by: Requester | None = None) -> None:
        """Skip an item of a running fan-out. See `Engine.skip_item`."""
        self._get(self.proxy.skip_item(run_id, task, index, by=by))

    def retry_item(self, run_id: str, task: str, index: int, *, by: Requester | None = None) -> None:
        """Retry an item of a running fan-out. See `Engine.retry_item`."""
        self._get(self.proxy.retry_item(run_id, task, index, by=by))

    def extend(self, run_id: str, seconds: float, *, by: Requester | None = None) -> None:
        """Add seconds to the deadline of a run whose workflow has a `timeout`."""
        self._get(self.proxy.extend(run_id, seconds, by=by))

    def export(self, run_id: str, *, by: Requester | None = None) -> dict[str, Any]:
        """Return a stored run with its definition and all its entries, secrets masked."""
        run: dict[str, Any] = self._get(self.proxy.export(run_id, by=by))
        return run

    def prune(
        self, older_than_seconds: float | None = None, keep: int | None = None, *, by: Requester | None = None
    ) -> int:
        """Delete ended runs from the store, and return their number. See `Engine.prune`."""
        return int(self._get(self.proxy.prune(older_than_seconds, keep, by=by)))

    def delete_run(self, run_id: str, *, by: Requester | None = None) -> None:
        """Delete an ended run, and the runs of its sub-workflows. See `Engine.delete_run`."""
        self._get(self.proxy.delete_run(run_id, by=by))

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
        by: Requester | None = None,
    ) -> dict[str, Any]:
        """Set a key of the key-value store. See `Engine.set_key`."""
        key: dict[str, Any] = self._get(
            self.proxy.set_key(name, value, scope, owner, secret=secret, lasts=lasts, version=version, by=by)
        )
        return key

    def delete_key(
        self,
        name: str,
        scope: Scope = "system",
        owner: str | None = None,
        *,
        version: int | None = None,
        by: Requester | None = None,
    ) -> None:
        """Delete a key of the key-value store. See `Engine.delete_key`."""
        self._get(self.proxy.delete_key(name, scope, owner, version=version, by=by))

    def key_value(
        self, name: str, scope: Scope = "system", owner: str | None = None, *, by: Requester | None = None
    ) -> Any:
        """Return the value of a key in clear. See `Engine.key_value`."""
        return self._get(self.proxy.key_value(name, scope, owner, by=by))

    def answer_inquiry(self, inquiry: str, response: Any, *, by: Requester | None = None) -> dict[str, Any]:
        """Answer an inquiry. See `Engine.answer_inquiry`."""
        answered: dict[str, Any] = self._get(self.proxy.answer_inquiry(inquiry, response, by=by))
        return answered

    def link_inquiry(
        self, inquiry: str, to: str, lasts: float | None = None, *, by: Requester | None = None
    ) -> dict[str, Any]:
        """Make a personal link for someone who is to answer. See `Engine.link_inquiry`."""
        return dict(self._get(self.proxy.link_inquiry(inquiry, to, lasts, by=by)))

    def drain_pool(self, pool: str, worker: str | None = None, *, by: Requester | None = None) -> int:
        """Let the workers of a pool finish their items and leave. See `Engine.drain_pool`."""
        return int(self._get(self.proxy.drain_pool(pool, worker, by=by)))

    def drain_daemon(self, daemon: int, *, by: Requester | None = None) -> None:
        """Let a daemon give all of its runs to other daemons. See `Engine.drain_daemon`."""
        self._get(self.proxy.drain_daemon(daemon, by=by))

    def disable_rule(self, rule: str, *, by: Requester | None = None) -> dict[str, Any]:
        """Let a rule answer no more events. See `Engine.disable_rule`."""
        return dict(self._get(self.proxy.disable_rule(rule, by=by)))

    def enable_rule(self, rule: str, *, by: Requester | None = None) -> dict[str, Any]:
        """Let a rule that was disabled answer events again. See `Engine.enable_rule`."""
        return dict(self._get(self.proxy.enable_rule(rule, by=by)))

    def replay_event(self, event: str, *, by: Requester | None = None) -> str:
        """Accept a copy of an event, and return its id. See `Engine.replay_event`."""
        return str(self._get(self.proxy.replay_event(event, by=by)))

    def pause_schedule(self, schedule: str, *, by: Requester | None = None) -> dict[str, Any]:
        """Start no runs of a schedule until it is resumed. See `Engine.pause_schedule`."""
        return dict(self._get(self.proxy.pause_schedule(schedule, by=by)))

    def restart_sensor(self, sensor: str, *, by: Requester | None = None) -> dict[str, Any]:
        """End a sensor's process and start it anew. See `Engine.restart_sensor`."""
        return dict(self._get(self.proxy.restart_sensor(sensor, by=by)))

    def resume_schedule(self, schedule: str, *, by: Requester | None = None) -> dict[str, Any]:
        """Start runs of a paused schedule again. See `Engine.resume_schedule`."""
        return dict(self._get(self.proxy.resume_schedule(schedule, by=by)))

    def trigger_schedule(self, schedule: str, *, by: Requester | None = None) -> dict[str, Any]:
        """Start a run of a schedule now. See `Engine.trigger_schedule`."""
        return dict(self._get(self.proxy.trigger_schedule(schedule, by=by)))

    def watch(self, run_id: str, watcher: pykka.ActorRef[Any]) -> None:
        """Send an actor `RunProgressed` from now until the run's end. See `Engine.watch`."""
        self._get(self.proxy.watch(run_id, watcher))

    def runs_in_progress(self) -> int:
        """Return the number of runs in progress."""
        return int(self._get(self.proxy.runs_in_progress()))

    def run_ids(self) -> tuple[str, ...]:
        """Return the ids of the runs in progress, sub-workflows included."""
        return tuple(self._get(self.proxy.run_ids()))

    def items_in_flight(self) -> int:
        """Return the number of items in flight."""
        return int(self._get(self.proxy.items_in_flight()))

    def late_results(self) -> int:
        """Return how many results were dropped because they came after the end of their item."""
        return int(self._get(self.proxy.late_results()))

    def workflow(self, name: str) -> Workflow:
        """Return the definition of a ref or a file's path. Raises as `submit` does."""
        workflow: Workflow = self._get(self.proxy.workflow(name))
        return workflow

    def stop(self, grace: float | None = None) -> None:
        """Accept no more runs, wait for the runs in progress, then stop everything. See `Engine.stop`."""
        self._get(self.proxy.stop(grace))
