"""What a rehearsal is given in place of real actions: rules that say how tries end, and requests made meanwhile."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from stretto.definitions.data import freeze

Status: TypeAlias = Literal["succeeded", "failed", "timed_out", "cancelled", "abandoned", "timeout", "canceled"]
"""How a try may end; the last two are the words of conformance cases."""
Request: TypeAlias = Literal["pause", "resume", "cancel"]

KEYS = ("workflow", "action", "task", "visit", "attempt", "item", "route")
"""What a rule may ask of a try."""


class Try(NamedTuple):
    """A try of an item, as rules know it; `item` is None for a task without items."""

    workflow: str
    action: str
    task: str
    visit: int
    attempt: int
    item: int | None
    route: int


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How the tries end that it matches: those that agree with every key that it has.

    `visit` counts the entries into a task, `attempt` the tries within a visit, both from 1; `item` is an index from 0.
    `result` is what the action gives (left out: what `core.echo` is told, else null), after `duration` seconds.
    """

    workflow: str | msgspec.UnsetType = msgspec.UNSET
    action: str | msgspec.UnsetType = msgspec.UNSET
    task: str | msgspec.UnsetType = msgspec.UNSET
    visit: int | msgspec.UnsetType = msgspec.UNSET
    attempt: int | msgspec.UnsetType = msgspec.UNSET
    item: int | None | msgspec.UnsetType = msgspec.UNSET
    route: int | msgspec.UnsetType = msgspec.UNSET
    status: Status = "succeeded"
    result: Any = msgspec.UNSET
    duration: float | None = None

    def wanted(self) -> tuple[tuple[int, Any], ...]:
        """Return what it asks for: the place of a key in a `Try`, and the value there."""
        given = ((place, getattr(self, key)) for place, key in enumerate(KEYS))
        return tuple((place, value) for place, value in given if value is not msgspec.UNSET)


class Control(msgspec.Struct, frozen=True):
    """A request made just before a completion, counted from 1, is handled; 1: before anything is launched."""

    before_completion: int
    request: Request


class Script:
    """Rules in their order: the first that matches a try says how it ends."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Take the rules. Raises `NotData` if a result is none that an action could give."""
        for number, rule in enumerate(rules, 1):
            if rule.result is not msgspec.UNSET:
                freeze(rule.result, f"the result of rule {number}")
        self._rules = rules
        self._wanted = [rule.wanted() for rule in rules]
        self._used: set[int] = set()

    def rule_for(self, attempt: Try) -> Rule | None:
        """Return the first rule that matches."""
        for number, wanted in enumerate(self._wanted):
            if all(attempt[place] == value for place, value in wanted):
                self._used.add(number)
                return self._rules[number]
        return None

    def unused(self) -> Iterable[int]:
        """Return the rules, counted from 0, that no try was the first to need."""
        return [number for number in range(len(self._rules)) if number not in self._used]
