"""The conductor: the state machine of one run. Pure and deterministic.

It reads no clock and starts nothing: events go in, commands come out, and the same events give the same commands.
It alone changes the run's context.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from stretto.definitions.conductor.commands import (
    CancelItem,
    Command,
    FinishRun,
    TaskEnded,
    WaitUntil,
    WithdrawItems,
)
from stretto.definitions.conductor.errors import ErrorLog
from stretto.definitions.conductor.events import (
    CancelRequested,
    DelayElapsed,
    Event,
    Failure,
    ItemCompleted,
    ItemsWithdrawn,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    RunTimedOut,
)
from stretto.definitions.conductor.fan_out import FanOut, Slot, error_object
from stretto.definitions.conductor.joins import Join
from stretto.definitions.conductor.settings import Settings
from stretto.definitions.conductor.states import ENDED, ITEM, RUN, IllegalTransition, advance
from stretto.definitions.context import (
    NO_SURROUNDINGS,
    CompletionScope,
    Context,
    ItemScope,
    RunFacts,
    Surroundings,
)
from stretto.definitions.errors import ExpressionError, Place
from stretto.definitions.expressions import Constant, Moment, ObjectTemplate, Template
from stretto.definitions.frozen import Data, FrozenDict, FrozenList, freeze, object_of
from stretto.definitions.graph import graph_of
from stretto.definitions.masking import Mask
from stretto.definitions.model import Task, Workflow
from stretto.definitions.secrecy import NO_SECRECY, Secrecy, secret_fields

Masked = TypeVar("Masked", FrozenDict | None, FrozenList)

MAX_INSTANT_TASKS = 10_000
"""Tasks that may end one after another without any action being performed, before it is taken for an endless cycle."""


class Conductor:
    """Conducts one run: `begin` once, then `on` for each event, carrying out the commands that they return."""

    def __init__(  # noqa: PLR0913 - what a run is made of; the keywords are optional
        self,
        workflow: Workflow,
        run_id: str,
        parameters: FrozenDict,
        started_at: float,
        parent: Data = None,
        *,
        surroundings: Surroundings = NO_SURROUNDINGS,
        mask: Mask | None = None,
        secrecy: Secrecy = NO_SECRECY,
    ) -> None:
        """Take a run's definition and its parameters, bound and frozen; `started_at` is seconds since the epoch.

        `parent` is what `system.parent` gives: null, or whose item this run performs. `surroundings` are what it is
        given besides; `mask` is the parent's, whose secrets are this run's as well; `secrecy` tells what it gives to
        secret parameters.
        """
        self.workflow = workflow
        self.status = "running"
        self._run_id = run_id
        self._graph = graph_of(workflow.tasks)
        self._moment = Moment(started_at, f"{run_id}/0")
        system = freeze(
            {"workflow_start": self._moment.now(), "run_id": run_id, "workflow": workflow.ref, "parent": parent}
        )
        assert isinstance(system, FrozenDict)  # noqa: S101 - for the type checker
        self.mask = Mask(base=surroundings.mask) if mask is None else mask
        self._is_child = parent is not None
        facts = RunFacts(
            parameters, system, workflow.tasks, surroundings=surroundings, mask=self.mask, secrecy=secrecy,
            secret_parameters=secret_fields(workflow.parameters),
        )  # fmt: skip
        self.context = Context(facts)
        self._errors = ErrorLog(self.mask)
        self._failed = False
        self._events = 0
        self._visits: dict[str, int] = {}
        self._active: dict[tuple[str, int], FanOut] = {}
        self._last: dict[str, FanOut] = {}
        self._held: list[str] = []
        self._ended: deque[FanOut] = deque()
        self._joins = {
            name: Join(self._graph.needed(task)) for name, task in workflow.tasks.items() if task.join is not None
        }
        self._commands: list[Command] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            ItemCompleted: self._item_completed,
            ItemsWithdrawn: self._items_withdrawn,
            RetryDue: self._retry_due,
            DelayElapsed: self._delay_elapsed,
            PauseRequested: self._pause,
            ResumeRequested: self._resume,
            CancelRequested: self._cancel,
            RunTimedOut: self._run_timed_out,
        }

    def begin(self) -> list[Command]:
        """Return the commands that start the run."""
        if self.workflow.timeout is not None:
            self._commands.append(WaitUntil(RunTimedOut(self._moment.at + self.workflow.timeout)))
        for variable in self.workflow.variables:
            if variable.value is None:
                continue
            try:
                self.context.publish(variable.name, variable.value.evaluate(self.context.now, self._moment))
            except ExpressionError as error:
                self._errors.of_expression(error)
                self._abort()
                break
        else:
            self._start_tasks(name for name in self._graph.entries if name != self.workflow.on_cancel)
        return self._turn_over()

    def on(self, event: Event) -> list[Command]:
        """Return the commands that follow from an event. What no longer matters (a late timer) gives none.

        Raises `IllegalTransition` for a request that the run's state does not allow; the run stays as it was.
        """
        before = self._moment
        self._moment = Moment(event.at, f"{self._run_id}/{self._events + 1}")
        try:
            self._handlers[type(event)](event)
        except IllegalTransition:
            self._moment = before
            raise
        self._events += 1
        return self._turn_over()

    def _turn_over(self) -> list[Command]:
        self._settle_ended()
        while not self._active and not self._held and self.status not in ENDED:
            self._finish()
            self._settle_ended()
        commands, self._commands = self._commands, []
        return commands

    def _settle_ended(self) -> None:
        instant = 0
        while self._ended:
            instant += 1
            if instant > MAX_INSTANT_TASKS and self.status == "running":
                message = f"{MAX_INSTANT_TASKS:,} tasks ended without performing an action: an endless cycle"
                self._errors.of_run("limit_exceeded", message, self._ended[0].task.place)
                self._abort()
            self._task_ended(self._ended.popleft())

    # ---- tasks start

    def _start_tasks(self, names: Iterable[str]) -> None:
        if self.status == "paused":
            self._held.extend(names)
        elif self.status == "running":
            for name in names:
                self._start_task(self.workflow.tasks[name])

    @property
    def _may_start(self) -> bool:
        return self.status in {"running", "cleaning"}

    def _start_task(self, task: Task) -> None:
        visit = self._visits[task.name] = self._visits.get(task.name, 0) + 1
        fan_out = FanOut(task, visit, self.context.snapshot(), self._moment.at, "running")
        self._active[task.name, visit] = self._last[task.name] = fan_out
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
            self._commands.append(WaitUntil(DelayElapsed(task.name, visit, self._moment.at + delay)))
        else:
            self._open(fan_out)

    def _wants_to_run(self, task: Task, fan_out: FanOut) -> bool:
        try:
            if task.when is None or task.when.evaluate(fan_out.snapshot, self._moment):
                return True
            fan_out.skip()
        except ExpressionError as error:
            self._errors.of_expression(error, task.name)
            self._abort()
            return False
        self._ended.append(fan_out)
        return False

    def _open(self, fan_out: FanOut) -> None:
        """Evaluate what is settled once for all items, and start the first of them."""
        if fan_out.task.action is None:
            self._gather(fan_out)
            return
        settings = Settings(fan_out.task, fan_out.snapshot, self._moment)
        try:
            fan_out.timeout = settings.timeout()
            fan_out.retry = settings.retry()
            fan_out.open(settings.items(), settings.concurrency())
        except ExpressionError as error:
            self._break_off(fan_out, error)
            return
        self._advance(fan_out)

    def _gather(self, fan_out: FanOut) -> None:
        """End a task without an action: collect the results of the tasks that it gathers."""
        records = [self.context.now.tasks[name] for name in fan_out.task.gathers if name in self.context.now.tasks]
        failed = [record.name for record in records if record.outcome not in {"succeeded", "skipped"}]
        failure = Failure("failed", f"{', '.join(failed)} did not succeed", retryable=False) if failed else None
        fan_out.gather(object_of({record.name: record.result for record in records}) if records else None, failure)
        self._ended.append(fan_out)

    def _break_off(self, fan_out: FanOut, error: ExpressionError) -> None:
        fan_out.break_off(_expression_failure(error))
        self._ended.append(fan_out)

    def _advance(self, fan_out: FanOut) -> None:
        """Refill the window as far as the run's state allows; end the task when nothing is left."""
        if self._may_start:
            self._commands.extend(fan_out.refill(self._moment.at))
        if not fan_out.window and (fan_out.exhausted or self.status in {"cancelling", "failing"}):
            self._ended.append(fan_out)

    # ---- items

    def _item_completed(self, event: ItemCompleted) -> None:
        fan_out = self._active.get((event.task, event.visit))
        slot = fan_out.window.get(event.index) if fan_out is not None else None
        if fan_out is None or slot is None or slot.state != "running" or slot.attempt != event.attempt:
            return
        if event.failure is not None:
            event = self._considered(fan_out, slot, event)
            if slot.state == "waiting":
                return
        stopped = fan_out.stopped
        fan_out.settle(event)
        if fan_out.stopped and not stopped and fan_out.window:
            self._commands.append(WithdrawItems(event.task, event.visit))
        self._advance(fan_out)

    def _considered(self, fan_out: FanOut, slot: Slot, event: ItemCompleted) -> ItemCompleted:
        """Plan a failed item's next try, if it gets one; else return the event that settles it."""
        retry, failure = fan_out.retry, event.failure
        if retry is None or failure is None or not failure.retryable or slot.attempt > retry.count:
            return event
        if self.status not in {"running", "paused", "cleaning"} or event.outcome == "cancelled":
            return event
        try:
            if not self._wants_retry(fan_out, event, failure):
                return event
        except ExpressionError as error:
            return ItemCompleted(
                event.task,
                event.visit,
                event.index,
                event.attempt,
                "failed",
                None,
                _expression_failure(error),
                event.at,
            )
        slot.state = advance(ITEM, slot.state, "retry")
        slot.failed = failure
        due = RetryDue(
            event.task, event.visit, event.index, slot.attempt + 1, self._moment.at + retry.wait(slot.attempt)
        )
        self._commands.append(WaitUntil(due))
        return event

    def _wants_retry(self, fan_out: FanOut, event: ItemCompleted, failure: Failure) -> bool:
        on_error = fan_out.task.retry.on_error if fan_out.task.retry else None
        if on_error is None:
            return True
        snapshot, index = fan_out.snapshot, event.index
        scope = ItemScope(snapshot, fan_out.items[index], index) if fan_out.task.with_items else snapshot
        tried = CompletionScope(scope, event.outcome, failure.result, error_object(failure))
        return bool(on_error.evaluate(tried, self._moment))

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
        slot.state = advance(ITEM, slot.state, "due")
        if self._may_start:
            self._try_again(fan_out, event.index, slot)

    def _try_again(self, fan_out: FanOut, index: int, slot: Slot) -> None:
        slot.state = advance(ITEM, slot.state, "start")
        slot.attempt += 1
        self._commands.append(fan_out.start(index, slot))

    def _delay_elapsed(self, event: DelayElapsed) -> None:
        fan_out = self._active.get((event.task, event.visit))
        if fan_out is None or fan_out.state != "delayed":
            return
        if self._may_start:
            fan_out.change("elapse")
            self._open(fan_out)
        else:
            fan_out.change("hold")

    # ---- tasks end

    def _task_ended(self, fan_out: FanOut) -> None:
        task = fan_out.task
        if self._active.pop((task.name, fan_out.visit), None) is None:
            return
        outcome = fan_out.close()
        record = fan_out.record()
        self.context.record_task(record)
        seconds = max(self._moment.at - fan_out.started_at, 0.0)
        self._commands.append(
            TaskEnded(
                task.name,
                fan_out.visit,
                outcome,
                len(fan_out.items),
                len(fan_out.failures),
                seconds,
                fan_out.outcomes(),
            )
        )
        targets: list[str] = []
        fatal: ExpressionError | None = None
        if self.status in {"running", "paused"}:
            try:
                targets = self._fire(task, outcome, record.result)
            except ExpressionError as error:
                fatal = error
        handled = bool(targets) or outcome in {"succeeded", "skipped"}
        self._tell(fan_out, outcome, handled=handled)
        if fatal is not None:
            self._errors.of_expression(fatal, task.name)
            self._abort()
        elif not handled and self.status in {"running", "paused"}:
            self._failed = True
            if self.workflow.fail_fast:
                self._abort()
        self._start_tasks([target for target in targets if self._arrives(task.name, target)])

    def _fire(self, task: Task, outcome: str, result: Data) -> list[str]:
        """Publish what the transitions that match publish, in order, and return their targets, each once."""
        targets: dict[str, None] = {}
        for transition in task.transitions:
            scope = CompletionScope(self.context.now, outcome, result)
            if transition.when is not None and not transition.when.evaluate(scope, self._moment):
                continue
            for entry in transition.publish:
                scope = CompletionScope(self.context.now, outcome, result)
                value = result if entry.value is None else entry.value.evaluate(scope, self._moment)
                self.context.publish(entry.name, value)
            targets.update(dict.fromkeys(transition.targets))
        return list(targets)

    def _arrives(self, source: str, target: str) -> bool:
        join = self._joins.get(target)
        return join is None or join.arrive(source)

    def _tell(self, fan_out: FanOut, outcome: str, *, handled: bool) -> None:
        if not fan_out.failures:
            return
        hint = ""
        if outcome == "timed_out" and not handled and _asks_failed(fan_out.task):
            hint = "; failed() is false of a task that timed out: write failed() or timed_out()"
        self._errors.of_task(fan_out, hint, handled=handled)

    # ---- the run

    def _pause(self, _event: PauseRequested) -> None:
        self.status = advance(RUN, self.status, "pause")

    def _resume(self, _event: ResumeRequested) -> None:
        resumed = self.status == "paused"
        self.status = advance(RUN, self.status, "resume")
        if not resumed:
            return
        held, self._held = self._held, []
        for fan_out in list(self._active.values()):
            if fan_out.state == "held":
                fan_out.change("release")
                self._open(fan_out)
            elif fan_out.state == "running":
                for index, slot in list(fan_out.window.items()):
                    if slot.state == "due":
                        self._try_again(fan_out, index, slot)
                self._advance(fan_out)
        self._start_tasks(held)

    def _cancel(self, _event: CancelRequested) -> None:
        already = self.status in {"cancelling", "cleaning"}
        self.status = advance(RUN, self.status, "cancel")
        if already:
            return
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
            self._commands.extend(
                CancelItem(fan_out.task.name, fan_out.visit, index) for index in sorted(fan_out.window)
            )

    def _abort(self) -> None:
        """Fail the run: what runs finishes, nothing new starts."""
        self._failed = True
        self.status = advance(RUN, self.status, "abort")
        self._start_nothing_more()

    def _start_nothing_more(self) -> None:
        self._held.clear()
        for fan_out in self._active.values():
            fan_out.release_waiting()
            if fan_out.window:
                self._commands.append(WithdrawItems(fan_out.task.name, fan_out.visit))
            elif fan_out not in self._ended:
                self._ended.append(fan_out)

    def _finish(self) -> None:
        if self.status == "cancelling" and self.workflow.on_cancel is not None:
            self.status = advance(RUN, self.status, "clean")
            self._start_task(self.workflow.tasks[self.workflow.on_cancel])
            return
        if self.status in {"running", "paused"}:
            self._tell_unsatisfied_joins()
        output, errors = self._render_output()
        if self.status in {"cancelling", "cleaning", "failing"}:
            self.status = advance(RUN, self.status, "end")
        else:
            if not self._failed:
                for error in errors:
                    self._errors.of_expression(error)
            self.status = advance(RUN, self.status, "fail" if self._failed or errors else "succeed")
        if not self._is_child:  # a parent's task works with the output: it is no report
            output = self._masked(output)
        # Again: a secret may have become known after an error was recorded.
        self._commands.append(FinishRun(self.status, output, self._masked(self._errors.frozen())))

    def _masked(self, data: Masked) -> Masked:
        return self.mask.data(data)  # type: ignore[return-value]  # an object stays one, and a list

    def _tell_unsatisfied_joins(self) -> None:
        for name, join in self._joins.items():
            if join.waiting:
                task = self.workflow.tasks[name]
                missing = ", ".join(join.missing(self._graph.inbound[name]))
                message = f"the join of {name!r} was reached but never satisfied: {missing} did not lead to it"
                self._errors.of_run("join_unsatisfied", message, task.place, task=name)
                self._failed = True

    def _render_output(self) -> tuple[FrozenDict | None, list[ExpressionError]]:
        """Render the output map, entry by entry; what cannot be rendered is left out and told."""
        template = self.workflow.output
        if template is None:
            return None, []
        if isinstance(template, Constant) and isinstance(template.value, FrozenDict):
            return template.value, []
        members: dict[str, Template] = template.members if isinstance(template, ObjectTemplate) else {}
        rendered: dict[str, Data] = {}
        errors = []
        for name, member in members.items():
            try:
                rendered[name] = member.evaluate(self.context.now, self._moment)
            except ExpressionError as error:
                errors.append(error)
        return object_of(rendered), errors

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return {name: {status, visits, items: {total, succeeded, failed, running}}} of every task, as it is now."""
        told: dict[str, dict[str, Any]] = {}
        for name in self.workflow.tasks:
            fan_out = self._last.get(name)
            if fan_out is None:
                items = {"total": 0, "succeeded": 0, "failed": 0, "running": 0}
                told[name] = {"status": "not_started", "visits": 0, "items": items}
                continue
            running = sum(slot.state == "running" for slot in fan_out.window.values())
            told[name] = {
                "status": fan_out.state,
                "visits": fan_out.visit,
                "items": {
                    "total": len(fan_out.items),
                    "succeeded": fan_out.succeeded,
                    "failed": len(fan_out.failures),
                    "running": running,
                },
            }
        return told


def _expression_failure(error: ExpressionError) -> Failure:
    return Failure("expression", error.explanation, retryable=False, expression=error.expression, where=error.place)


def _asks_failed(task: Task) -> bool:
    return any(
        "failed" in expression.calls
        for transition in task.transitions
        if transition.when is not None
        for expression in transition.when.expressions()
    )
