"""Each rule in force that listens to an event answers it once."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, TypeVarTuple

from stretto.actors.dispatch import Guard, Overran, Unguarded
from stretto.actors.events import Matcher
from stretto.actors.events.matching import MAX_INPUT_BYTES, TOO_DEEP, TOO_LARGE
from stretto.definitions.expressions import ExpressionLimits
from stretto.definitions.rules import MAX_EVENT_DEPTH, MAX_MATCH_UNITS, RuleIndex, Surroundings
from tests.support.events import RULE, event, rule

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def matcher(*texts: str, guard: Guard | None = None, most_units: int = MAX_MATCH_UNITS) -> Matcher:
    made = Matcher(guard, most_units=most_units)
    rules = [rule(text) for text in texts]
    made.rules = RuleIndex({each.ref: each for each in rules})
    return made


def test_several_rules_answer_one_event() -> None:
    """Each with a run of its own."""
    found = matcher(RULE, RULE + "ref: other", RULE.replace("firing", "resolved") + "ref: no").matches(
        event({"status": "firing", "host": "web-1"})
    )
    assert [(each.rule, each.inputs, each.error) for each in found] == [
        ("rule", {"host": "web-1"}, None), ("other", {"host": "web-1"}, None),
    ]  # fmt: skip
    assert len({each.run_id for each in found}) == 2
    assert {each.depth for each in found} == {1}


def test_an_answer_without_inputs_has_an_error() -> None:
    """The other rules answer all the same."""
    found = matcher(RULE, RULE.replace("payload.host", "payload.status") + "ref: other").matches(
        event({"status": "firing"})
    )
    assert [each.inputs for each in found] == [None, {"host": "firing"}]
    assert found[0].error is not None


def test_a_chain_of_events_and_runs_ends() -> None:
    """The run at the bound is not started, with the reason."""
    payload = {"status": "firing", "host": "a"}
    made = matcher(RULE)
    assert [each.error for each in made.matches(event(payload, depth=MAX_EVENT_DEPTH - 1))] == [None]
    assert [each.error for each in made.matches(event(payload, depth=MAX_EVENT_DEPTH))] == [TOO_DEEP]


def test_a_rule_of_another_type_is_not_looked_at() -> None:
    """Nor is one that is disabled."""
    assert matcher(RULE).matches(event({"status": "firing"}, type="other")) == ()
    assert matcher(RULE + "enabled: false").matches(event({"status": "firing", "host": "a"})) == ()


def test_the_inputs_of_all_runs_of_an_event_have_a_bound() -> None:
    """Else a hundred rules could make a hundred copies of one large payload durable."""
    passing = "on: alert\nrun: a.b\ninput: {all: '{{ payload }}'}\nref: "
    found = matcher(*(f"{passing}r{number}" for number in range(20))).matches(event("x" * (MAX_INPUT_BYTES // 17)))
    assert [each.error for each in found] == [None] * 16 + [TOO_LARGE] * 4
    assert found[-1].inputs is None


NOT_ASKED = "may use (events.max_match_units), so it was not asked"
SLOW = """
on: alert
run: a.b
input: {all: "{% for i in range(9999) %}{% for j in range(9999) %}{{ i * j }}{% endfor %}{% endfor %}"}
"""


def slow_matcher(*texts: str) -> Matcher:
    """Return a matcher whose expressions may use 20,000 units of work, and all rules of an event 100,000."""
    made = matcher(*texts, most_units=100_000)
    made.surroundings = Surroundings(limits=ExpressionLimits(max_cost=20_000))
    return made


def test_the_work_of_all_rules_of_an_event_has_a_bound() -> None:
    """Else the sender of an event would wait for each of a hundred slow rules, and give up."""
    texts = [f"{SLOW}ref: slow{number}\n" for number in range(6)]
    found = slow_matcher(RULE, *texts, RULE + "ref: then\n").matches(event({"status": "firing", "host": "a"}))
    errors = {each.rule: each.error or "" for each in found}
    assert errors["rule"] == ""
    assert all("max_cost" in errors[f"slow{number}"] for number in range(5))
    assert [NOT_ASKED in errors[each] for each in ("slow5", "then")] == [True, True]


def test_the_criteria_of_rules_count_as_well() -> None:
    """A disabled rule has no error, because it would not have answered."""
    slow = "on: {event: alert, when: 'range(5000) | sum < 0'}\nrun: a.b\nref: slow"
    made = slow_matcher(*(f"{slow}{number:02}" for number in range(40)), RULE + "ref: then\n", RULE + "ref: unasked\n")
    made.is_disabled = lambda ref: ref == "unasked"
    found = made.matches(event({"status": "firing", "host": "a"}))
    assert found[-1].rule == "then"
    assert len(found) < 40
    assert all(NOT_ASKED in (each.error or "") for each in found)


class Overrunning(Unguarded):
    """Breaks off each call that has more than one rule, and each one with a rule named `slow`."""

    def call(self, function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
        given: Sequence[Any] = arguments
        rules = given[1]
        if len(rules) > 1 or rules[0].ref.startswith("slow"):
            raise Overran(2.0, None)
        return function(*arguments)


def test_rules_that_are_broken_off_count_as_well() -> None:
    """Each has used its two seconds. A second is ten million units of work."""
    texts = [f"{RULE}ref: slow{number}\n" for number in range(2)]
    made = matcher(RULE, *texts, RULE + "ref: then\n", guard=Overrunning(), most_units=40_000_000)
    found = made.matches(event({"status": "firing", "host": "a"}))
    stopped = "limit_exceeded: an expression was stopped after 2 s"
    assert [each.error for each in found][:-1] == [None, stopped, stopped]
    assert NOT_ASKED in (found[-1].error or "")


def test_inputs_of_rules_that_are_asked_one_by_one_have_the_same_bound() -> None:
    """The rule that takes too long does not free the others of it."""
    passing = "on: alert\nrun: a.b\ninput: {all: '{{ payload }}'}\nref: "
    texts = [f"{passing}r{number:02}" for number in range(20)]
    found = matcher(*texts, guard=Overrunning()).matches(event("x" * (MAX_INPUT_BYTES // 17)))
    assert [each.error for each in found] == [None] * 16 + [TOO_LARGE] * 4
