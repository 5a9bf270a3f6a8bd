"""The outcomes of a visit and its items, and the record of them that expressions read."""

from collections import Counter

from stretto.definitions.conductor.events import BadLine, Failure
from stretto.definitions.conductor.items import ItemFailure, error_object
from stretto.definitions.conductor.streamed import FILED_FIELDS, StreamedVisit
from stretto.definitions.conductor.visit import Visit, deciding_result
from stretto.definitions.context import TaskRecord
from stretto.definitions.data import EMPTY_LIST, Data, FrozenDict, list_of, object_of


def close(visit: Visit) -> str:
    """Settle the outcome of a visit without running items, and return it."""
    if visit.state == "running" and visit.succeeded == len(visit.items) and not (visit.failures or visit.streams):
        visit.change("succeed")  # as below, in four calls less: all items of most visits succeed
    elif visit.is_late and (visit.failures or not visit.complete):
        visit.change("time_out")
    elif visit.state != "skipped":
        _settle(visit)
    return visit.state


def _settle(visit: Visit) -> None:
    with_items = visit.task.with_items
    if isinstance(visit, StreamedVisit) and visit.problem is not None:
        visit.change("fail")
    elif visit.state in {"awaiting", "delayed", "retrying", "held"}:
        visit.change("cancel")
    elif visit.broken or (visit.failures and with_items is None):
        visit.change(_event_for(visit, visit.failures[0].outcome))
    elif visit.failures and _is_cancelled(visit):
        visit.change("cancel")
    elif visit.failures and with_items is not None and (visit.max_failures is None or visit.too_many_failures()):
        visit.change("fail")
    elif not visit.complete:
        visit.change("cancel")
    elif visit.skipped and with_items is None and visit.semantics.skips == "skipped":
        visit.change("skip")
    else:
        visit.change("succeed")


def late_failure(visit: Visit) -> Failure:
    """Return the failure of a visit, or of an item of it, that was stopped at the visit's deadline."""
    if visit.was_late:
        return Failure("cancelled", lateness(visit), retryable=False)
    return Failure("timed_out", lateness(visit), retryable=False)


def lateness(visit: Visit) -> str:
    """Return that a visit has missed its deadline, for people."""
    late = visit.task.deadlines
    seconds = 0 if late is None or late.seconds is None else late.seconds
    return f"the task took longer than its deadline of {seconds:g} s"


def _is_late_alone(visit: Visit) -> bool:
    """Return whether a late visit was ended by its deadline before any item failed: none had started."""
    return visit.state == ("cancelled" if visit.was_late else "timed_out") and not visit.failures


def _event_for(visit: Visit, outcome: str) -> str:
    if outcome == "timed_out" and visit.semantics.time_outs == "timed_out":
        return "time_out"
    return "cancel" if outcome == "cancelled" else "fail"


def _is_cancelled(visit: Visit) -> bool:
    """Return whether the failures make the task cancelled, not failed."""
    outcomes = {each.outcome for each in visit.failures}
    if isinstance(visit, StreamedVisit):
        outcomes |= visit.more_failed.keys()
    if visit.cancel_requested:
        return True
    if visit.semantics.cancelled_action == "run":
        return "cancelled" in outcomes or visit.cancelling
    return outcomes == {"cancelled"}


def count_outcomes(visit: Visit) -> dict[str, int]:
    """Count the items by outcome, without those that never started."""
    if visit.task.action is None or visit.broken:
        return {}
    if not visit.failures and not visit.skipped and not visit.streams:
        return {"succeeded": visit.succeeded}
    counts = Counter(failed.outcome for failed in visit.failures)
    if isinstance(visit, StreamedVisit):
        counts.update(visit.more_failed)
    skipped = {"skipped": len(visit.skipped)} if visit.skipped else {}
    return {**counts, "succeeded": visit.succeeded, **skipped}


def record_of(visit: Visit) -> TaskRecord:
    """Return the value of `task.NAME` from now on."""
    errors = [_error_entry(visit, each) for each in failures_in_order(visit)] if visit.failures else []
    with_items = visit.task.with_items is not None
    if (visit.is_late or visit.was_late) and _is_late_alone(visit):
        errors.append(object_of({"index": None, "item": None, "error": error_object(late_failure(visit))}))
    if isinstance(visit, StreamedVisit):
        with_items = visit.results_path is None
        if visit.problem is not None:
            errors.insert(0, object_of({"index": None, "item": None, "error": error_object(visit.problem)}))
        errors += [_bad_line_entry(each) for each in visit.bad_lines]
    return TaskRecord(
        visit.task.name, visit.state, _result(visit), list_of(errors) if errors else EMPTY_LIST, with_items=with_items
    )


def _bad_line_entry(bad: BadLine) -> FrozenDict:
    error = object_of({"kind": "bad_line", "message": bad.message})
    return object_of({"index": None, "item": bad.text, "error": error})


def _result(visit: Visit) -> Data:
    if isinstance(visit, StreamedVisit) and visit.results_path is not None and visit.state != "skipped":
        succeeded = visit.succeeded + len(visit.skipped)
        fields = (visit.results_path, visit.accounted, succeeded, visit.failed)
        return object_of(dict(zip(FILED_FIELDS, fields, strict=True)))
    if visit.task.with_items is not None:
        return list_of(visit.results) if visit.state != "skipped" else None
    return deciding_result(visit)


def failures_in_order(visit: Visit) -> list[ItemFailure]:
    """Return the failures in the items' order."""
    return sorted(visit.failures, key=lambda each: each.index)


def failures_as_a_whole(visit: Visit) -> list[ItemFailure]:
    """Return the failures that concern no single item of a list."""
    whole = failures_in_order(visit) if visit.broken or visit.task.with_items is None else []
    if isinstance(visit, StreamedVisit) and visit.problem is not None:
        whole.insert(0, ItemFailure(0, 1, "failed", visit.problem))
    if (visit.is_late or visit.was_late) and _is_late_alone(visit):
        whole.append(ItemFailure(0, 1, visit.state, late_failure(visit)))
    return whole


def _error_entry(visit: Visit, failed: ItemFailure) -> FrozenDict:
    with_items = visit.task.with_items is not None and failed.index < len(visit.items)
    return object_of(
        {
            "index": failed.index if with_items else None,
            "item": visit.items[failed.index] if with_items else None,
            "error": error_object(failed.failure),
        }
    )
