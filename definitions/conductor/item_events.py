"""Events about items: attempts that end, retries and delays that come due, files that are read and written."""

from typing import Any, Final

import msgspec

from stretto.definitions.conductor.commands import WaitUntil, WithdrawItems
from stretto.definitions.conductor.events import (
    DelayElapsed,
    Failure,
    InquiryMade,
    InquirySettled,
    ItemCompleted,
    ItemPaused,
    ItemResumed,
    ItemsHeld,
    ItemsRead,
    ItemsWithdrawn,
    ResultsClosed,
    ResultsOpened,
    RetryDue,
    StreamFailed,
)
from stretto.definitions.conductor.items import ItemAttempt
from stretto.definitions.conductor.made_inquiries import MadeInquiry
from stretto.definitions.conductor.outcomes import late_failure
from stretto.definitions.conductor.pausing import is_paused, runs_items
from stretto.definitions.conductor.retrying import failed_scope, item_wants_retry, wait_asked_for, with_failed_field
from stretto.definitions.conductor.run_state import Handlers, RunState
from stretto.definitions.conductor.settings import Settings
from stretto.definitions.conductor.starting import end_delay, settle_inquiry, start_held
from stretto.definitions.conductor.states import IllegalTransition
from stretto.definitions.conductor.status import change_status
from stretto.definitions.conductor.streamed import StreamedVisit
from stretto.definitions.conductor.visit import Visit, retry_due
from stretto.definitions.conductor.window import (
    advance_visit,
    finish_visit,
    may_start,
    refill_at_once,
    start_retry,
)
from stretto.definitions.errors import ExpressionError


def item_completed(state: RunState, event: ItemCompleted) -> None:
    """Settle an item, or plan its retry, and refill the window."""
    if state.paused_items:
        state.paused_items -= {(event.task, event.visit, event.index)}
        resume_from_below(state)
        refill_at_once(state)
    visit = state.active.get((event.task, event.visit))
    item = visit.window.get(event.index) if visit is not None else None
    if visit is None or item is None or item.state != "running" or item.attempt != event.attempt:
        return
    if visit.is_late and event.outcome == "cancelled":
        event = msgspec.structs.replace(event, outcome="timed_out", failure=late_failure(visit))
    if event.failure is not None and state.semantics.retries == "item" and not item.skipping:
        final = _retry_or_settle(state, visit, item, event)
        if final is None:
            return
        event = final
    stopped = visit.stopped
    visit.settle(event)
    withdraws = state.semantics.commanded_items == "withdrawn"
    if withdraws and visit.stopped and not stopped and visit.window:
        state.commands.append(WithdrawItems(event.task, event.visit))
    advance_visit(state, visit)


def _retry_or_settle(state: RunState, visit: Visit, item: ItemAttempt, event: ItemCompleted) -> ItemCompleted | None:
    """Plan a failed item's retry and return None, or return the event that settles the item."""
    if visit.cancel_requested or state.status not in {"running", "paused", "cleaning"}:
        return event
    try:
        if not item_wants_retry(visit, event, state.moment):
            return event
    except ExpressionError as error:
        return _without_retry(event, error, "on_error")
    assert event.failure is not None  # noqa: S101 - item_wants_retry requires it
    try:
        wait = _wait_before_retry(state, visit, event, event.failure)
    except ExpressionError as error:
        return _without_retry(event, error, "delay")
    item.wait(event.failure, state.at, state.at + wait)
    state.commands.append(WaitUntil(retry_due(visit, event.index, item)))
    return None


def _without_retry(event: ItemCompleted, error: ExpressionError, field: str) -> ItemCompleted:
    assert event.failure is not None  # noqa: S101 - a retry is planned after a failure only
    return msgspec.structs.replace(event, failure=with_failed_field(event.failure, error, field))


def _wait_before_retry(state: RunState, visit: Visit, event: ItemCompleted, failure: Failure) -> float:
    plan, retry = visit.retry, visit.task.retry
    assert plan is not None  # noqa: S101 - item_wants_retry requires it
    delay = plan.delay
    if retry is not None and retry.delay_reads_failure:
        delay = Settings(visit.task, failed_scope(visit, event, failure), state.moment).retry_delay(retry)
    return plan.wait(event.attempt, delay, wait_asked_for(failure))


def items_withdrawn(state: RunState, event: ItemsWithdrawn) -> None:
    """Free the places of items that were commanded and never started."""
    visit = state.active.get((event.task, event.visit))
    if visit is None:
        return
    for index in event.indexes:
        if index in visit.window and visit.window[index].state == "running":
            visit.withdraw(index)
    advance_visit(state, visit)


def items_held(state: RunState, event: ItemsHeld) -> None:
    """Hold items that were commanded and have not started."""
    visit = state.active.get((event.task, event.visit))
    for index in event.indexes if visit is not None else ():
        item = visit.window.get(index) if visit is not None else None
        if item is not None and item.state == "running":
            item.change("hold", state.at)


def retry_is_due(state: RunState, event: RetryDue) -> None:
    """End an item's wait for its next attempt, unless the timer is outdated."""
    visit = state.active.get((event.task, event.visit))
    item = visit.window.get(event.index) if visit is not None else None
    if visit is None or item is None or item.state != "waiting" or item.attempt + 1 != event.attempt:
        return
    end_retry_wait(state, visit, event.index, item)


def end_retry_wait(state: RunState, visit: Visit, index: int, item: ItemAttempt) -> None:
    """Start an item's next attempt, or hold it if the run starts nothing now."""
    if item.state == "waiting":
        item.change("due", state.at)
    if may_start(state, visit):
        start_retry(state, visit, index, item)


def delay_elapsed(state: RunState, event: DelayElapsed) -> None:
    """End a visit's delay, unless the timer is outdated."""
    visit = state.active.get((event.task, event.visit))
    if visit is None or visit.state not in {"delayed", "retrying"} or visit.attempt != event.attempt:
        return
    end_delay(state, visit)


# ---- inquiries of actions


def inquiry_made(state: RunState, event: InquiryMade) -> None:
    """Note that the action of an item has asked people. Raises `IllegalTransition` if it comes too late."""
    visit = state.active.get((event.task, event.visit))
    if visit is None or event.index not in visit.window:
        raise IllegalTransition(f"cannot ask for an item of the task {event.task!r} that has ended")
    if state.status not in {"running", "paused", "cleaning"}:
        raise IllegalTransition(f"cannot ask people for a run that is {state.status}")
    state.made = {**state.made, event.inquiry_number: MadeInquiry(event)}


# ---- sub-workflows


def item_paused(state: RunState, event: ItemPaused) -> None:
    """Note that an item's sub-workflow is paused."""
    visit = state.active.get((event.task, event.visit))
    if visit is not None and event.index in visit.window:
        state.paused_items |= {(event.task, event.visit, event.index)}


def item_resumed(state: RunState, event: ItemResumed) -> None:
    """Note that an item's sub-workflow runs again."""
    state.paused_items -= {(event.task, event.visit, event.index)}
    resume_from_below(state)


def pause_from_below(state: RunState) -> None:
    """Pause a run if only paused tasks and sub-workflows are left in it."""
    if state.status == "running" and state.active and not any(_is_busy(state, each) for each in state.active.values()):
        change_status(state, "pause")
        state.paused_from_below = True


def _is_busy(state: RunState, visit: Visit) -> bool:
    """Return whether a visit goes on without a resume."""
    if isinstance(visit, StreamedVisit) and visit.waits_for:
        return True
    is_waiting = visit.state != "running"
    if is_paused(state, visit):
        return not is_waiting and runs_items(state, visit)
    key = visit.name, visit.visit
    return is_waiting or not all((*key, index) in state.paused_items for index in visit.window)


def resume_from_below(state: RunState) -> None:
    """Resume a run that `pause_from_below` has paused."""
    if state.paused_from_below and state.status == "paused":
        change_status(state, "resume")
        state.paused_from_below = False
        start_held(state)


# ---- files


def items_read(state: RunState, event: ItemsRead) -> None:
    """Take more items from a file."""
    visit = _streamed_visit(state, event)
    if visit is not None and visit.items_read(event):
        advance_visit(state, visit)


def results_opened(state: RunState, event: ResultsOpened) -> None:
    """Start the items that have waited for their results file."""
    visit = _streamed_visit(state, event)
    if visit is not None and visit.results_opened():
        advance_visit(state, visit)


def results_closed(state: RunState, event: ResultsClosed) -> None:
    """Finish the visit: its results file is complete."""
    visit = _streamed_visit(state, event)
    if visit is not None and visit.results_closed():
        finish_visit(state, visit)


def stream_failed(state: RunState, event: StreamFailed) -> None:
    """Stop a visit whose file cannot be read or written."""
    visit = _streamed_visit(state, event)
    if visit is not None and visit.stream_failed(event):
        advance_visit(state, visit)


def _streamed_visit(state: RunState, event: Any) -> StreamedVisit | None:
    visit = state.active.get((event.task, event.visit))
    return visit if isinstance(visit, StreamedVisit) else None


HANDLERS: Final[Handlers] = {
    ItemCompleted: item_completed,
    ItemsWithdrawn: items_withdrawn,
    ItemsHeld: items_held,
    ItemPaused: item_paused,
    ItemResumed: item_resumed,
    RetryDue: retry_is_due,
    DelayElapsed: delay_elapsed,
    ItemsRead: items_read,
    ResultsOpened: results_opened,
    ResultsClosed: results_closed,
    StreamFailed: stream_failed,
    InquiryMade: inquiry_made,
    InquirySettled: settle_inquiry,
}
