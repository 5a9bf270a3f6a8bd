"""The conductor: the state machine of one run. Pure and deterministic.

It reads no clock and starts nothing: events go in, commands come out, and the same events give the same commands.
It alone changes the run's context.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from stretto.definitions.conductor.branches import NO_BRANCH, Branch
from stretto.definitions.conductor.commands import (
    CancelItem,
    Command,
    FinishRun,
    TaskEnded,
    TaskStarted,
    WaitUntil,
    WithdrawItems,
)
from stretto.definitions.conductor.events import (
    CancelRequested,
    ConcurrencyRequested,
    DelayElapsed,
    Event,
    Failure,
    ItemCompleted,
    ItemPaused,
    ItemResumed,
    ItemsRead,
    ItemsWithdrawn,
    PauseRequested,
    ResultsClosed,
    ResultsOpened,
    ResumeRequested,
    RetryDue,
    RetryRequested,
    RunTimedOut,
    SkipRequested,
    StreamFailed,
)
from stretto.definitions.conductor.fan_out import Arrival, FanOut
from stretto.definitions.conductor.items import Slot
from stretto.definitions.conductor.output import render_output
from stretto.definitions.conductor.preparing import Preparation
from stretto.definitions.conductor.requests import task_named, to_retry, to_skip, to_widen
from stretto.definitions.conductor.retrying import expression_failure, item_wants_retry, visit_wants_retry
from stretto.definitions.conductor.run import Run
from stretto.definitions.conductor.settings import Settings
from stretto.definitions.conductor.states import ENDED, IllegalTransition, UnknownTask, advance
from stretto.definitions.conductor.streamed import StreamedFanOut
from stretto.definitions.conductor.transitions import Followed
from stretto.definitions.data import Data, object_of
from stretto.definitions.errors import ExpressionError, Place
from stretto.definitions.model import COMMANDS, Task

MAX_INSTANT_TASKS = 10_000
"""Tasks that may end one after another without any action being performed, before it is taken for an endless cycle."""


class Conductor(Run):
    """Conducts one run: `begin` once, then `on` for each event, carrying out the commands that they return."""

    def enter(self) -> None:
        """Evaluate what the run begins with. Nothing starts before `begin`, which does this, too, if nobody did."""
        self._entered = True
        if self.workflow.timeout is not None:
            self._deadline = RunTimedOut(self._at + self.workflow.timeout)
            self._commands.append(WaitUntil(self._deadline))
        branch, broken = self._first_branch()
        if broken:
            self._break()
        else:
            self._arrivals.begin(branch)

    def begin(self) -> list[Command]:
        """Return the commands that start the run."""
        if not self._entered:
            self.enter()
        self._begun = True
        return self._turn_over()

    def on(self, event: Event) -> list[Command]:
        """Return the commands that follow from an event. What no longer matters (a late timer) gives none.

        Raises `IllegalTransition` for a request that the run's state does not allow, `UnknownTask` for one about a task
        that there is not; the run stays as it was.
        """
        before = self._at, self._known_moment
        self._at, self._known_moment = event.at, None
        self._events += 1
        try:
            self._handlers[type(event)](self, event)
        except (IllegalTransition, UnknownTask):
            self._at, self._known_moment = before
            self._events -= 1
            raise
        return self._turn_over()

    def _first_branch(self) -> tuple[Branch, bool]:
        """Evaluate inputs and variables; return what the run begins with, and whether that could not be done."""
        branch, broken = self._initial, False
        for entries in (self.workflow.inputs, self.workflow.variables):
            publication = self.context.publication(branch, 0)
            for entry in entries:
                if entry.value is None:
                    continue
                try:
                    publication.publish(entry.name, entry.value.evaluate(publication.scope(), self._moment))
                except ExpressionError as error:
                    self._errors.of_expression(error)
                    broken = True
                    if self._semantics.broken_expression == "stops":
                        break
            branch = publication.branch()
        return branch.as_first(), broken

    def _turn_over(self) -> list[Command]:
        # Most events are an item's end among many: nothing follows from it but what is commanded already.
        if self._begun and (self._ended or self._due or self._arrivals.waiting):
            self._go_on()
        if self._paused:
            self._look_at_pauses()
        while not self._active and self._is_done():
            self._finish()
            self._go_on()
        commands, self._commands = self._commands, []
        return commands

    def _is_done(self) -> bool:
        if self.status in ENDED or (self.status == "running" and not self._begun):
            return False
        return self.status != "paused" or not (self._arrivals.waiting or self._semantics.paused_end == "waits")

    def _go_on(self) -> None:
        """Settle what has ended, and start what that leads to, until nothing more follows by itself."""
        instant = 0
        while self._ended or self._start_arrivals():
            while self._ended:
                instant += 1
                if instant > MAX_INSTANT_TASKS and self.status == "running":
                    message = f"{MAX_INSTANT_TASKS:,} tasks ended without performing an action: an endless cycle"
                    self._errors.of_run("limit_exceeded", message, self._ended[0].task.place)
                    self._abort()
                self._task_ended(self._ended.popleft())

    # ---- tasks start

    def _start_arrivals(self) -> bool:
        """Start what may start; return whether anything did."""
        return self._starts[self._semantics.starts](self)

    def _start_as_reached(self) -> bool:
        waiting = self._arrivals.waiting
        if self.status != "running" or not waiting:
            return False
        self._arrivals.waiting = []
        for arrival in waiting:
            if self.status == "running":  # else one of them has broken the run: nothing more starts
                self._start_task(arrival)
        return True

    def _start_together(self) -> bool:
        due, self._due = self._due, []
        for fan_out in due:
            if fan_out.state == "retrying":
                self.delay_over(fan_out)
        return bool(self._start_ready() or due)

    def _start_ready(self) -> bool:
        prepared: list[tuple[Arrival, FanOut, Preparation]] = []
        broken = False
        for arrival in sorted(self._ready(), key=lambda each: (each.task, each.route)):
            task = self.workflow.tasks[arrival.task]
            snapshot = self.context.snapshot_for(arrival.branch, arrival.route)
            try:
                preparation = Preparation(task, snapshot, self._moment)
            except ExpressionError as error:
                self._errors.of_expression(error, task.name, self._where(arrival))
                arrival.after_failure = False  # once is enough: it would be tried again
                broken = True
                continue
            visit = FanOut(task, arrival, snapshot, self._at, self._semantics)
            prepared.append((arrival, visit, preparation))
        if broken:
            self._break()
            return False
        for arrival, visit, preparation in prepared:
            self._arrivals.waiting.remove(arrival)
            running = self._arrivals.running(visit)
            if running is not None and preparation.performed:
                self._commands.append(running.perform_also(preparation.performed[0], self._at))
                continue
            self._begin(visit)
            visit.retry = preparation.retry
            visit.open(preparation.items, preparation.concurrency)
            visit.prepared = preparation.performed
            if preparation.delay > 0:
                visit.state = "delayed"
                self.delay(visit, preparation.delay)
            else:
                self._open(visit)
        return bool(prepared)

    def _ready(self) -> list[Arrival]:
        if self.status == "running":
            return [each for each in self._arrivals.waiting if each.ready]
        if self.status == "failing":
            return [each for each in self._arrivals.waiting if each.ready and each.after_failure]
        return []

    def _begin(self, visit: FanOut) -> None:
        """Number a visit, and note that it has begun."""
        self._visits.begin(visit)
        self._arrivals.started(visit)
        self._commands.append(TaskStarted(visit.name, visit.visit, visit.route))

    def _may_start(self, visit: FanOut) -> bool:
        return self.status in {"running", "cleaning"} or (visit.after_failure and self.status == "failing")

    def _start_task(self, arrival: Arrival) -> None:
        task = self.workflow.tasks[arrival.task]
        snapshot = self.context.snapshot_for(arrival.branch, arrival.route)
        kind = StreamedFanOut if task.with_items is not None and task.with_items.streams else FanOut
        fan_out = kind(task, arrival, snapshot, self._at, self._semantics)
        self._begin(fan_out)
        settings = Settings(task, fan_out.snapshot, self._moment)
        if task.when is not None and not self._wants_to_run(task, fan_out):
            return
        try:
            delay = settings.delay()
        except ExpressionError as error:
            self._break_off(fan_out, error)
            return
        if delay > 0:
            fan_out.state = "delayed"
            self.delay(fan_out, delay)
        else:
            self._open(fan_out)

    def delay(self, fan_out: FanOut, seconds: float) -> None:
        """Have a visit wait before its start, or before it is tried again."""
        fan_out.since = self._at
        fan_out.until = fan_out.since + seconds
        self._commands.append(WaitUntil(fan_out.delay_elapsed()))

    def _wants_to_run(self, task: Task, fan_out: FanOut) -> bool:
        try:
            if task.when is None or task.when.evaluate(fan_out.snapshot, self._moment):
                return True
            fan_out.skip()
        except ExpressionError as error:
            self._errors.of_expression(error, task.name)
            self._break()
            return False
        self._ended.append(fan_out)
        return False

    def _open(self, fan_out: FanOut) -> None:
        """Evaluate what is settled once for all items, unless that has been done, and start the first of them."""
        if fan_out.task.action is None:
            self._gather(fan_out)
            return
        if fan_out.prepared is not None:
            self._advance(fan_out)
            return
        settings = Settings(fan_out.task, fan_out.snapshot, self._moment)
        try:
            fan_out.timeout = settings.timeout()
            fan_out.retry = settings.retry()
            if isinstance(fan_out, StreamedFanOut):
                fan_out.results_path = settings.results_path()
            fan_out.open(settings.items(), settings.concurrency())
        except ExpressionError as error:
            self._break_off(fan_out, error)
            return
        self._advance(fan_out)

    def _gather(self, fan_out: FanOut) -> None:
        """End a task without an action: collect the results of the tasks that it gathers."""
        known = fan_out.snapshot.tasks if not fan_out.task.gathers else self.context.look(NO_BRANCH, 0).tasks
        records = [known[name] for name in fan_out.task.gathers if name in known]
        failed = [record.name for record in records if record.outcome not in {"succeeded", "skipped"}]
        failure = Failure("failed", f"{', '.join(failed)} did not succeed", retryable=False) if failed else None
        fan_out.gather(object_of({record.name: record.result for record in records}) if records else None, failure)
        self._ended.append(fan_out)

    def _break_off(self, fan_out: FanOut, error: ExpressionError) -> None:
        fan_out.break_off(expression_failure(error))
        self._ended.append(fan_out)

    def _advance(self, fan_out: FanOut) -> None:
        """Refill the window as far as the run's state allows; end the task when nothing is left."""
        may_start = self.status == "running" or self._may_start(fan_out)
        if may_start:
            fan_out.refill(self._at, self._commands)
        if fan_out.streams:
            self._advance_streams(fan_out)
        stopped = self.status in {"cancelling", "failing"} and not may_start
        if not fan_out.window and (fan_out.exhausted or stopped):
            self._come_to_end(fan_out)

    def _advance_streams(self, fan_out: FanOut) -> None:
        """Have what came of items be written, in the order in which they have ended."""
        if isinstance(fan_out, StreamedFanOut):
            self._commands += fan_out.take_lines()

    def _come_to_end(self, fan_out: FanOut) -> None:
        """End a visit of which nothing is performed any more, as soon as its results are where they belong."""
        if isinstance(fan_out, StreamedFanOut):
            self._commands += fan_out.finish()
            if not fan_out.finished:
                return
        self._ended.append(fan_out)

    # ---- files

    def _items_read(self, event: ItemsRead) -> None:
        fan_out = self._active.get((event.task, event.visit))
        if isinstance(fan_out, StreamedFanOut) and fan_out.items_read(event):
            self._advance(fan_out)

    def _results_opened(self, event: ResultsOpened) -> None:
        fan_out = self._active.get((event.task, event.visit))
        if isinstance(fan_out, StreamedFanOut) and fan_out.results_opened():
            self._advance(fan_out)

    def _results_closed(self, event: ResultsClosed) -> None:
        fan_out = self._active.get((event.task, event.visit))
        if isinstance(fan_out, StreamedFanOut) and fan_out.results_closed():
            self._come_to_end(fan_out)

    def _stream_failed(self, event: StreamFailed) -> None:
        fan_out = self._active.get((event.task, event.visit))
        if isinstance(fan_out, StreamedFanOut) and fan_out.stream_failed(event):
            self._advance(fan_out)

    # ---- items

    def _item_paused(self, event: ItemPaused) -> None:
        fan_out = self._active.get((event.task, event.visit))
        if fan_out is not None and event.index in fan_out.window:
            self._paused.add((event.task, event.visit, event.index))

    def _item_resumed(self, event: ItemResumed) -> None:
        self._paused.discard((event.task, event.visit, event.index))
        self._go_on_from_below()

    def _look_at_pauses(self) -> None:
        """Pause a run in which nothing goes on but sub-workflows that are paused."""
        going_on = (
            fan_out.state != "running"
            or not all((*key, index) in self._paused for index in fan_out.window)
            or (isinstance(fan_out, StreamedFanOut) and fan_out.waits_for)
            for key, fan_out in self._active.items()
        )
        if self.status == "running" and self._active and not any(going_on):
            self._change("pause")
            self._paused_from_below = True

    def _go_on_from_below(self) -> None:
        """Go on with a run that was paused because its sub-workflows were, as one of them goes on or has ended."""
        if self._paused_from_below and self.status == "paused":
            self._change("resume")
            self._paused_from_below = False
            self._start_what_was_held()

    def _item_completed(self, event: ItemCompleted) -> None:
        if self._paused:
            self._paused.discard((event.task, event.visit, event.index))
            self._go_on_from_below()
        fan_out = self._active.get((event.task, event.visit))
        slot = fan_out.window.get(event.index) if fan_out is not None else None
        if fan_out is None or slot is None or slot.state != "running" or slot.attempt != event.attempt:
            return
        if event.failure is not None and self._semantics.retries == "item" and not slot.skipping:
            settling = self._considered(fan_out, slot, event)
            if settling is None:
                return
            event = settling
        stopped = fan_out.stopped
        fan_out.settle(event)
        withdraws = self._semantics.commanded_items == "withdrawn"
        if withdraws and fan_out.stopped and not stopped and fan_out.window:
            self._commands.append(WithdrawItems(event.task, event.visit))
        self._advance(fan_out)

    def _considered(self, fan_out: FanOut, slot: Slot, event: ItemCompleted) -> ItemCompleted | None:
        """Plan a failed item's next try, if it gets one; else return the event that settles it."""
        if self.status not in {"running", "paused", "cleaning"}:
            return event
        try:
            if not item_wants_retry(fan_out, event, self._moment):
                return event
        except ExpressionError as error:
            failure = expression_failure(error)
            return msgspec.structs.replace(event, outcome="failed", result=None, failure=failure)
        assert fan_out.retry is not None  # noqa: S101 - nothing else wants one
        assert event.failure is not None  # noqa: S101 - as above
        at = self._at
        slot.wait(event.failure, at, at + fan_out.retry.wait(slot.attempt))
        self._commands.append(WaitUntil(fan_out.retry_due(event.index, slot)))
        return None

    def _items_withdrawn(self, event: ItemsWithdrawn) -> None:
        fan_out = self._active.get((event.task, event.visit))
        if fan_out is None:
            return
        for index in event.indexes:
            if index in fan_out.window and fan_out.window[index].state == "running":
                fan_out.withdraw(index)
        self._advance(fan_out)

    def _retry_due(self, event: RetryDue) -> None:
        fan_out = self._active.get((event.task, event.visit))
        slot = fan_out.window.get(event.index) if fan_out is not None else None
        if fan_out is None or slot is None or slot.state != "waiting" or slot.attempt + 1 != event.attempt:
            return
        self._retry_is_due(fan_out, event.index, slot)

    def _retry_is_due(self, fan_out: FanOut, index: int, slot: Slot) -> None:
        """Have an item's next try start; in a run that starts nothing now it is held."""
        if slot.state == "waiting":
            slot.change("due", self._at)
        if self._may_start(fan_out):
            self._try_again(fan_out, index, slot)

    def _try_again(self, fan_out: FanOut, index: int, slot: Slot) -> None:
        slot.change("start", self._at)
        slot.attempt += 1
        self._commands.append(fan_out.start(index, slot))

    def _delay_elapsed(self, event: DelayElapsed) -> None:
        fan_out = self._active.get((event.task, event.visit))
        if fan_out is None or fan_out.state not in {"delayed", "retrying"} or fan_out.attempt != event.attempt:
            return
        self.delay_over(fan_out)

    def try_next(self, fan_out: FanOut) -> None:
        """Have a visit tried again as soon as all that ended with it is settled."""
        self._due.append(fan_out)

    def delay_over(self, fan_out: FanOut) -> None:
        """Start a visit that has waited; of a run that starts nothing now it is held."""
        if self._may_start(fan_out):
            fan_out.change("elapse")
            self._open(fan_out)
        else:
            fan_out.change("hold")
            fan_out.since = self._at

    # ---- requests for items

    def _set_concurrency(self, event: ConcurrencyRequested) -> None:
        visits = self._visits_to_change(event.task)
        for fan_out in to_widen(self.workflow.tasks[event.task], visits, event.concurrency, self._may_start_in_time):
            fan_out.concurrency = event.concurrency
            if fan_out.state == "running":
                self._advance(fan_out)

    def _skip(self, event: SkipRequested) -> None:
        fan_out = to_skip(self._visits_to_change(event.task), event.index, self._may_start_in_time)
        slot = fan_out.window.get(event.index)
        if slot is not None and slot.state == "running":
            # Where the action is performed more than once, the first performance to end would count.
            performed = fan_out.window if fan_out.decided is not None else {event.index: slot}
            for index, each in sorted(performed.items()):
                self._skipping = each.skipping = True
                self._stop(fan_out, index, each)
            return
        fan_out.skip_item(event.index)
        if fan_out.state == "running":
            self._advance(fan_out)
        elif fan_out.all_skipped:
            fan_out.change("release" if fan_out.state == "held" else "elapse")
            self._ended.append(fan_out)

    def _retry(self, event: RetryRequested) -> None:
        fan_out = to_retry(self._visits_to_change(event.task), event.index, self._may_start_in_time)
        slot = fan_out.window.get(event.index)
        if fan_out.state == "retrying":
            self.delay_over(fan_out)
        elif slot is not None:
            self._retry_is_due(fan_out, event.index, slot)
        elif fan_out.state == "running":
            fan_out.put_back(event.index)
            self._advance(fan_out)

    def _visits_to_change(self, task: str) -> list[FanOut]:
        """Return the visits of a task that a request may be about."""
        task_named(self.workflow, task)
        if self.status in ENDED:
            raise IllegalTransition(f"cannot change a task of what is {self.status}")
        return [visit for visit in self._visits.of(task) if not visit.ending]

    def _may_start_in_time(self, visit: FanOut) -> bool:
        return self.status == "paused" or self._may_start(visit)

    # ---- tasks end

    def _task_ended(self, fan_out: FanOut) -> None:
        task = fan_out.task
        if (task.name, fan_out.visit) not in self._active:
            return
        outcome = fan_out.close()
        record = fan_out.record()
        if self._tries_again(fan_out, outcome, record.result):
            return
        self._visits.end(fan_out)
        self.context.record_task(record)
        seconds = max(self._at - fan_out.started_at, 0.0)
        self._commands.append(
            TaskEnded(
                task.name,
                fan_out.visit,
                outcome,
                len(fan_out.items),
                fan_out.failed,
                seconds,
                fan_out.outcomes(),
                fan_out.route,
                record.result,
                fan_out.attempt,
            )
        )
        self._follow(fan_out, outcome, record.result)

    def _tries_again(self, fan_out: FanOut, outcome: str, result: Data) -> bool:
        """Have the whole visit tried again, if its retry says so (`Semantics.retries`: visit)."""
        if self._semantics.retries != "visit" or self.status not in {"running", "paused"} or fan_out.all_skipped:
            return False
        try:
            if not visit_wants_retry(fan_out, outcome, result, self._moment):
                return False
        except ExpressionError as error:
            self._errors.of_expression(error, fan_out.name, self._where(fan_out))
            self._break()
            return False
        self._tell(fan_out, outcome, handled=True)
        fan_out.try_again()
        fan_out.change("retry")
        try:  # anew: what it reads of other tasks may have changed
            fan_out.prepared = Preparation(fan_out.task, fan_out.snapshot, self._moment).performed
        except ExpressionError as error:
            self._errors.of_expression(error, fan_out.name, self._where(fan_out))
            self._break()
            return True
        if fan_out.retry is not None and fan_out.retry.delay > 0:
            self.delay(fan_out, fan_out.retry.delay)
        else:
            self.try_next(fan_out)
        return True

    def _follow(self, fan_out: FanOut, outcome: str, result: Data) -> None:
        """Take the transitions of a task that has ended, and see what its end means for the run."""
        followed, going_on = Followed(), self.status in {"running", "paused"}
        if going_on or self._semantics.after_the_end == "evaluated":
            followed = self._transitions.follow(fan_out, outcome, result, self._moment)
        fan_out.led_to = frozenset(followed.matched)
        targets = [target for _, target, _ in followed.taken if target != "continue"]
        succeeded = outcome in {"succeeded", "skipped"}
        handled = bool(targets) or succeeded
        # What failed while the run was ending might have been tried again, or followed by something else.
        fan_out.stands = handled and (going_on or (succeeded and not fan_out.failures))
        self._tell(fan_out, outcome, handled=handled)
        arrived = [self._arrivals.arrive(fan_out, edge, target, branch) for edge, target, branch in followed.taken]
        for error, edge in followed.errors:
            self._errors.of_expression(error, fan_out.name, self._where(fan_out, edge.id))
        if followed.errors:
            self._break()
        elif outcome == "cancelled" and self._semantics.cancelled_action == "run":
            self._be_cancelled()
        elif self.status == "cancelling":
            self._look_at_joins_of_the_cancelled()
        elif not handled and self.status in {"running", "paused"}:
            self._fail()
        self._carry_out_commands([each for each in arrived if each is not None])
        reads_branches = self._semantics.output == "entry"
        if reads_branches and (not self._transitions.any_of(fan_out.task) or self._is_over()):
            self._terminal.append((fan_out.number, fan_out.branch))
        if self._semantics.starts == "as_reached":
            self._start_arrivals()

    def _carry_out_commands(self, arrived: list[Arrival]) -> None:
        """Carry out the engine commands among what has arrived."""
        if any(each.task == "fail" for each in arrived):
            for arrival in arrived:
                arrival.after_failure = arrival.ready
        for arrival in arrived:
            if arrival.task not in COMMANDS or arrival not in self._arrivals.waiting:
                continue
            self._arrivals.waiting.remove(arrival)
            visit, number = self._visits.number(arrival.task)
            self._commands.append(TaskStarted(arrival.task, visit, arrival.route))
            self._terminal.append((number, arrival.branch))
            if arrival.task == "fail":
                message = "the command `fail` was reached"
                place = Place(self.workflow.file, 1, 1)
                self._errors.of_run("fail_command", message, place, task="fail", details=self._where(arrival))
                if self.status in {"running", "paused"}:
                    self._fail()

    def _be_cancelled(self) -> None:
        if self.status in {"running", "paused"}:
            self._change("cancel")
            self._start_nothing_more()
        self._look_at_joins_of_the_cancelled()

    def _look_at_joins_of_the_cancelled(self) -> None:
        """Fail a run that ends as it is being cancelled, if a join waits in vain and the dialect has it so."""
        ends = self.status == "cancelling" and not self._active
        if ends and self._semantics.final_failure and self._tell_unsatisfied_joins():
            self._break()

    def _is_over(self) -> bool:
        """Tell whether nothing more comes, as far as it can be told when a task has ended."""
        if self.status == "failing":
            return True
        if self._active or self.status == "paused":
            return False
        return self.status == "cancelling" or not any(each.ready for each in self._arrivals.waiting)

    def _where(self, at: FanOut | Arrival, edge: str = "") -> dict[str, Any]:
        """Return what an error's record tells besides, where runs have routes."""
        if self._semantics.arrivals != "by_route":
            return {}
        return {"route": at.route, "transition": edge} if edge else {"route": at.route}

    def _tell(self, fan_out: FanOut, outcome: str, *, handled: bool) -> None:
        if not fan_out.failures and not fan_out.failures_as_a_whole:
            return
        hint = ""
        if outcome == "timed_out" and not handled and _asks_failed(fan_out.task):
            hint = "; failed() is false of a task that timed out: write failed() or timed_out()"
        self._errors.of_task(fan_out, hint, self._where(fan_out), handled=handled)

    # ---- the run

    def _change(self, event: str) -> None:
        """Go to the status that `event` leads to."""
        before, self.status = self.status, advance(self._states, self.status, event)
        if self.status != before:
            self._since = self._at
        self._cancelled = self._cancelled or event == "cancel"

    def _pause(self, _event: PauseRequested) -> None:
        self._change("pause")
        self._paused_from_below = False

    def _resume(self, _event: ResumeRequested) -> None:
        resumed = self.status == "paused"
        self._change("resume")
        self._paused.clear()  # they are told to go on, too
        self._paused_from_below = False
        if resumed:
            self._start_what_was_held()

    def _start_what_was_held(self) -> None:
        for fan_out in list(self._active.values()):
            if fan_out.state == "held":
                fan_out.change("release")
                self._open(fan_out)
            elif fan_out.state == "running":
                for index, slot in list(fan_out.window.items()):
                    if slot.state == "due":
                        self._try_again(fan_out, index, slot)
                self._advance(fan_out)

    def _cancel(self, _event: CancelRequested) -> None:
        already = self.status in {"cancelling", "cleaning"}
        self._change("cancel")
        if already:
            return
        for fan_out in self._active.values():
            fan_out.cancelling = True
        self._start_nothing_more()
        if self.workflow.cancellation_policy == "cancel_running":
            self._stop_what_runs()

    def _run_timed_out(self, _event: RunTimedOut) -> None:
        if self.status not in {"running", "paused"}:
            return
        message = f"the run took longer than {self.workflow.timeout:g} s"
        place = self.workflow.timeout_place or Place(self.workflow.file, 1, 1)
        self._errors.of_run("run_timed_out", message, place)
        self._abort()
        self._stop_what_runs()

    def _stop_what_runs(self) -> None:
        for fan_out in self._active.values():
            for index, slot in sorted(fan_out.window.items()):
                self._stop(fan_out, index, slot)

    def _stop(self, fan_out: FanOut, index: int, slot: Slot) -> None:
        if not slot.stopping:
            slot.stopping = True
            self._commands.append(CancelItem(fan_out.name, fan_out.visit, index))

    def _fail(self) -> None:
        """Take note of a failure that nothing handled; where that ends the run, tell what joins wait in vain."""
        self._failed = True
        if self._fail_fast:
            self._abort()
        if self._semantics.fail_fast:
            self._tell_unsatisfied_joins()

    def _abort(self) -> None:
        """Fail the run: what runs finishes, nothing new starts."""
        self._end_early("abort")

    def _break(self) -> None:
        """Fail the run, as one of its expressions cannot be evaluated."""
        self._end_early("break")

    def _end_early(self, event: str) -> None:
        self._failed = True
        before = self.status
        self._change(event)
        if before != "failing":
            self._start_nothing_more()

    def _start_nothing_more(self) -> None:
        if self._semantics.after_the_end == "ignored":
            self._arrivals.waiting.clear()
        for fan_out in self._active.values():
            fan_out.release_waiting()
            if fan_out.streams:
                self._advance_streams(fan_out)
            if fan_out.window:
                if self.status != "failing" or self._semantics.commanded_items == "withdrawn":
                    self._commands.append(WithdrawItems(fan_out.task.name, fan_out.visit))
            elif fan_out not in self._ended:
                self._come_to_end(fan_out)

    def _finish(self) -> None:
        if self.status == "cancelling" and self.workflow.on_cancel is not None:
            self._change("clean")
            self._start_task(Arrival(self.workflow.on_cancel, 0, NO_BRANCH))
            return
        if self.status in {"running", "paused"}:
            self._tell_unsatisfied_joins()
        terminal = (branch for _, branch in sorted(self._terminal, key=lambda each: each[0]))
        output, errors = render_output(self.workflow, self.context, terminal, self._moment)
        if not self._failed or self._semantics.output == "entry":
            for error in errors:
                self._errors.of_expression(error)
        if self.status in {"cancelling", "cleaning", "failing"}:
            self._change("end")
        else:
            self._change("fail" if self._failed or errors else "succeed")
        if not self._is_child:  # a parent's task works with the output: it is no report
            output = self._masked(output)
        # Again: a secret may have become known after an error was recorded.
        self._commands.append(FinishRun(self.status, output, self.errors()))

    def _tell_unsatisfied_joins(self) -> bool:
        """Record the joins that wait in vain; return whether there are any."""
        idle = not self._active and not any(each.ready for each in self._arrivals.waiting)
        unsatisfied = self._arrivals.unsatisfied(idle=idle)
        for each in unsatisfied:
            place = self.workflow.tasks[each.task].place
            message = f"the join of {each.task!r} was reached but never satisfied: "
            message += f"{', '.join(each.missing)} did not lead to it"
            details = {"route": each.route} if self._semantics.arrivals == "by_route" else {}
            self._errors.of_run("join_unsatisfied", message, place, task=each.task, details=details)
            self._failed = True
        return bool(unsatisfied)

    _handlers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        ItemCompleted: _item_completed,
        ItemsWithdrawn: _items_withdrawn,
        ItemPaused: _item_paused,
        ItemResumed: _item_resumed,
        RetryDue: _retry_due,
        DelayElapsed: _delay_elapsed,
        PauseRequested: _pause,
        ResumeRequested: _resume,
        CancelRequested: _cancel,
        ConcurrencyRequested: _set_concurrency,
        SkipRequested: _skip,
        RetryRequested: _retry,
        RunTimedOut: _run_timed_out,
        ItemsRead: _items_read,
        ResultsOpened: _results_opened,
        ResultsClosed: _results_closed,
        StreamFailed: _stream_failed,
    }
    _starts: ClassVar[dict[str, Callable[[Any], bool]]] = {"as_reached": _start_as_reached, "together": _start_together}


def _asks_failed(task: Task) -> bool:
    return any(
        "failed" in expression.calls
        for transition in task.transitions
        if transition.when is not None
        for expression in transition.when.expressions()
    )
