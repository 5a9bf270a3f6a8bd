"""Each rule in force that listens to an event answers it once."""

from stretto.actors.events import Matcher
from stretto.actors.events.matching import MAX_INPUT_BYTES, TOO_DEEP, TOO_LARGE
from stretto.definitions.rules import MAX_EVENT_DEPTH, RuleIndex
from tests.support.events import RULE, event, rule


def matcher(*texts: str) -> Matcher:
    made = Matcher()
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
