"""A rule answers an event, or not, with inputs that the event decides."""

from typing import Any

import pytest

from stretto.definitions.context import Mask, ReadKey, RunEnvironment
from stretto.definitions.data import freeze
from stretto.definitions.rules import Surroundings, answers, judge, render
from tests.support.events import event, rule
from tests.support.recording import data


@pytest.mark.parametrize(
    ("payload", "expected"),
    [({"status": "firing"}, True), ({"status": "resolved"}, False), ({}, False), (None, False), ([], False)],
)
def test_a_rule_answers_an_event_that_meets_its_condition(payload: Any, expected: bool) -> None:
    """A condition that cannot be evaluated is not met."""
    assert answers(rule(), event(payload)) is expected


def test_inputs_are_rendered_with_their_types() -> None:
    """A single expression keeps the type of its value."""
    read = rule(
        "on: alert\nrun: a.b\ninput: {n: '{{ payload.n }}', text: 'n is {{ payload.n }}', of: '{{ event.type }}'}"
    )
    rendered = render(read, event({"n": 5}))
    assert rendered.inputs == {"n": 5, "text": "n is 5", "of": "alert"}
    assert not rendered.secret
    assert rendered.error is None


def test_inputs_that_cannot_be_rendered_are_an_error_with_its_place() -> None:
    """It names the expression."""
    rendered = render(rule(), event({"status": "firing"}))
    assert rendered.inputs is None
    assert rendered.error is not None
    assert rendered.error.startswith("rule.yaml:4:16: ")


def test_inputs_with_a_secret_are_secret() -> None:
    """A secret key and the keystore are read, and marked."""
    read = rule("on: alert\nrun: a.b\ninput: {token: '{{ kv.token }}'}")
    surroundings = Surroundings(keys=lambda place, _at: ReadKey(place, 3, "hunter2", secret=True))
    assert render(read, event(), surroundings).secret
    read = rule("on: alert\nrun: a.b\ninput: {token: 'Bearer {{ keystore.token }}'}")
    keystore = data({"token": "hunter2"})
    environment = RunEnvironment(keystore=keystore, mask=Mask(["hunter2"]))
    rendered = render(read, event(), Surroundings(environment_of=lambda _rule: environment))
    assert rendered.secret
    assert rendered.inputs == {"token": "Bearer hunter2"}


def test_each_criterion_is_judged() -> None:
    """With what the event has, and why it cannot be evaluated."""
    judged = judge(rule(), event({"host": "web-1"}))
    assert [(each.text, each.held) for each in judged] == [("event alert", True), ("payload.status == 'firing'", False)]
    assert "status" in judged[1].problem
    assert [each.held for each in judge(rule(), event({"status": "firing"}, type="other"))] == [False, True]


def test_a_rule_asks_for_the_parameters_of_a_trigger() -> None:
    """Those that the event has besides do not matter."""
    read = rule()
    object.__setattr__(read, "parameters", freeze({"url": "a"}))
    payload = {"status": "firing"}
    assert answers(read, event(payload, parameters=freeze({"url": "a", "more": 1})))
    assert not answers(read, event(payload, parameters=freeze({"url": "b"})))
    assert not answers(read, event(payload))


def test_the_secret_configuration_of_a_pack_is_secret_in_a_rule_of_attunes() -> None:
    """As `config` is in the other languages."""
    read = rule(
        "trigger_ref: alert\naction_ref: a.b\n"
        "action_params: {token: '{{ pack.config.token }}', open: '{{ pack.config.url }}'}"
    )
    environment = RunEnvironment(
        config=data({"token": "hunter2", "url": "u"}), secret_config=frozenset({"token"}), mask=Mask(["hunter2"])
    )
    rendered = render(read, event(), Surroundings(environment_of=lambda _rule: environment))
    assert rendered.inputs == {"token": "hunter2", "open": "u"}
    assert rendered.secret
    assert "hunter2" not in str(rendered.shown)
