"""The matches of an event: the answer of each rule in force that listens to it."""

from collections.abc import Callable
from typing import Final

from stretto.actors.dispatch import Guard, Overran, Unguarded
from stretto.actors.journal import Match
from stretto.actors.outcome import new_run_id
from stretto.definitions.data import weigh
from stretto.definitions.rules import (
    MAX_EVENT_DEPTH,
    NO_RULES,
    NO_SURROUNDINGS,
    Event,
    Rule,
    RuleIndex,
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


class Matcher:
    """Matches events with the rules in force. Thread-safe: the rules are replaced as a whole.

    Args:
        guard: Breaks off evaluations that take too long.
        surroundings: What rules read beside the event.
        make_run_id: Returns the id of a run to start.

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
    ) -> None:
        self.rules: RuleIndex = NO_RULES
        self.surroundings = surroundings
        self.is_disabled: Callable[[str], bool] = lambda _ref: False
        self._guard = Unguarded() if guard is None else guard
        self._make_run_id = make_run_id

    def matches(self, event: Event) -> tuple[Match, ...]:
        """Return the answer of each rule to an event, with the rendered inputs or the error."""
        rules = self.rules.candidates(event)
        if not rules:
            return ()
        try:
            return self._guard.call(self._matched, event, rules)
        except Overran:
            # One by one, so that only the rule that takes too long has an error.
            return tuple(match for rule in rules for match in self._alone(event, rule))

    def _alone(self, event: Event, rule: Rule) -> tuple[Match, ...]:
        try:
            return self._guard.call(self._matched, event, (rule,))
        except Overran as overran:
            return (
                self._failed(event, rule, f"limit_exceeded: an expression was stopped after {overran.seconds:g} s"),
            )

    def _matched(self, event: Event, rules: tuple[Rule, ...]) -> tuple[Match, ...]:
        found: list[Match] = []
        room = MAX_INPUT_BYTES
        for rule in rules:
            if answers(rule, event, self.surroundings) and not self.is_disabled(rule.ref):
                answer = self._answer(event, rule)
                room -= weigh(answer.inputs)
                found.append(answer if room >= 0 else self._failed(event, rule, TOO_LARGE))
        return tuple(found)

    def _answer(self, event: Event, rule: Rule) -> Match:
        if event.depth >= MAX_EVENT_DEPTH:
            return self._failed(event, rule, TOO_DEEP)
        rendered = render(rule, event, self.surroundings)
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
