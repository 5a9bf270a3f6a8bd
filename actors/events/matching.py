"""The matches of an event: the answer of each rule in force that listens to it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from stretto.actors.dispatch import Guard, Overran, Unguarded
from stretto.actors.journal import Match
from stretto.actors.outcome import new_run_id
from stretto.definitions.data import weigh
from stretto.definitions.rules import (
    MAX_EVENT_DEPTH,
    MAX_MATCH_UNITS,
    NO_RULES,
    NO_SURROUNDINGS,
    Event,
    Rule,
    RuleIndex,
    Spending,
    Surroundings,
    answers,
    render,
)

TOO_DEEP: Final = (
    f"limit_exceeded: a chain of events and runs must have at most {MAX_EVENT_DEPTH} runs (MAX_EVENT_DEPTH)"
)

MAX_INPUT_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the inputs of all runs that one event starts. Each rule may pass the whole payload on."""
TOO_LARGE: Final = (
    f"limit_exceeded: the inputs of all runs of one event must have at most {MAX_INPUT_BYTES:,} bytes (MAX_INPUT_BYTES)"
)

_UNITS_A_SECOND: Final = 10_000_000
"""A unit of work is about 0.1 us."""


def _too_slow(most: int) -> str:
    return (
        f"limit_exceeded: the rules before this one have used the {most:,} units of work that the rules of one event "
        "may use (events.max_match_units), so it was not asked; make them simpler, then replay the event"
    )


class _Matched(NamedTuple):
    """The answers of rules to an event, and what all rules so far have used.

    Attributes:
        matches: The answers.
        units: The units of work.
        size: The bytes of their inputs.
    """

    matches: tuple[Match, ...] = ()
    units: int = 0
    size: int = 0


class Matcher:
    """Matches events with the rules in force. Thread-safe: the rules are replaced as a whole.

    Args:
        guard: Breaks off evaluations that take too long.
        surroundings: What rules read beside the event.
        make_run_id: Returns the id of a run to start.
        most_units: Units of work of all rules that one event is matched with.

    Attributes:
        rules: The rules in force.
        surroundings: As given.
        is_disabled: Returns whether someone has disabled the rule with a ref. Called on any thread.
    """

    def __init__(
        self,
        guard: Guard | None = None,
        surroundings: Surroundings = NO_SURROUNDINGS,
        make_run_id: Callable[[], str] = new_run_id,
        most_units: int = MAX_MATCH_UNITS,
    ) -> None:
        self.rules: RuleIndex = NO_RULES
        self.surroundings = surroundings
        self.is_disabled: Callable[[str], bool] = lambda _ref: False
        self._guard = Unguarded() if guard is None else guard
        self._make_run_id = make_run_id
        self._most_units = most_units

    def matches(self, event: Event) -> tuple[Match, ...]:
        """Return the answer of each rule to an event, with the rendered inputs or the error."""
        rules = self.rules.candidates(event)
        if not rules:
            return ()
        try:
            return self._guard.call(self._matched, event, rules, _Matched()).matches
        except Overran:
            # One by one, so that only the rule that takes too long has an error.
            found = _Matched()
            for rule in rules:
                found = self._alone(event, rule, found)
            return found.matches

    def _alone(self, event: Event, rule: Rule, before: _Matched) -> _Matched:
        try:
            return self._guard.call(self._matched, event, (rule,), before)
        except Overran as overran:
            error = f"limit_exceeded: an expression was stopped after {overran.seconds:g} s"
            used = before.units + int(overran.seconds * _UNITS_A_SECOND)
            return _Matched((*before.matches, self._failed(event, rule, error)), used, before.size)

    def _matched(self, event: Event, rules: tuple[Rule, ...], before: _Matched) -> _Matched:
        found, size, spending = list(before.matches), before.size, Spending(before.units)
        for rule in rules:
            if spending.units >= self._most_units:
                if not self.is_disabled(rule.ref):
                    found.append(self._failed(event, rule, _too_slow(self._most_units)))
            elif answers(rule, event, self.surroundings, spending) and not self.is_disabled(rule.ref):
                answer = self._answer(event, rule, spending)
                size += weigh(answer.inputs)
                found.append(answer if size <= MAX_INPUT_BYTES else self._failed(event, rule, TOO_LARGE))
        return _Matched(tuple(found), spending.units, size)

    def _answer(self, event: Event, rule: Rule, spending: Spending) -> Match:
        if event.depth >= MAX_EVENT_DEPTH:
            return self._failed(event, rule, TOO_DEEP)
        rendered = render(rule, event, self.surroundings, spending)
        return Match(
            event=event.id, rule=rule.ref, target=rule.target, run_id=self._make_run_id(), inputs=rendered.inputs,
            secret=rendered.secret, error=rendered.error, dialect=rule.dialect, fixed=rule.fixed,
            origin=event.origin, depth=event.depth + 1,
        )  # fmt: skip

    def _failed(self, event: Event, rule: Rule, error: str) -> Match:
        return Match(
            event=event.id, rule=rule.ref, target=rule.target, run_id=self._make_run_id(), inputs=None, error=error,
            dialect=rule.dialect, origin=event.origin, depth=event.depth + 1,
        )  # fmt: skip
