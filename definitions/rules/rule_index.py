"""The rules in force, found by the type of an event and by one text that it must have."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from stretto.definitions.data import FrozenDict
from stretto.definitions.rules.event import Event, RuleDialect
from stretto.definitions.rules.rule import Rule

_Placed: TypeAlias = list[tuple[int, Rule]]
"""Rules, each with its place among all of its type."""
_Path: TypeAlias = tuple[str, ...]
_PARAMETERS: Final = "parameters"
_PAYLOADS: Final[Mapping[RuleDialect, str]] = {"native": "payload", "attune": "payload", "stackstorm": "trigger"}
"""The name of the payload in each language of rules."""


class _OfType:
    """The enabled rules for one type of events."""

    __slots__ = ("by_text", "open", "rules")

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.open: _Placed = []
        """Those that may answer any event."""
        self.by_text: dict[_Path, dict[str, _Placed]] = {}
        """The others, by the field that must have a text, and that text."""

    def add(self, rule: Rule) -> None:
        place, required = len(self.rules), _required(rule)
        self.rules.append(rule)
        if required is None:
            self.open.append((place, rule))
        else:
            path, text = required
            self.by_text.setdefault(path, {}).setdefault(text, []).append((place, rule))

    def candidates(self, event: Event) -> tuple[Rule, ...]:
        found = self.open
        for path, by_text in self.by_text.items():
            text = _text_at(path, event)
            if text is not None and text in by_text:
                found = [*found, *by_text[text]]
        if found is not self.open:
            found.sort(key=lambda each: each[0])
        return tuple(rule for _place, rule in found)


class RuleIndex:
    """The rules in force, by the type of the events that they answer. It never changes.

    Attributes:
        rules: All of them, by name.
        by_event: Those that are enabled, by the type of events.
    """

    __slots__ = ("_of_types", "by_event", "rules")

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        self._of_types: dict[str, _OfType] = {}
        for rule in rules.values():
            if rule.enabled:
                self._of_types.setdefault(rule.event, _OfType()).add(rule)
        self.by_event: Mapping[str, tuple[Rule, ...]] = {
            event: tuple(found.rules) for event, found in self._of_types.items()
        }

    def of(self, event: str) -> tuple[Rule, ...]:
        """Return the rules that listen to a type of events."""
        return self.by_event.get(event, ())

    def candidates(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules that listen to the type of an event, without those that ask for another text in a field."""
        of_type = self._of_types.get(event.type)
        return () if of_type is None else of_type.candidates(event)

    def disabled(self, event: str) -> list[Rule]:
        """Return the rules for a type of events that their files disable."""
        return [rule for rule in self.rules.values() if rule.event == event and not rule.enabled]

    def types(self) -> Iterable[str]:
        """Return the types that rules listen to."""
        return self.by_event.keys()


NO_RULES = RuleIndex({})


def _required(rule: Rule) -> tuple[_Path, str] | None:
    """Return a field of the event and the text that it must have, if the rule is known to ask for one."""
    for name, value in rule.wanted.items():
        if isinstance(value, str):
            return (_PARAMETERS, name), value
    for criterion in rule.criteria:
        required = criterion.required()
        if required is not None and required.path[0] == _PAYLOADS[rule.dialect] and len(required.path) > 1:
            return ("payload", *required.path[1:]), required.text
    return None


def _text_at(path: _Path, event: Event) -> str | None:
    value: Any = event.parameters if path[0] == _PARAMETERS else event.payload
    for name in path[1:]:
        if not isinstance(value, FrozenDict):
            return None
        value = value.get(name)
    return value if isinstance(value, str) else None
