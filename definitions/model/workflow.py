"""What a definition says, whatever dialect it was written in: frozen, and free of YAML.

A `Template` is a value that may hold expressions; it is evaluated when its task starts (or ends), by the conductor.
Times are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from stretto.definitions.data import Data
from stretto.definitions.errors import Finding, Place
from stretto.definitions.expressions import Template
from stretto.definitions.model.semantics import NATIVE, Semantics

ParameterType = Literal["string", "integer", "number", "boolean", "array", "object", "any"]
CancellationPolicy = Literal["allow_finish", "cancel_running"]
Backoff = Literal["constant", "linear", "exponential"]
Delivery = Literal["at_least_once", "at_most_once"]
SourceKind = Literal["list", "lines", "jsonl", "csv"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input of a workflow.

    `minimum` and `maximum` bound a number, or the length of a text, list or object; `pattern` (RE2) is looked for
    anywhere in a text. `items` are a list's members, `properties` some of an object's, `others` the rest of them;
    a `closed` object has no rest.
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


@dataclass(frozen=True, slots=True)
class Assignment:
    """A name and the value that `vars` or `publish` gives it; `value` None publishes the whole result."""

    name: str
    value: Template | None
    place: Place


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a fan-out's items, exact: 2% is Fraction(1, 50)."""

    of_all: Fraction


@dataclass(frozen=True, slots=True)
class WithItems:
    """A fan-out: one performance of the action for each item (or batch) of the list that `source` gives.

    At most `concurrency` items are in the window at a time. With `batch_size`, an item is a list of up to so many.
    `max_failures` None: every item runs, and one failed item fails the task. With `names`, an item that is a list is
    taken apart into an object of those names. Of a `kind` other than a list, `source` gives the path of a file whose
    lines, JSON lines or rows are read as the window moves. `results` gives the path of a file of JSON lines that takes
    what the items give, in place of the context.
    """

    source: Template
    concurrency: Template
    batch_size: int | None
    max_failures: int | Share | None
    place: Place
    names: tuple[str, ...] = ()
    kind: SourceKind = "list"
    results: Template | None = None

    @property
    def streams(self) -> bool:
        """Whether a file is read for the items, or written with their results."""
        return self.kind != "list" or self.results is not None


@dataclass(frozen=True, slots=True)
class Retry:
    """Tries after the first one, `count` at most.

    The n-th waits `delay` (constant), n x delay (linear) or 2^(n-1) x delay (exponential) seconds, at most
    `max_delay`. With `on_error`, only while that expression is true of the failed try.
    """

    count: Template
    delay: Template
    backoff: Backoff
    max_delay: Template | None
    on_error: Template | None
    place: Place


@dataclass(frozen=True, slots=True)
class Transition:
    """What follows a task when `when` is true of how it ended (None: always): publish, then start `targets`.

    `target_places` tells where each target is named; `number` is its position in the task's `next`, from 0.
    """

    when: Template | None
    publish: tuple[Assignment, ...]
    targets: tuple[str, ...]
    target_places: tuple[Place, ...]
    place: Place
    number: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `join` is None, "all", or the number of distinct inbound tasks that it waits for.

    With `when` false as it starts, it is skipped. A task without an action ends as it starts; `gathers` names the
    tasks whose results it collects, and with which it fails. With `action_expression` that gives the action's name, and
    `action` is its source. `delivery` says what becomes of a try of which nobody knows, after a crash, whether it was
    performed: it is performed again, or has failed.
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
    action_expression: Template | None = None
    transitions: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class Workflow:
    """A whole definition. `tasks` is in the file's order; `warnings` are what is doubtful but can run.

    `timeout` bounds the whole run, in seconds; `on_cancel` names the task that cleans up after a cancel. `inputs` give
    variables their first values, before `variables` do. `output` None: the run has none. `text` is what it was read
    from; two that say the same are equal whatever texts they came from.
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
    on_cancel: str | None = None
    label: str = ""
    description: str = ""
    version: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Finding, ...] = ()
    text: str = field(default="", repr=False, compare=False)
