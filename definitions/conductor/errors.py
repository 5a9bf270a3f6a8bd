"""The error records of a run: what failed, where in the definition, in which try, with which input."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from stretto.definitions.conductor.fan_out import FanOut
from stretto.definitions.conductor.inputs import told_input
from stretto.definitions.conductor.items import ItemFailure
from stretto.definitions.context import Mask
from stretto.definitions.data import FrozenList, freeze
from stretto.definitions.errors import ExpressionError, Place

MAX_MESSAGE_LENGTH = 4096
MAX_ITEM_ERRORS = 10
"""Item errors told of one visit of a task; the task's own record counts them all."""
MAX_RECORDS = 200
"""Records kept of one run; more are counted."""

CODES = {
    "failed": "action_failed",
    "exception": "action_failed",
    "timed_out": "timed_out",
    "cancelled": "cancelled",
    "expression": "expression_error",
    "workflow": "workflow_failed",
}
"""Codes of the kinds of failure; any other kind is its own code."""


def blank_record(code: str, message: str) -> dict[str, Any]:
    """Return an error record with nothing known but what went wrong: every record has the same fields."""
    names = ("task", "visit", "item_index", "attempt", "action", "where", "expression", "input")
    return {"code": code, "message": message, **dict.fromkeys(names), "handled": False}


Details: TypeAlias = Mapping[str, Any]
"""What a record tells besides the fields that all have: in runs with routes the `route`, `transition` and `result`."""
NO_DETAILS: Final[Details] = {}


class ErrorLog:
    """Collects a run's error records, bounded and masked. `unhandled` names the tasks that nothing handled one of."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._records: list[dict[str, Any]] = []
        self._more = 0
        self.unhandled: set[str] = set()

    def of_run(  # noqa: PLR0913 - the last three are optional
        self,
        code: str,
        message: str,
        place: Place,
        *,
        task: str | None = None,
        expression: str | None = None,
        details: Details = NO_DETAILS,
    ) -> None:
        """Record an error that fails the run."""
        self._add(self._record(code, message, place, task=task, expression=expression, handled=False, **details))

    def of_expression(self, error: ExpressionError, task: str | None = None, details: Details = NO_DETAILS) -> None:
        """Record an expression whose error fails the run."""
        self.of_run(error.code, error.explanation, error.place, task=task, expression=error.expression, details=details)

    def of_task(self, fan_out: FanOut, hint: str, details: Details = NO_DETAILS, *, handled: bool) -> None:
        """Record that a task did not succeed: one record for it, and some for its items.

        With `details` each record of an item has them, and what its action gave all the same.
        """
        failures = fan_out.first_failures(MAX_ITEM_ERRORS)
        for failed in fan_out.failures_as_a_whole[:MAX_ITEM_ERRORS]:
            self._add(self._of_item(fan_out, failed, None, hint, details, handled=handled))
        if fan_out.task.with_items is None or fan_out.broken or not failures:
            return
        total, failed_items = fan_out.total, fan_out.failed
        of_all = f"{len(fan_out.items):,} items that were read" if total is None else f"{total:,} items"
        cancelled = fan_out.state == "cancelled"
        message = f"{failed_items:,} of {of_all} {'did not finish' if cancelled else 'failed'}"
        if failed_items > len(failures):
            message += f"; the first {len(failures)} are told"
        place = fan_out.task.place
        self._add(
            self._record("cancelled" if cancelled else "items_failed", message + hint, place,
                         task=fan_out.task.name, visit=fan_out.visit,
                         action=fan_out.task.action, handled=handled, **details)
        )  # fmt: skip
        for failed in failures:
            self._add(self._of_item(fan_out, failed, failed.index, "", details, handled=handled))

    def _of_item(  # noqa: PLR0913 - what a record tells
        self, fan_out: FanOut, failed: ItemFailure, index: int | None, hint: str, details: Details, *, handled: bool
    ) -> dict[str, Any]:
        failure = failed.failure
        if details:
            details = {**details, "result": self._mask.data(failure.result)}
        return self._record(
            CODES.get(failure.kind, failure.kind),
            failure.message + hint,
            failure.where or fan_out.task.action_place,
            task=fan_out.task.name,
            visit=fan_out.visit,
            item_index=index,
            attempt=failed.attempt,
            action=fan_out.task.action,
            expression=failure.expression,
            input=told_input(failure.input, self._mask),
            handled=handled,
            **details,
        )

    def _record(self, code: str, message: str, place: Place, **fields: Any) -> dict[str, Any]:
        record = blank_record(code, _cut(self._mask.text(message)))
        return {**record, **fields, "where": place.as_json()}

    def _add(self, record: dict[str, Any]) -> None:
        if record["task"] is not None and not record["handled"]:
            self.unhandled.add(record["task"])
        if len(self._records) < MAX_RECORDS:
            self._records.append(record)
        else:
            self._more += 1

    def frozen(self) -> FrozenList:
        """Return all records, frozen."""
        records = list(self._records)
        if self._more:
            records.append(blank_record("more_errors", f"{self._more:,} more errors are not told"))
        frozen = freeze(records, "errors")
        assert isinstance(frozen, FrozenList)  # noqa: S101 - for the type checker
        return frozen


def _cut(message: str) -> str:
    if len(message) <= MAX_MESSAGE_LENGTH:
        return message
    return f"{message[: MAX_MESSAGE_LENGTH - 100]}... ({len(message):,} characters)"
