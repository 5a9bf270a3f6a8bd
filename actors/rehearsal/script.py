"""Scripts of rehearsals: rules for the ends of attempts, and requests that are made meanwhile."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from stretto.definitions.data import freeze, thaw

Status: TypeAlias = Literal["succeeded", "failed", "timed_out", "cancelled", "abandoned", "timeout", "canceled"]
"""The ends of an attempt. The last two are the words of conformance cases."""
Request: TypeAlias = Literal["pause", "resume", "cancel"]
Role: TypeAlias = Literal["viewer", "operator", "admin"]
MAX_AT_SECONDS: Final = 100 * 366 * 86_400
"""A hundred years: a time of a rehearsal has to be a date."""

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
    and any other action null. `asks` is the inquiry that the action makes before it ends, in the fields of Attune's
    request; its `id` is the number, by default 1. Such an action returns {inquiry_id} without `result`. Without
    `status`, core.fail fails and any other action succeeds.
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
    asks: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET

    def wanted(self) -> tuple[tuple[int, Any], ...]:
        """Return the keys of the rule, each as its position in an `Attempt` and the value there."""
        given = ((place, getattr(self, key)) for place, key in enumerate(KEYS))
        return tuple((place, value) for place, value in given if value is not msgspec.UNSET)


def number_asked(rule: Rule) -> Any:
    """Return the number of the inquiry that a rule lets an action make."""
    return 1 if isinstance(rule.asks, msgspec.UnsetType) else rule.asks.get("id", 1)


class InquiryAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer of someone to the question that a task asks.

    `item` is the index of the item that asks, or None for a task without items. `by` is the name of who answers, and
    `role` what that person may do. Without `by`, a program answers, which may answer every question.
    """

    task: str
    response: Any
    item: int | None = None
    by: str | None = None
    role: Role = "operator"


class SentEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event from outside, for the runs that wait for it and the rules that answer it."""

    type: str
    payload: Any = None


class Control(msgspec.Struct, frozen=True):
    """A request, an answer or an event during a rehearsal.

    It comes just before the completion of a number, from 1, is handled, or `at` some seconds from the start. Ends and
    timers of the same time come first.
    """

    before_completion: int | None = None
    request: Request | None = None
    at: float | None = None
    answer: InquiryAnswer | None = None
    event: SentEvent | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` unless the control says once when it comes, and once what it is."""
        if (self.before_completion is None) == (self.at is None):
            raise ValueError("a control must have either `before_completion` or `at`")
        if sum(each is not None for each in (self.request, self.answer, self.event)) != 1:
            raise ValueError("a control must have one of `request`, `answer` and `event`")
        if self.at is not None and not 0 <= self.at <= MAX_AT_SECONDS:
            raise ValueError(f"`at` must be from 0 to {MAX_AT_SECONDS:,} seconds (MAX_AT_SECONDS), got {self.at:,}")


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
