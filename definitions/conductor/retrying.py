"""The decision to retry an item after a failure, or a whole visit of a task (`Semantics.retries`)."""

import msgspec

from stretto.definitions.conductor.events import Failure, ItemCompleted
from stretto.definitions.conductor.items import error_object
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.context import CompletionScope, ItemScope
from stretto.definitions.data import Data
from stretto.definitions.errors import ExpressionError, ExpressionLimitExceeded
from stretto.definitions.expressions import Moment


def item_wants_retry(visit: Visit, ended: ItemCompleted, moment: Moment) -> bool:
    """Return whether a failed item is retried. Raises `ExpressionError` if the condition fails."""
    plan, retry, failure = visit.retry, visit.task.retry, ended.failure
    if plan is None or retry is None or failure is None or not failure.retryable:
        return False
    if ended.attempt > plan.count or ended.outcome == "cancelled":
        return False
    if retry.on_error is None:
        return True
    return bool(retry.on_error.evaluate(failed_scope(visit, ended, failure), moment))


def failed_scope(visit: Visit, ended: ItemCompleted, failure: Failure) -> CompletionScope:
    """Return the scope after an item's failed attempt, with `result()` and `error`."""
    snapshot, index = visit.snapshot, ended.index
    scope = ItemScope(snapshot, visit.items[index], index) if visit.task.with_items else snapshot
    return CompletionScope(scope, ended.outcome, failure.result, error_object(failure))


def wait_asked_for(failure: Failure) -> float:
    """Return the seconds that a failed action has asked to wait before a retry."""
    seconds = None if failure.details is None else failure.details.get("retry_after")
    return seconds if isinstance(seconds, int | float) else 0.0


def visit_wants_retry(visit: Visit, outcome: str, result: Data, moment: Moment) -> bool:
    """Return whether a visit is retried with all its items. Raises `ExpressionError` if the condition fails."""
    plan, retry = visit.retry, visit.task.retry
    if plan is None or retry is None or visit.attempt > plan.count or outcome not in {"succeeded", "failed"}:
        return False
    if retry.on_error is None:
        return outcome == "failed"
    return bool(retry.on_error.evaluate(CompletionScope(visit.snapshot, outcome, result, task=visit.name), moment))


def with_failed_field(failure: Failure, error: ExpressionError, field: str) -> Failure:
    """Return an action's failure, which is not retried because a field of its `retry` cannot be evaluated."""
    message = f"{failure.message}; also, its retry.{field} failed ({error.place}): {error.explanation}"
    return msgspec.structs.replace(failure, message=message, retryable=False)


def expression_failure(error: ExpressionError) -> Failure:
    """Return the failure of an item or a visit whose task has an expression that cannot be evaluated."""
    kind = error.code if isinstance(error, ExpressionLimitExceeded) else "expression"
    return Failure(kind, error.explanation, retryable=False, expression=error.expression, where=error.place)
