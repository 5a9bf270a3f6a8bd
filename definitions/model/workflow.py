"""The workflow model: frozen classes that know neither dialects nor YAML.

A `Template` is a value that may contain expressions. The conductor evaluates it when its task starts or ends. All
times are in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from stretto.definitions.data import Data
from stretto.definitions.errors import Finding, Place
from stretto.definitions.expressions import Template
from stretto.definitions.model.resources import Resources
from stretto.definitions.model.semantics import NATIVE, Semantics

ParameterType = Literal["string", "integer", "number", "boolean", "array", "object", "any"]
CancellationPolicy = Literal["allow_finish", "cancel_running"]
Backoff = Literal["constant", "linear", "exponential"]
Delivery = Literal["at_least_once", "at_most_once"]
DeadlinePolicy = Literal["fail", "cancel", "warn"]
SourceKind = Literal["list", "lines", "jsonl", "csv"]
OnBadLine = Literal["fail", "skip", "collect"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input of a workflow.

    Attributes:
        name: The parameter's name.
        type: The JSON type of its values.
        place: The position of its declaration.
        required: Whether a run must give a value other than null.
        default: The value if a run gives none.
        enum: The valid values, if not empty.
        secret: Whether its values are masked.
        minimum: The least number, or the least length of a text, list or object.
        maximum: The greatest number or length.
        pattern: An RE2 pattern that a text must contain.
        items: The type of a list's members.
        properties: The types of an object's known fields.
        closed: Whether an object has no other fields.
        others: The type of an object's other fields.
        description: Text for people.
        computed: A text with expressions in the words of StackStorm's metadata, which gives the default, or "".
        needed: The known fields that an object must have, be they null or not.
    """

    name: str
    type: ParameterType
    place: Place
    required: bool = False
    default: Data = None
    enum: tuple[Data, ...] = ()
    secret: bool = False
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    items: "Parameter | None" = None
    properties: "Mapping[str, Parameter]" = field(default_factory=dict)
    closed: bool = False
    others: "Parameter | None" = None
    description: str = ""
    computed: str = ""
    needed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variable that `vars` or `publish` sets. A `value` of None publishes the whole result."""

    name: str
    value: Template | None
    place: Place


@dataclass(frozen=True, slots=True)
class Share:
    """An exact share of a fan-out's items, e.g. Fraction(1, 50) for 2%."""

    of_all: Fraction


@dataclass(frozen=True, slots=True)
class WithItems:
    """A fan-out: the task's action runs once for each item, or for each batch of items.

    Attributes:
        source: Gives the list of items, or the path of a file of items.
        concurrency: Gives the maximum number of items in the window.
        batch_size: The maximum number of items in a batch. None runs items one by one.
        max_failures: The number or share of items that may fail. With more, no further item starts and the task
            fails. None runs all items, and any failed item fails the task.
        place: The position of `with_items`.
        names: Names for the members of an item that is a list. The item becomes an object of these names.
        kind: `list`, or the format of the file that is read as the window moves.
        results: Gives the path of a JSON lines file that stores the results in place of the context.
        on_bad_line: What a line that is not an item does: fail the task, nothing, or appear among the task's errors.
    """

    source: Template
    concurrency: Template
    batch_size: int | None
    max_failures: int | Share | None
    place: Place
    names: tuple[str, ...] = ()
    kind: SourceKind = "list"
    results: Template | None = None
    on_bad_line: OnBadLine = "fail"

    @property
    def streams(self) -> bool:
        """Whether items are read from a file, or results are written to one."""
        return self.kind != "list" or self.results is not None


@dataclass(frozen=True, slots=True)
class Retry:
    """Retries after a failed attempt.

    Attributes:
        count: The maximum number of retries.
        delay: The base of the delay.
        backoff: The delay of the n-th retry: delay (`constant`), n x delay (`linear`), 2^(n-1) x delay (`exponential`).
        max_delay: The maximum delay.
        on_error: A condition on the failed attempt. If false, there is no retry.
        place: The position of `retry`.
        delay_reads_failure: Whether the delay is evaluated after each failure, because it may read `result()`, `error`,
            `item` or `index`. Otherwise it is evaluated when the task starts.
    """

    count: Template
    delay: Template
    backoff: Backoff
    max_delay: Template | None
    on_error: Template | None
    place: Place
    delay_reads_failure: bool = False


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The times by which a run, or a visit of a task, should have ended, in seconds from its start.

    Attributes:
        warn_after: When an event warns that it has not, or None.
        seconds: When it is late, or None.
        policy: What happens to it then, beside the event.
        place: The position of the field.
    """

    warn_after: float | None
    seconds: float | None
    policy: DeadlinePolicy
    place: Place


@dataclass(frozen=True, slots=True)
class Transition:
    """A transition from a completed task: publish variables, then start the targets.

    Attributes:
        when: The condition on the task's end. None is always true.
        publish: The variables to set.
        targets: The names of tasks and engine commands to start.
        target_places: The position of each target.
        place: The position of the transition.
        number: The index in the task's `next`.
    """

    when: Template | None
    publish: tuple[Assignment, ...]
    targets: tuple[str, ...]
    target_places: tuple[Place, ...]
    place: Place
    number: int = 0


@dataclass(frozen=True, slots=True)
class KeyLimit:
    """How many items may run at once under one key, in all runs of all daemons.

    Attributes:
        key: Gives the key of an item.
        limit: How many.
        place: The position of the key.
    """

    key: Template
    limit: int
    place: Place


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many items with one key may start in a time, in all runs of all daemons.

    Attributes:
        key: Gives the key of an item.
        limit: How many items start in `per` seconds.
        per: The seconds.
        burst: How many may start at once.
        place: The position of the limit.
    """

    key: Template
    limit: int
    per: float
    burst: int
    place: Place

    @property
    def interval(self) -> float:
        """The seconds from one start to the next."""
        return self.per / self.limit


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Attributes:
        name: The task's name.
        action: The action's name, the source of `action_expression`, or None. A task without an action ends at once.
        input: The action's input.
        place: The position of the task.
        action_place: The position of the action.
        with_items: The fan-out, if any.
        timeout: The time limit of one attempt.
        retry: The retries, if any.
        delay: The delay before the task starts.
        join: The number of distinct inbound tasks that it waits for, "all", or None.
        when: A condition at the start. If false, the task is skipped.
        gathers: The tasks whose results it collects. It fails if one of them does.
        delivery: The fate of an attempt that a crash interrupted: it is repeated, or it has failed.
        runs_on: The name of the pool in which its items run. None is the daemon itself.
        key_limit: The limit on items with the same key, or None.
        rate: The limit on the starts of items with the same key, or None.
        needs: What each item needs of a worker of the pool for itself, or None.
        action_expression: Gives the action's name at run time.
        deadlines: When a visit of it should have ended, or None.
        where: The condition on an event that ends it, if it waits for events. It reads `payload` and `event`.
        inquiry: Gives the number of the inquiry that it waits for before it starts, or None.
        may_ask: Whether its action can make inquiries, because a task of the workflow waits for one.
        transitions: The transitions in the file's order.
    """

    name: str
    action: str | None
    input: Template
    place: Place
    action_place: Place
    with_items: WithItems | None = None
    timeout: Template | None = None
    retry: Retry | None = None
    delay: Template | None = None
    join: Literal["all"] | int | None = None
    when: Template | None = None
    gathers: tuple[str, ...] = ()
    delivery: Delivery = "at_least_once"
    runs_on: Template | None = None
    key_limit: KeyLimit | None = None
    rate: RateLimit | None = None
    needs: Resources | None = None
    action_expression: Template | None = None
    deadlines: Deadlines | None = None
    where: Template | None = None
    inquiry: Template | None = None
    may_ask: bool = False
    transitions: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow definition.

    Attributes:
        ref: The name that runs use.
        parameters: The inputs of a run.
        variables: The initial variables.
        tasks: The tasks in the file's order.
        output: The run's output, or None.
        cancellation_policy: Whether a cancel waits for running items or cancels them.
        fail_fast: Whether the first unhandled failure ends the run.
        file: The path of the definition.
        semantics: The dialect's semantics.
        inputs: Variables that are set before `variables`.
        timeout: The time limit of a run.
        timeout_place: The position of `timeout`.
        deadlines: When a run should have ended, or None.
        on_cancel: The task that cleans up after a cancel.
        label: A title for people.
        description: Text for people.
        version: The author's version.
        tags: The author's tags.
        metadata: The author's data.
        warnings: Findings that do not prevent a run.
        text: The source. It does not count when workflows are compared.
        installed: Whether it was read from a file on the engine's machine, so that its fixed paths are the operator's.
            It does not count either.
        derived: The values of `once_per_workflow`, by the function that computes them. A copy has none yet.
    """

    ref: str
    parameters: Mapping[str, Parameter]
    variables: tuple[Assignment, ...]
    tasks: Mapping[str, Task]
    output: tuple[Assignment, ...] | None
    cancellation_policy: CancellationPolicy
    fail_fast: bool
    file: str
    semantics: Semantics = NATIVE
    inputs: tuple[Assignment, ...] = ()
    timeout: float | None = None
    timeout_place: Place | None = None
    deadlines: Deadlines | None = None
    on_cancel: str | None = None
    label: str = ""
    description: str = ""
    version: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Finding, ...] = ()
    text: str = field(default="", repr=False, compare=False)
    installed: bool = field(default=False, repr=False, compare=False)
    derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def source(self) -> str:
        """The texts that may have expressions: the definition's, and defaults of its metadata."""
        return "\n".join([self.text, *(each.computed for each in self.parameters.values() if each.computed)])

    @property
    def secret_defaults(self) -> list[Any]:
        """The defaults of secret parameters, which the text has and no report may show."""
        return [each.default for each in self.parameters.values() if each.secret and each.default is not None]
