"""Scripts of rehearsals: rules for the ends of attempts, and requests that are made meanwhile."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from stretto.definitions.data import freeze, thaw

Status: TypeAlias = Literal["succeeded", "failed", "timed_out", "cancelled", "abandoned", "timeout", "canceled"]
"""The ends of an attempt. The last two are the words of conformance cases."""
Request: TypeAlias = Literal["pause", "resume", "cancel"]

KEYS = ("workflow", "action", "task", "visit", "attempt", "item", "route")
"""The keys by which a rule matches attempts."""


def canonical(value: Any) -> str:
    """Return a text that is the same for equal data. 1 is neither true nor 1.0."""
    return json.dumps(thaw(value), sort_keys=True)


class Attempt(NamedTuple):
    """An attempt, as rules match it. `item` is None for a task without items. `input` are the action's arguments."""

    workflow: str
    action: str
    task: str
    visit: int
    attempt: int
    item: int | None
    route: int
    input: Mapping[str, Any]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the attempts that agree with every key of the rule.

    `visit` and `attempt` count from 1, `item` is an index from 0. `input` has some of the action's arguments, which
    must be equal. The action returns `result` after `duration` seconds. Without `result`, core.echo returns its message
    and any other action null. Without `status`, core.fail fails and any other action succeeds.
    """

    workflow: str | msgspec.UnsetType = msgspec.UNSET
    action: str | msgspec.UnsetType = msgspec.UNSET
    task: str | msgspec.UnsetType = msgspec.UNSET
    visit: int | msgspec.UnsetType = msgspec.UNSET
    attempt: int | msgspec.UnsetType = msgspec.UNSET
    item: int | None | msgspec.UnsetType = msgspec.UNSET
    route: int | msgspec.UnsetType = msgspec.UNSET
    input: dict[str, Any] = {}
    status: Status | msgspec.UnsetType = msgspec.UNSET
    result: Any = msgspec.UNSET
    duration: float | None = None

    def wanted(self) -> tuple[tuple[int, Any], ...]:
        """Return the keys of the rule, each as its position in an `Attempt` and the value there."""
        given = ((place, getattr(self, key)) for place, key in enumerate(KEYS))
        return tuple((place, value) for place, value in given if value is not msgspec.UNSET)


class Control(msgspec.Struct, frozen=True):
    """A request that is made just before the completion of that number, from 1, is handled."""

    before_completion: int
    request: Request


class Script:
    """Rules in order. The first that matches an attempt gives its end."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Take the rules. Raises `NotData` if a result is not JSON-like data."""
        for number, rule in enumerate(rules, 1):
            if rule.result is not msgspec.UNSET:
                freeze(rule.result, f"the result of rule {number}")
        self._rules = rules
        self._inputs = [{key: canonical(value) for key, value in rule.input.items()} for rule in rules]
        self._wanted = [rule.wanted() for rule in rules]
        self._used: set[int] = set()

    def rule_for(self, attempt: Attempt) -> Rule | None:
        """Return the first rule that matches."""
        texts: dict[str, str] = {}
        for number, wanted in enumerate(self._wanted):
            if all(attempt[place] == value for place, value in wanted) and self._has_input(
                number, attempt.input, texts
            ):
                self._used.add(number)
                return self._rules[number]
        return None

    def _has_input(self, number: int, found: Mapping[str, Any], texts: dict[str, str]) -> bool:
        """Return whether an input has the arguments of a rule. `texts` keeps those that were written once."""
        for key, text in self._inputs[number].items():
            if key not in found:
                return False
            if key not in texts:
                texts[key] = canonical(found[key])
            if texts[key] != text:
                return False
        return True

    def unused(self) -> Iterable[int]:
        """Return the rules, counted from 0, that were never used."""
        return [number for number in range(len(self._rules)) if number not in self._used]
