"""The metrics and log lines of one run, gathered in a turn and written at its end."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from stretto.actors.outcome import Outcome
from stretto.actors.runs.messages import ItemEnded
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import Command, Conductor, ItemCompleted, RetryDue, TaskEnded, WaitUntil
from stretto.definitions.errors import ExpressionLimitExceeded
from stretto.definitions.model import Workflow
from stretto.metrics import get_logger, shows_info

_log = get_logger("stretto.runs")

_NO_ITEMS: Final[Mapping[str, int]] = MappingProxyType({})
_NO_VISITS: Final[dict[tuple[str, int], dict[str, int]]] = {}
_NO_ERRORS: Final[dict[tuple[str, str], int]] = {}
"""Shared: a run that waits has nothing in any of them. Nothing is added to them."""


class RunTelemetry:
    """Counts one run, and logs its steps."""

    __slots__ = (
        "_began", "_counted", "_errors", "_instruments", "_items", "_over", "_retries", "_run_id",
        "_seconds", "_services", "_snapshots", "_workflow",
    )  # fmt: skip

    def __init__(self, services: Services, workflow: Workflow, run_id: str) -> None:
        self._services = services
        self._workflow = workflow
        self._run_id = run_id
        self._instruments = services.instruments.workflow(workflow.ref)
        self._began = services.timers.monotonic()
        self._errors = _NO_ERRORS
        # Items by task and visit, each by outcome: those that have ended, and those of them that are in the metrics.
        self._items = self._counted = _NO_VISITS
        self._seconds: list[float] | tuple[()] = ()
        self._over = False
        self._retries = 0
        self._snapshots = 0

    def _fields(self) -> dict[str, Any]:
        """Return the run's ids for a line. Not a bound logger, which takes longer than a line that is not shown."""
        return {"run_id": self._run_id, "workflow": self._workflow.ref}

    def started(self) -> None:
        """Log that the run was accepted."""
        if shows_info():
            _log.info("run_started", **self._fields())

    def recovered(self, entries: int, outstanding: int, accepted_at: float) -> None:
        """Log that the run was recovered.

        Args:
            entries: The number of replayed entries.
            outstanding: The number of items that were in flight or about to start when the run was left.
            accepted_at: Seconds since the epoch.
        """
        self._began -= max(self._services.now() - accepted_at, 0.0)
        self._services.instruments.runs_recovered.inc()
        _log.info("run_recovered", **self._fields(), entries=entries, outstanding=outstanding)

    def parked(self) -> None:
        """Log that the run was parked."""
        self._leave()
        _log.info("run_parked", **self._fields())

    def evaluation_stopped(self, error: ExpressionLimitExceeded) -> None:
        """Count and log an evaluation that was stopped because it took too long."""
        self._services.instruments.evaluations_stopped.inc()
        _log.error("evaluation_stopped", **self._fields(), place=str(error.place), expression=error.expression)

    def attempt_ended(self, message: ItemEnded, outcome: str, *, final: bool) -> None:
        """Count an attempt.

        Args:
            message: The end of the attempt.
            outcome: The outcome that it counts as.
            final: Whether it was the item's last attempt.
        """
        completed = message.completed
        if final:
            if self._seconds:
                self._seconds.append(message.seconds)
            else:
                self._seconds = [message.seconds]
            visit = completed.task, completed.visit
            items = self._items.get(visit)
            if items is None:
                if not self._items:
                    self._items = {}
                items = self._items[visit] = {}
            items[outcome] = items.get(outcome, 0) + 1
        if completed.failure is not None:
            action = self._workflow.tasks[completed.task].action or ""
            error = action, completed.failure.kind
            if not self._errors:
                self._errors = {}
            self._errors[error] = self._errors.get(error, 0) + 1
            _log.debug(
                "item_failed", **self._fields(), task=completed.task, attempt=completed.attempt,
                kind=completed.failure.kind,
                item_index=completed.index if self._workflow.tasks[completed.task].with_items else None,
            )  # fmt: skip

    def retried(self) -> None:
        """Count a retry."""
        self._retries += 1

    def task_ended(self, ended: TaskEnded) -> None:
        """Count a task, and its items without a last attempt: those cancelled while they waited."""
        visit, outcomes = (ended.task, ended.visit), ended.outcomes
        instruments = self._instruments.task(ended.task)
        items, counted = self._items.pop(visit, _NO_ITEMS), self._counted.pop(visit, _NO_ITEMS)
        for outcome in outcomes if items.keys() <= outcomes.keys() else {**outcomes, **items}:
            count = max(outcomes.get(outcome, 0), items.get(outcome, 0)) - counted.get(outcome, 0)
            if count:
                instruments.items_finished(outcome, count)
        instruments.finished(ended.outcome)
        if not shows_info():
            return
        _log.info(
            "task_ended", **self._fields(), task=ended.task, visit=ended.visit, outcome=ended.outcome,
            items=ended.items, failed=ended.failed, seconds=round(ended.seconds, 6),
        )  # fmt: skip

    def ended(self, outcome: Outcome) -> None:
        """Log and count the run's end."""
        self._leave()
        seconds = self._services.timers.monotonic() - self._began
        self._instruments.run_finished(outcome.status, seconds, self._services.now())
        if not shows_info():
            return
        first = next((error for error in outcome.errors if not error.get("handled")), None) if outcome.errors else None
        cause = {} if first is None else {"error": first["message"], "where": first.get("where")}
        _log.info(
            "run_ended", **self._fields(), outcome=outcome.status, errors=len(outcome.errors),
            seconds=round(seconds, 6), **cause,
        )  # fmt: skip

    def crashed(self, reason: str) -> None:
        """Log that the supervisor has failed. The engine decides whether the run is recovered."""
        self.flush(None)
        self._leave()
        _log.error("run_crashed", **self._fields(), reason=reason)

    def interrupted(self) -> None:
        """Count what is known of a run that another supervisor continues."""
        self.flush(None)
        self._leave()

    def _leave(self) -> None:
        self._over = True
        self._services.context_bytes.pop(self._run_id, None)

    def engine_gone(self) -> None:
        """Log that the engine has stopped before the run."""
        _log.debug("engine_gone", **self._fields())

    def flush(self, conductor: Conductor | None) -> None:
        """Add the gathered counts to the metrics."""
        if self._seconds or self._errors:
            self._flush_items()
        if self._retries:
            self._services.instruments.retries.inc(self._retries)
            self._retries = 0
        if conductor is None:
            return
        taken = conductor.context.snapshots
        if taken != self._snapshots:
            self._services.instruments.snapshots.inc(taken - self._snapshots)
            self._snapshots = taken
        if not self._over:
            self._services.context_bytes[self._run_id] = conductor.context.weight

    def _flush_items(self) -> None:
        self._services.instruments.item_duration.observe_many(self._seconds)
        self._seconds = ()
        for visit, items in self._items.items():
            if not self._counted:
                self._counted = {}
            counted = self._counted.setdefault(visit, {})
            for outcome, count in items.items():
                more = count - counted.get(outcome, 0)
                if more:
                    self._instruments.task(visit[0]).items_finished(outcome, more)
                    counted[outcome] = count
        for (action, kind), count in self._errors.items():
            self._services.instruments.action_errors(action, kind, count)
        self._errors = _NO_ERRORS


def is_retried(completed: ItemCompleted, commands: list[Command]) -> bool:
    """Return whether the commands of an item's failure include the wait for its next attempt."""
    return any(
        type(command) is WaitUntil and type(command.then) is RetryDue and command.then.index == completed.index
        for command in commands
    )
