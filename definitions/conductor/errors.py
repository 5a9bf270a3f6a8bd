"""The error records of a run: each failure with its place in the definition, its attempt and its input."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from stretto.definitions.conductor.inputs import masked_input
from stretto.definitions.conductor.items import ItemFailure
from stretto.definitions.conductor.outcomes import failures_as_a_whole, failures_in_order
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.context import Mask
from stretto.definitions.data import EMPTY_LIST, FrozenList, freeze
from stretto.definitions.errors import ExpressionError, Frame, Place

MAX_MESSAGE_LENGTH = 4096
MAX_ITEM_ERRORS = 10
"""Item errors recorded of one visit of a task. The task's own record counts them all."""
MAX_CAUSES = 10
"""Different errors of one visit's items that are recorded with their counts."""
MAX_RECORDS = 200
"""Records kept of one run. The rest is counted."""

CODES = {
    "failed": "action_failed",
    "exception": "action_failed",
    "timed_out": "timed_out",
    "cancelled": "cancelled",
    "expression": "expression_error",
    "workflow": "workflow_failed",
}
"""The codes of some kinds of failure. Any other kind is its own code."""


def blank_record(code: str, message: str) -> dict[str, Any]:
    """Return an error record with only a code and a message. Every record has the same fields."""
    names = ("task", "visit", "item_index", "attempt", "action", "where", "expression", "input", "traceback", "causes")
    return {"code": code, "message": message, **dict.fromkeys(names), "handled": False}


Details: TypeAlias = Mapping[str, Any]
"""Additional fields of a record: in runs with routes the `route`, `transition` and `result`."""
NO_DETAILS: Final[Details] = {}

_NO_TASKS: Final[frozenset[str]] = frozenset()
"""Shared by all runs without errors: an empty set of its own would take 216 bytes of each."""


class ErrorLog:
    """Collects a run's error records, bounded and masked.

    Attributes:
        records: The records.
        unhandled: The tasks with an unhandled error.
    """

    __slots__ = ("_mask", "_more", "records", "unhandled")

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self.records: tuple[dict[str, Any], ...] = ()
        self._more = 0
        self.unhandled = _NO_TASKS

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
        """Record an error that ends the run."""
        self._add(self._record(code, message, place, task=task, expression=expression, handled=False, **details))

    def of_expression(self, error: ExpressionError, task: str | None = None, details: Details = NO_DETAILS) -> None:
        """Record an expression error that fails the run."""
        self.of_run(error.code, error.explanation, error.place, task=task, expression=error.expression, details=details)

    def of_task(self, visit: Visit, hint: str, details: Details = NO_DETAILS, *, handled: bool) -> None:
        """Record that a task did not succeed: one record for the task, and some for its items.

        With `details`, each item's record has them and the result of its action.
        """
        everything = failures_in_order(visit)
        failures = everything[:MAX_ITEM_ERRORS]
        for failed in failures_as_a_whole(visit)[:MAX_ITEM_ERRORS]:
            self._add(self._of_item(visit, failed, None, hint, details, handled=handled))
        if visit.task.with_items is None or visit.broken or not failures:
            return
        total, failed_items = visit.total, visit.failed
        of_all = f"{len(visit.items):,} items that were read" if total is None else f"{total:,} items"
        cancelled = visit.state == "cancelled"
        message = f"{failed_items:,} of {of_all} {'did not finish' if cancelled else 'failed'}"
        if failed_items > len(failures):
            message += f" (showing {len(failures)})"
        causes = self._causes(visit, everything, len(visit.items) if total is None else total)
        place = visit.task.place
        self._add(
            self._record("cancelled" if cancelled else "items_failed", message + hint, place,
                         task=visit.task.name, visit=visit.visit,
                         action=visit.task.action, handled=handled, causes=causes, **details)
        )  # fmt: skip
        for failed in failures:
            self._add(self._of_item(visit, failed, failed.index, "", details, handled=handled))

    def _causes(self, visit: Visit, failures: list[ItemFailure], total: int) -> list[dict[str, Any]]:
        """Return the different errors of a visit's items, the most frequent first, and the number of other errors."""
        counts: Counter[Any] = Counter()
        first: dict[Any, ItemFailure] = {}
        for each in failures:
            cause = (each.failure.kind, each.failure.message, each.failure.where)
            counts[cause] += 1
            first.setdefault(cause, each)
        causes = []
        for cause, count in counts.most_common(MAX_CAUSES):
            failed = first[cause]
            code = CODES.get(failed.failure.kind, failed.failure.kind)
            causes.append(
                {
                    "count": count,
                    "of": total,
                    "code": code,
                    "message": _cut(self._mask.text(failed.failure.message)),
                    "where": (failed.failure.where or visit.task.action_place).as_json(),
                    "item_index": failed.index,
                    "traceback": self._frames(failed.failure.traceback),
                }
            )
        others = visit.failed - sum(count for _, count in counts.most_common(MAX_CAUSES))
        if others > 0:
            absent = dict.fromkeys(("where", "item_index", "traceback"))
            causes.append({"count": others, "of": total, "code": "more_errors", "message": "other errors", **absent})
        return causes

    def _of_item(  # noqa: PLR0913 - the fields of a record
        self, visit: Visit, failed: ItemFailure, index: int | None, hint: str, details: Details, *, handled: bool
    ) -> dict[str, Any]:
        failure = failed.failure
        if details:
            details = {**details, "result": self._mask.data(failure.result)}
        return self._record(
            CODES.get(failure.kind, failure.kind),
            failure.message + hint,
            failure.where or visit.task.action_place,
            task=visit.task.name,
            visit=visit.visit,
            item_index=index,
            attempt=failed.attempt,
            action=visit.task.action,
            expression=failure.expression,
            input=masked_input(failure.input, self._mask),
            handled=handled,
            traceback=self._frames(failure.traceback),
            **details,
        )

    def _frames(self, frames: tuple[Frame, ...]) -> list[dict[str, Any]] | None:
        return [self._mask.anything(msgspec.to_builtins(each)) for each in frames] or None

    def _record(self, code: str, message: str, place: Place, **fields: Any) -> dict[str, Any]:
        record = blank_record(code, _cut(self._mask.text(message)))
        return {**record, **fields, "where": place.as_json()}

    def _add(self, record: dict[str, Any]) -> None:
        if record["task"] is not None and not record["handled"]:
            self.unhandled |= {record["task"]}
        if len(self.records) < MAX_RECORDS:
            self.records += (record,)
        else:
            self._more += 1

    def frozen(self) -> FrozenList:
        """Return all records, frozen."""
        if not self.records:
            return EMPTY_LIST
        records = list(self.records)
        if self._more:
            records.append(blank_record("more_errors", f"{self._more:,} more errors not shown"))
        frozen = freeze(records, "errors")
        assert isinstance(frozen, FrozenList)  # noqa: S101 - for the type checker
        return frozen


def _cut(message: str) -> str:
    if len(message) <= MAX_MESSAGE_LENGTH:
        return message
    return f"{message[: MAX_MESSAGE_LENGTH - 100]}... ({len(message):,} characters)"
