"""One run as it stands: what it is made of, how far it has come, and what can be asked of it at any moment."""

from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from immutables import Map

from stretto.definitions.conductor.arrivals import ARRIVALS, Arrivals
from stretto.definitions.conductor.branches import NO_BRANCH, Branch
from stretto.definitions.conductor.commands import Command, StartItem, WaitUntil
from stretto.definitions.conductor.contexts import CONTEXTS, Contexts
from stretto.definitions.conductor.errors import ErrorLog
from stretto.definitions.conductor.events import ItemCompleted, RunTimedOut
from stretto.definitions.conductor.inquiries import (
    starts_outstanding,
    streams_outstanding,
    tasks_told,
    waits_outstanding,
)
from stretto.definitions.conductor.states import RUN_TABLES
from stretto.definitions.conductor.transitions import Transitions
from stretto.definitions.conductor.visits import ItemId, Visits
from stretto.definitions.conductor.waits import Standing, Wait, Waiting
from stretto.definitions.context import (
    NO_SECRECY,
    NO_SURROUNDINGS,
    Mask,
    RunFacts,
    Secrecy,
    Surroundings,
    secret_fields,
)
from stretto.definitions.data import EMPTY_OBJECT, Data, FrozenDict, FrozenList, freeze
from stretto.definitions.expressions import Moment
from stretto.definitions.model import Workflow, graph_of

if TYPE_CHECKING:
    from stretto.definitions.conductor.fan_out import FanOut

Masked = TypeVar("Masked", FrozenDict | None, FrozenList)


class Run:
    """What a conductor changes, and anybody may ask about."""

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
        initial: FrozenDict = EMPTY_OBJECT,
        secrecy: Secrecy = NO_SECRECY,
    ) -> None:
        """Take a run's definition and its parameters, bound and frozen; `started_at` is seconds since the epoch.

        `parent` is what `system.parent` gives: null, or whose item this run performs. `surroundings` are what it is
        given besides; `mask` is the parent's, whose secrets are this run's as well. `initial` are variables that are
        there before the run's own, where contexts go by branches; `secrecy` tells what it gives to secret parameters.
        """
        self.workflow = workflow
        self._semantics = workflow.semantics
        self._states = RUN_TABLES[workflow.semantics.final_failure]
        self._fail_fast = workflow.fail_fast or workflow.semantics.fail_fast
        self.status = "running"
        self._since = started_at
        self._cancelled = False
        self._deadline: RunTimedOut | None = None
        self._run_id = run_id
        self._initial = Branch(Map(initial)) if initial else NO_BRANCH
        self._arrivals: Arrivals = ARRIVALS[workflow.semantics.arrivals](workflow, graph_of(workflow.tasks))
        self._at = started_at
        self._known_moment: Moment | None = None
        self._events = 0
        system = freeze(
            {"workflow_start": self._moment.now(), "run_id": run_id, "workflow": workflow.ref, "parent": parent}
        )
        assert isinstance(system, FrozenDict)  # noqa: S101 - for the type checker
        self.mask = Mask(base=surroundings.mask) if mask is None else mask
        self._is_child = parent is not None
        facts = RunFacts(
            parameters, system, workflow.tasks, surroundings=surroundings, mask=self.mask, secrecy=secrecy,
            secret_parameters=secret_fields(workflow.parameters), status_of=self._arrivals.status_of,
        )  # fmt: skip
        self.context: Contexts = CONTEXTS[workflow.semantics.publish](facts)
        self._transitions = Transitions(workflow, self.context)
        self._errors = ErrorLog(self.mask)
        self._failed = False
        self._visits = Visits()
        self._active = self._visits.active
        self._entered = self._begun = self._skipping = False
        self._ended: deque[FanOut] = deque()
        self._due: list[FanOut] = []
        self._paused: set[tuple[str, int, int]] = set()
        self._paused_from_below = False
        self._terminal: list[tuple[int, Branch]] = []
        self._commands: list[Command] = []

    @property
    def _moment(self) -> Moment:
        """The event at hand as expressions see it; most events need none."""
        moment = self._known_moment
        if moment is None:
            moment = self._known_moment = Moment(self._at, self._run_id, self._events)
        return moment

    def _masked(self, data: Masked) -> Masked:
        return self.mask.data(data)  # type: ignore[return-value]  # an object stays one, and a list

    def errors(self) -> FrozenList:
        """Return the records of what has failed so far, masked."""
        return self._masked(self._errors.frozen())

    # ---- inquiries

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return {name: {status, visits, items: {total, succeeded, failed, running}}} of every task, as it is now."""
        return tasks_told(self.workflow, self._visits)

    def outstanding(self) -> list[StartItem]:
        """Return the start command of every try that has been commanded and not been told ended, in their order."""
        return starts_outstanding(self._visits)

    def streams(self) -> list[Command]:
        """Return what is to be done about files, but for the lines of results, and has not been told done."""
        return streams_outstanding(self._visits)

    def failed_tasks(self) -> frozenset[str]:
        """Return the tasks because of which the run did not succeed, as far as it can be told of tasks.

        Those with an error that nothing handled, those whose last visit did not end, or failed and nothing handled that
        while the run went on, and those that led to the command `fail`.
        """
        failed = {name for name, visit in self._visits.last.items() if self._has_failed(visit)}
        return frozenset(failed | (self._errors.unhandled & self.workflow.tasks.keys()))

    def _has_failed(self, visit: "FanOut") -> bool:
        if (visit.name, visit.visit) in self._active or not visit.stands:
            return True
        stopped_the_run = visit.state == "cancelled" and self._semantics.cancelled_action == "run"
        return stopped_the_run or ("fail" in visit.led_to and "fail" not in self.workflow.tasks)

    def last_visit(self, task: str) -> "FanOut | None":
        """Return the last visit of a task."""
        return self._visits.last.get(task)

    def skipped_items(self) -> frozenset[ItemId]:
        """Return the items that were skipped by request."""
        return self._visits.skipped()

    def paused_items(self) -> frozenset[ItemId]:
        """Return the items in flight that sub-workflows perform which are paused."""
        return frozenset(self._paused)

    def counts_as(self, completed: ItemCompleted) -> str:
        """Return what an item ends as when this is handled next: `skipped` if that was asked for, else its outcome."""
        if not self._skipping:
            return completed.outcome
        visit = self._active.get((completed.task, completed.visit))
        slot = visit.window.get(completed.index) if visit is not None else None
        return "skipped" if slot is not None and slot.skipping else completed.outcome

    def may_resume(self, start: StartItem) -> bool:
        """Tell whether an outstanding try is to be performed, if nobody knows any more whether it has been.

        It is not when it was to be stopped, nor in a run that is being cancelled: then it is told as cancelled.
        """
        if self._cancelled and self.status != "cleaning":
            return False
        visit = self._active.get((start.task, start.visit))
        slot = visit.window.get(start.index) if visit is not None else None
        return slot is not None and (slot.state, slot.attempt) == ("running", start.attempt) and not slot.stopping

    def timers(self) -> list[WaitUntil]:
        """Return every wait that is outstanding."""
        of_run = [WaitUntil(self._deadline)] if self._deadline and self.status in {"running", "paused"} else []
        return [*of_run, *waits_outstanding(self._visits)]

    def waits(self, task: str | None = None) -> list[Wait]:
        """Return what the run, or one of its tasks, waits for, to be told to people: bounded for each task.

        Raises `UnknownTask`.
        """
        standing = Standing(self.status, self._since, self._paused_from_below)
        waiting = Waiting(self.workflow, self._visits, self._arrivals, frozenset(self._paused), standing)
        return waiting.of_run() if task is None else waiting.of_task(task)
