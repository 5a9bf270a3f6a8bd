"""The model of a rule: which events it answers, with a run of what, with which inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stretto.definitions.data import EMPTY_OBJECT, FrozenDict
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Constant, Moment, RequiredText, Scope, Source, Template
from stretto.definitions.rules.event import RuleDialect
from stretto.definitions.schedules import Schedule


class Criterion(Protocol):
    """One condition of a rule."""

    @property
    def text(self) -> str:
        """The condition as the file has it."""

    @property
    def place(self) -> Place:
        """Where it is in the file."""

    def holds(self, scope: Scope, moment: Moment) -> bool:
        """Return whether an event meets it.

        Raises:
            StrettoError: It cannot be evaluated for this event.
        """

    def found(self, scope: Scope) -> str:
        """Return what it compares of the event, for people; "" if that is not known."""

    def required(self) -> RequiredText | None:
        """Return the text that a field must have for an event to meet it, or None if none is known."""

    def expressions(self) -> "tuple[Source, ...]":
        """Return its expressions."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Attributes:
        ref: Its name, which no other rule has.
        event: The type of the events that it answers.
        parameters: The parameters of the trigger. An event must have them, unless the rule is one of Attune's.
        criteria: The conditions that an event must meet, all of them.
        target: The ref of the workflow or the action that runs.
        inputs: The run's inputs.
        place: Where the rule begins in its file.
        target_place: Where the file names the target.
        dialect: The language of its expressions.
        enabled: Whether it answers events.
        description: Text for people.
        pack: The pack that it belongs to, or "".
        schedule: When its events come by themselves, or None.
    """

    ref: str
    event: str
    criteria: tuple[Criterion, ...]
    target: str
    inputs: Mapping[str, Template]
    place: Place
    target_place: Place
    dialect: RuleDialect = "native"
    parameters: FrozenDict = field(default_factory=lambda: EMPTY_OBJECT)
    enabled: bool = True
    description: str = ""
    pack: str = ""
    schedule: Schedule | None = None
    fixed: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        """Find the inputs without expressions."""
        fixed = tuple(name for name, template in self.inputs.items() if isinstance(template, Constant))
        object.__setattr__(self, "fixed", fixed)

    @property
    def wanted(self) -> FrozenDict:
        """The parameters that an event must have. Attune's are for the sensor, except those of timers."""
        return EMPTY_OBJECT if self.dialect == "attune" and self.schedule is None else self.parameters

    @property
    def file(self) -> str:
        """The path of its file."""
        return self.place.file
