"""Tasks start: their visits, delays and first items."""

from collections.abc import Callable

import msgspec

from stretto.definitions.conductor.branches import NO_BRANCH
from stretto.definitions.conductor.commands import TaskStarted, WaitUntil
from stretto.definitions.conductor.events import Failure, InquirySettled
from stretto.definitions.conductor.items import NO_ITEMS
from stretto.definitions.conductor.made_inquiries import MadeInquiry, invalid_reference
from stretto.definitions.conductor.pausing import is_paused
from stretto.definitions.conductor.preparing import Preparation, prepare
from stretto.definitions.conductor.retrying import expression_failure
from stretto.definitions.conductor.run_state import RunState
from stretto.definitions.conductor.settings import Settings
from stretto.definitions.conductor.status import break_run, route_details
from stretto.definitions.conductor.steps import Steps
from stretto.definitions.conductor.streamed import StreamedVisit
from stretto.definitions.conductor.visit import Arrival, Visit, delay_elapsed
from stretto.definitions.conductor.window import advance_visit, may_start, start_retry
from stretto.definitions.context import RunKeys, Snapshot, literal_places
from stretto.definitions.data import EMPTY_OBJECT, FrozenDict, freeze, object_of
from stretto.definitions.errors import ExpressionError
from stretto.definitions.expressions import Template
from stretto.definitions.model import INQUIRIES, Task


def start_as_reached(state: RunState) -> bool:
    """Start the tasks that were reached (`Semantics.starts`: as_reached); return whether any did."""
    waiting = state.arrivals.waiting
    if not waiting or state.broken_off or state.status != "running" or state.semantics.starts != "as_reached":
        return False
    state.arrivals.waiting = []
    for arrival in waiting:
        if state.status == "running":  # one of them may break the run
            start_task(state, arrival)
    return True


def start_task(state: RunState, arrival: Arrival) -> None:
    """Begin a visit of a task, and start its first items or its delay."""
    task = state.workflow.tasks[arrival.task]
    snapshot = state.context.snapshot_for(arrival.branch, arrival.route)
    if state.keys is not None and task.inquiry is None:
        snapshot = _with_keys(state, state.keys, task, snapshot)
    kind = StreamedVisit if task.with_items is not None and task.with_items.streams else Visit
    visit = kind(task, arrival, snapshot, state.at, state.semantics)
    _begin_visit(state, visit)
    if task.when is not None and not _condition_holds(state, visit, task.when):
        return
    if task.inquiry is not None:
        _await_inquiry(state, visit, task.inquiry)
        return
    _delay_or_open(state, visit)


def _delay_or_open(state: RunState, visit: Visit) -> None:
    task = visit.task
    if task.delay is None:
        open_visit(state, visit)
        return
    try:
        delay = Settings(task, visit.snapshot, state.moment).delay()
    except ExpressionError as error:
        _break_off(state, visit, error)
        return
    if delay > 0:
        visit.state = "delayed"
        start_delay(state, visit, delay)
    else:
        open_visit(state, visit)


# ---- tasks that wait for the inquiry of an action


def _await_inquiry(state: RunState, visit: Visit, inquiry: Template) -> None:
    """Let a visit wait for the answer to an inquiry, which may have come before."""
    try:
        number = inquiry.evaluate(visit.snapshot, state.moment)
    except ExpressionError as error:
        _break_off(state, visit, error)
        return
    # Not `number in state.made`: true equals 1.
    made = state.made.get(number) if type(number) is int else None
    if made is None:
        visit.break_off(invalid_reference(number))
        state.ended.append(visit)
        return
    visit.state = "awaiting"
    visit.since = state.at
    state.awaited = {**state.awaited, (visit.name, visit.visit): made.made.inquiry_number}
    if made.settled is not None:
        _end_await(state, visit, made)


def settle_inquiry(state: RunState, event: InquirySettled) -> None:
    """Note how the inquiry of an action was settled, and let the visits that have waited for it start, or fail."""
    made = state.made.get(event.inquiry_number)
    if made is None or made.settled is not None:
        return
    settled = msgspec.structs.replace(event, response=freeze(event.response))
    made = msgspec.structs.replace(made, settled=settled)
    state.made = {**state.made, event.inquiry_number: made}
    for key, number in state.awaited.items():
        visit = state.active.get(key)
        if number == event.inquiry_number and visit is not None and visit.state == "awaiting":
            _end_await(state, visit, made)


def _end_await(state: RunState, visit: Visit, made: MadeInquiry) -> None:
    """Start a visit that has waited for an inquiry, hold it if the run starts nothing now, or fail it."""
    before = state.context.look(visit.branch, visit.route).variables.get(INQUIRIES)
    published = before if isinstance(before, FrozenDict) else EMPTY_OBJECT
    publication = state.context.publication(visit.branch, visit.route)
    publication.publish(INQUIRIES, object_of({**published, visit.name: made.as_data()}))
    if made.settled is None or made.settled.status != "answered":
        visit.change("elapse")
        outcome = "timed_out" if made.status == "timeout" else "failed"
        visit.break_off(made.failure(), outcome)
        state.ended.append(visit)
    else:
        _start_or_hold(state, visit, _start_answered)


def _start_answered(state: RunState, visit: Visit) -> None:
    """Start a visit whose inquiry was answered, with a context that has the answer."""
    state.awaited = {key: number for key, number in state.awaited.items() if key != (visit.name, visit.visit)}
    visit.snapshot = state.context.snapshot_for(visit.branch, visit.route)
    if state.keys is not None:
        visit.snapshot = _with_keys(state, state.keys, visit.task, visit.snapshot)
    _delay_or_open(state, visit)


# ---- what a start needs


def _with_keys(state: RunState, keys: RunKeys, task: Task, snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with the keys that the inputs of the task's items read."""
    places = frozenset(literal_places(task.input))
    if task.where is not None:
        places |= frozenset(literal_places(task.where))
    for place in sorted(places):
        keys.find(place, state.at, state.moment.seed)
    return snapshot.with_keys(keys.known) if places else snapshot


def _condition_holds(state: RunState, visit: Visit, when: Template) -> bool:
    """Return whether the visit runs. It is skipped if its `when` is false, and breaks the run if that fails."""
    try:
        if when.evaluate(visit.snapshot, state.moment):
            return True
    except ExpressionError as error:
        state.errors.of_expression(error, visit.name)
        break_run(state)
        return False
    visit.skip()
    state.ended.append(visit)
    return False


def start_together(state: RunState) -> Steps[bool]:
    """Start the tasks that are ready (`Semantics.starts`: together); return whether any did."""
    if state.broken_off:
        return False
    due, state.due = state.due, ()
    for visit in due:
        if visit.state == "retrying":
            end_delay(state, visit)
    started = yield from _start_ready(state)
    return bool(started or due)


def _start_ready(state: RunState) -> Steps[bool]:
    """Prepare all tasks that are ready, then start them: none starts if another cannot be prepared."""
    prepared: list[tuple[Arrival, Visit, Preparation]] = []
    broken = False
    for arrival in sorted(_ready(state), key=lambda each: (each.task, each.route)):
        task = state.workflow.tasks[arrival.task]
        snapshot = state.context.snapshot_for(arrival.branch, arrival.route)
        try:
            preparation = yield from prepare(task, snapshot, state.moment)
        except ExpressionError as error:
            state.errors.of_expression(error, task.name, route_details(state, arrival))
            arrival.after_failure = False  # a second preparation would record the same error again
            broken = True
            continue
        prepared.append((arrival, Visit(task, arrival, snapshot, state.at, state.semantics), preparation))
    if broken:
        break_run(state)
        return False
    for arrival, visit, preparation in prepared:
        _start_prepared(state, arrival, visit, preparation)
    return bool(prepared)


def _ready(state: RunState) -> list[Arrival]:
    if state.status == "running":
        return [each for each in state.arrivals.waiting if each.ready]
    if state.status == "failing":
        return [each for each in state.arrivals.waiting if each.ready and each.after_failure]
    return []


def _start_prepared(state: RunState, arrival: Arrival, visit: Visit, preparation: Preparation) -> None:
    state.arrivals.waiting.remove(arrival)
    running = state.arrivals.running(visit)
    if running is not None and preparation.calls:
        state.commands.append(running.start_once_more(preparation.calls[0], state.at))
        return
    _begin_visit(state, visit)
    visit.retry = preparation.retry
    visit.open(preparation.items, preparation.concurrency)
    visit.prepared = preparation.calls
    if preparation.delay > 0:
        visit.state = "delayed"
        start_delay(state, visit, preparation.delay)
    else:
        open_visit(state, visit)


def _begin_visit(state: RunState, visit: Visit) -> None:
    state.visits.begin(visit)
    state.arrivals.started(visit)
    state.commands.append(TaskStarted(visit.name, visit.visit, visit.route))


def start_delay(state: RunState, visit: Visit, seconds: float) -> None:
    """Let a visit wait before its start, or before its retry as a whole."""
    if state.skip_delay is not None:
        state.skip_delay(visit, seconds)
        if visit.state == "retrying":
            state.due += (visit,)
        else:
            end_delay(state, visit)
        return
    visit.since = state.at
    visit.until = visit.since + seconds
    state.commands.append(WaitUntil(delay_elapsed(visit)))


def end_delay(state: RunState, visit: Visit) -> None:
    """Start a visit after its delay, or hold it if the run starts nothing now."""
    _start_or_hold(state, visit, open_visit)


def _start_or_hold(state: RunState, visit: Visit, start: Callable[[RunState, Visit], None]) -> None:
    if may_start(state, visit):
        visit.change("elapse")
        start(state, visit)
    else:
        visit.change("hold")
        visit.since = state.at


def open_visit(state: RunState, visit: Visit) -> None:
    """Evaluate the settings that all items share, unless they are prepared, and start the first items."""
    if visit.task.action is None:
        _gather(state, visit)
        return
    if visit.prepared is not None:
        advance_visit(state, visit)
        return
    task = visit.task
    if task.with_items is None and task.timeout is None and task.retry is None:
        visit.open(NO_ITEMS, 1)  # as below: most tasks have no setting to evaluate
        advance_visit(state, visit)
        return
    settings = Settings(task, visit.snapshot, state.moment)
    try:
        visit.timeout = settings.timeout()
        visit.retry = settings.retry()
        if isinstance(visit, StreamedVisit):
            visit.results_path = settings.results_path()
        visit.open(settings.items(), settings.concurrency())
    except ExpressionError as error:
        _break_off(state, visit, error)
        return
    advance_visit(state, visit)


def _gather(state: RunState, visit: Visit) -> None:
    """End a task without an action: its result is those of the tasks that it gathers."""
    known = visit.snapshot.tasks if not visit.task.gathers else state.context.look(NO_BRANCH, 0).tasks
    records = [known[name] for name in visit.task.gathers if name in known]
    failed = [record.name for record in records if record.outcome not in {"succeeded", "skipped"}]
    failure = Failure("failed", f"{', '.join(failed)} did not succeed", retryable=False) if failed else None
    visit.gather(object_of({record.name: record.result for record in records}) if records else None, failure)
    state.ended.append(visit)


def _break_off(state: RunState, visit: Visit, error: ExpressionError) -> None:
    visit.break_off(expression_failure(error))
    state.ended.append(visit)


def start_held(state: RunState) -> None:
    """Start the delays, retries and items that a pause has held."""
    for visit in list(state.active.values()):
        if not is_paused(state, visit):
            start_held_of(state, visit)


def start_held_of(state: RunState, visit: Visit) -> None:
    """Start the delay, retries and items of a visit that a pause has held."""
    if visit.state == "held":
        visit.change("release")
        if (visit.name, visit.visit) in state.awaited:
            _start_answered(state, visit)
        else:
            open_visit(state, visit)
    elif visit.state == "running":
        for index, item in list(visit.window.items()):
            if item.state == "due":
                start_retry(state, visit, index, item)
            elif item.state == "held":
                item.change("start", state.at)
                state.commands.append(visit.start(index, item))
        advance_visit(state, visit)
