"""The state of one run: its definition, its visits, its status. The handlers read and change its fields."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

from immutables import Map

from stretto.definitions.conductor.arrivals import ARRIVALS, Arrivals
from stretto.definitions.conductor.branches import NO_BRANCH, Branch
from stretto.definitions.conductor.contexts import CONTEXTS, Contexts
from stretto.definitions.conductor.errors import ErrorLog
from stretto.definitions.conductor.events import PauseRequested, ResumeRequested
from stretto.definitions.conductor.made_inquiries import NONE_MADE
from stretto.definitions.conductor.st2_facts import reads_st2, st2_facts
from stretto.definitions.conductor.states import RUN_TABLES
from stretto.definitions.conductor.transitions import Transitions
from stretto.definitions.conductor.visits import ItemId, Visits
from stretto.definitions.context import (
    NO_ENVIRONMENT,
    NO_SECRECY,
    Fields,
    Mask,
    RunEnvironment,
    RunFacts,
    RunKeys,
    Secrecy,
    reads_keys,
    secret_fields,
)
from stretto.definitions.data import EMPTY_OBJECT, Data, FrozenDict, FrozenList, object_of
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits, Moment
from stretto.definitions.model import ST2, Workflow, once_per_workflow

if TYPE_CHECKING:
    from stretto.definitions.conductor.commands import Command
    from stretto.definitions.conductor.events import RunTimedOut
    from stretto.definitions.conductor.visit import Visit

Masked = TypeVar("Masked", FrozenDict | None, FrozenList)

_NO_ITEMS: Final[frozenset[ItemId]] = frozenset()
"""Shared: an empty set of its own would take 216 bytes of each run."""
_NO_REQUESTS: Final[Mapping[tuple[str, int], PauseRequested | ResumeRequested]] = MappingProxyType({})
"""Shared, too."""
_NONE_AWAITED: Final[Mapping[tuple[str, int], int]] = MappingProxyType({})


class _Constants(NamedTuple):
    """Values that all runs of a workflow share: one object, because each look-up is a call of each run."""

    task_names: frozenset[str]
    secret_fields: frozenset[Fields]
    reads_keys: bool


@once_per_workflow
def _constants_of(workflow: Workflow) -> _Constants:
    return _Constants(frozenset(workflow.tasks), secret_fields(workflow.parameters), reads_keys(workflow))


class _System:
    """Makes the `system` namespace of a run. It takes a third of the memory of a `partial`."""

    __slots__ = ("_parent", "_run_id", "_started_at", "_workflow")

    def __init__(self, started_at: float, run_id: str, workflow: str, parent: Data) -> None:
        self._started_at, self._run_id, self._workflow, self._parent = started_at, run_id, workflow, parent

    def __call__(self) -> FrozenDict:
        started = Moment(self._started_at).now()
        return object_of({
            "workflow_start": started, "run_id": self._run_id, "workflow": self._workflow, "parent": self._parent
        })  # fmt: skip


def _first_branch(workflow: Workflow, run_id: str, user: str, initial: FrozenDict) -> Branch:
    if workflow.semantics.facts == "st2" and reads_st2(workflow):
        initial = object_of({ST2: st2_facts(workflow, run_id, user), **initial})
    return Branch(Map(initial)) if initial else NO_BRANCH


class RunState:
    """Everything that one run's events change. Only this package touches its fields."""

    __slots__ = (
        "active", "arrivals", "at", "awaited", "begun", "broken_off", "cancelled", "commands", "context", "deadline",
        "due", "ended", "entered", "errors", "event_count", "extension", "fail_fast", "failed", "initial", "is_child",
        "keys", "known_moment", "limits", "made", "mask",
        "paused_from_below", "paused_items", "reads_keys", "run_id", "semantics", "since", "skip_delay", "skipping",
        "status", "status_table", "task_requests", "terminal", "transitions", "visits", "workflow",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0915 - what a run is made of; the keywords are optional
        self,
        workflow: Workflow,
        run_id: str,
        parameters: FrozenDict,
        started_at: float,
        parent: Data = None,
        *,
        surroundings: RunEnvironment = NO_ENVIRONMENT,
        mask: Mask | None = None,
        initial: FrozenDict = EMPTY_OBJECT,
        secrecy: Secrecy = NO_SECRECY,
        limits: ExpressionLimits = DEFAULT_LIMITS,
        skip_delay: "Callable[[Visit, float], None] | None" = None,
        user: str = "",
    ) -> None:
        self.workflow, self.semantics = workflow, workflow.semantics
        self.run_id, self.limits = run_id, limits
        self.is_child = parent is not None
        self.fail_fast = workflow.fail_fast or workflow.semantics.fail_fast
        self.skip_delay = skip_delay

        self.status = "running"
        self.status_table = RUN_TABLES[workflow.semantics.final_failure]
        self.since = started_at
        """When the status last changed."""
        self.cancelled = False
        """A cancel was requested, whatever came of it."""
        self.failed = False
        self.broken_off = False
        """An evaluation was stopped: nothing more is evaluated, so nothing more starts."""
        self.deadline: RunTimedOut | None = None
        self.extension = 0.0
        """The seconds that requests have added to the deadline."""

        self.at = started_at
        """The time of the current event."""
        self.event_count = 0
        self.known_moment: Moment | None = None
        self.keys: RunKeys | None = None  # the key-value store, if the run reads it

        self.entered = self.begun = False
        self.initial = _first_branch(workflow, run_id, user, initial)
        self.arrivals: Arrivals = ARRIVALS[workflow.semantics.arrivals](workflow)
        self.mask = Mask(base=surroundings.mask) if mask is None else mask
        constants = _constants_of(workflow)
        self.reads_keys = constants.reads_keys
        facts = RunFacts(
            parameters, _System(started_at, run_id, workflow.ref, parent), constants.task_names,
            surroundings=surroundings, mask=self.mask, secrecy=secrecy,
            limits=limits, secret_parameters=constants.secret_fields, visits=self.arrivals,
        )  # fmt: skip
        self.context: Contexts = CONTEXTS[workflow.semantics.publish](facts)
        self.transitions = Transitions(workflow, self.context)
        self.errors = ErrorLog(self.mask)

        self.visits = Visits()
        self.active = self.visits.active
        self.ended: list[Visit] = []
        """Visits whose items have ended; their outcome is still to be settled."""
        self.due: tuple[Visit, ...] = ()
        """Visits to retry as a whole in this turn."""
        self.skipping = False
        """An item in flight was skipped at some time, so completions must be checked for it."""
        self.paused_items = _NO_ITEMS
        """Items in flight whose sub-workflows are paused."""
        self.paused_from_below = False
        """The run was paused because all its sub-workflows are."""
        self.task_requests = _NO_REQUESTS
        """The last pause or resume of single visits. Requests to the run replace them."""
        self.made = NONE_MADE
        """The inquiries that actions have made, by number."""
        self.awaited = _NONE_AWAITED
        """The numbers of the inquiries that visits wait for, until they start."""
        self.terminal: list[tuple[int, Branch]] | tuple[()] = ()
        """The branches that have ended, each with the number of its last visit."""
        self.commands: list[Command] = []
        """The commands of the current turn."""

    @property
    def moment(self) -> Moment:
        """The current event as expressions see it. Most events evaluate none, so it is made on demand."""
        moment = self.known_moment
        if moment is None:
            moment = self.known_moment = Moment(
                self.at, self.run_id, self.event_count, limits=self.limits, keys=self.keys
            )
        return moment

    def end_branch(self, number: int, branch: Branch) -> None:
        """Add a branch that has ended with the visit of a number."""
        if self.terminal:
            self.terminal.append((number, branch))
        else:
            self.terminal = [(number, branch)]

    def masked(self, data: Masked) -> Masked:
        """Return data without secrets."""
        return self.mask.data(data)  # type: ignore[return-value]  # an object stays one, and a list

    def masked_errors(self) -> FrozenList:
        """Return the error records so far, without secrets."""
        frozen = self.errors.frozen()
        return self.masked(frozen) if frozen else frozen


Handlers: TypeAlias = Mapping[type, Callable[[RunState, Any], None]]
"""Handlers by the type of their event."""
