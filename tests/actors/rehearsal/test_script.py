"""Rules that say how tries end."""

import msgspec
import pytest

from stretto.actors.rehearsal.script import Attempt, Rule, Script
from stretto.definitions.data import freeze, object_of
from stretto.definitions.errors import NotData

INPUT = object_of({"url": "https://db", "json": freeze({"a": [1], "b": 2}), "timeout": 1})
TRY = Attempt(workflow="ops.w", action="core.http", task="check", visit=2, attempt=1, item=3, route=0, input=INPUT)


@pytest.mark.parametrize(
    ("key", "agrees", "differs"),
    [
        ("workflow", "ops.w", "ops.v"),
        ("action", "core.http", "core.echo"),
        ("task", "check", "chek"),
        ("visit", 2, 1),
        ("attempt", 1, 2),
        ("item", 3, None),
        ("route", 0, 1),
        ("input", {"url": "https://db"}, {"url": "https://web"}),
        ("input", {"json": {"b": 2, "a": [1]}, "timeout": 1}, {"url": "https://db", "json": {"a": [1]}}),
        ("input", {}, {"method": "GET"}),
        ("input", {"timeout": 1}, {"timeout": True}),
    ],
)
def test_a_rule_matches_by_every_key_that_it_has(key: str, agrees: object, differs: object) -> None:
    """A key that it does not have matches all."""
    assert Script([msgspec.convert({key: agrees}, Rule)]).rule_for(TRY) is not None
    assert Script([msgspec.convert({key: differs}, Rule)]).rule_for(TRY) is None
    assert Script([msgspec.convert({key: agrees, "task": "another"}, Rule)]).rule_for(TRY) is None


def test_an_item_given_as_null_is_a_task_without_items() -> None:
    """Left out, it is any."""
    rule = Rule(item=None)
    assert Script([rule]).rule_for(TRY._replace(item=None)) is rule
    assert Script([rule]).rule_for(TRY) is None


def test_the_first_rule_that_matches_wins_and_the_others_stay_unused() -> None:
    """A rule is used only if some try got it."""
    script = Script([Rule(task="no"), Rule(result="first"), Rule(result="second")])
    found = script.rule_for(TRY)
    assert found is not None
    assert found.result == "first"
    assert list(script.unused()) == [0, 2]


def test_a_result_that_no_action_could_give_is_refused() -> None:
    """The rule is named."""
    with pytest.raises(NotData, match="the result of rule 2"):
        Script([Rule(), Rule(result=2**70)])
