"""The budget that all expressions of one event share."""

import pytest

from stretto.definitions import ExpressionError
from stretto.definitions.expressions import UNRECORDED_LIMITS, ExpressionLimits, Moment, Scope, Template
from stretto.definitions.expressions.base.bounds import OutOfFuel
from stretto.definitions.expressions.base.budget import Budget
from stretto.definitions.expressions.base.limits import (
    ITEM_BYTES,
    ITEM_UNITS,
    PORTION_UNITS,
    RENDERED_ITEM_UNITS,
)
from tests.support import evaluating, evaluating_orquesta

LIMITS = ExpressionLimits(20_000, 70_000)
LOOP = "{% for i in range(400) %}{% set x = i %}{% endfor %}"


def test_evaluations_share_it() -> None:
    """Each has its own limit, and together they have twice that."""
    budget = Budget(LIMITS)
    for _ in range(2):
        budget.fuel().burn(20_000)
    assert budget.spent() == 40_000
    with pytest.raises(OutOfFuel, match="the event's budget"):
        budget.fuel().burn(1)


def test_new_memory_is_shared_too() -> None:
    """Twice the limit of one evaluation."""
    budget = Budget(LIMITS)
    for _ in range(2):
        budget.fuel().make(70_000)
    with pytest.raises(OutOfFuel, match=r"the event's budget .*expressions\.max_bytes"):
        budget.fuel().make(1)


def use(budget: Budget, units: int, size: int = 0) -> None:
    """Evaluate something as the input of an item."""
    budget.begin_item()
    try:
        fuel = budget.fuel()
        fuel.burn(units)
        fuel.make(size)
    finally:
        budget.end_item()


def test_rendered_items_add_to_it() -> None:
    """The inputs of many items cost more than those of one: their addition is used up first."""
    budget = Budget(LIMITS)
    budget.add_items(10)
    for _ in range(10):
        use(budget, ITEM_UNITS, ITEM_BYTES)
    for _ in range(2):
        use(budget, 20_000, 70_000)
    with pytest.raises(OutOfFuel, match="the event's budget"):
        use(budget, 1)
    with pytest.raises(OutOfFuel, match="the event's budget"):
        use(budget, 0, 1)


def test_only_items_use_what_items_add() -> None:
    """The settings of a task with many items, and other tasks of the same event, have what they have without."""
    budget = Budget(LIMITS)
    budget.add_items(1_000)
    use(budget, 20_000)
    for _ in range(2):
        budget.fuel().burn(20_000)
    with pytest.raises(OutOfFuel, match="the event's budget"):
        budget.fuel().burn(1)
    use(budget, 20_000)


def test_one_item_has_no_more_than_an_event() -> None:
    """However many there are: nothing can be paused within an item."""
    budget = Budget(LIMITS)
    budget.add_items(1_000)
    budget.begin_item()
    for _ in range(2):
        budget.fuel().burn(20_000)
    with pytest.raises(OutOfFuel, match="the event's budget"):
        budget.fuel().burn(1)
    budget.end_item()
    use(budget, 20_000)


def test_a_portion_is_used_after_some_work_or_many_items() -> None:
    """Then rendering pauses. What came before the first item counts."""
    budget = Budget(ExpressionLimits())
    budget.add_items(1)
    budget.fuel().burn(PORTION_UNITS)
    assert budget.portion_is_used()
    budget.begin_portion()
    for _ in range(PORTION_UNITS // RENDERED_ITEM_UNITS - 1):
        use(budget, 0)
    assert not budget.portion_is_used()
    use(budget, 0)
    assert budget.portion_is_used()
    budget.begin_portion()
    use(budget, PORTION_UNITS - RENDERED_ITEM_UNITS)
    assert budget.portion_is_used()
    assert budget.spent() == 2 * PORTION_UNITS - RENDERED_ITEM_UNITS


def test_a_run_from_before_has_none() -> None:
    """Its events ended as they ended: a replay must agree."""
    budget = Budget(UNRECORDED_LIMITS)
    for _ in range(10):
        budget.fuel().burn(5_000_000)


NATIVE = evaluating.compiled(LOOP), evaluating.compiled("{{ workflow.text * 30 }}")
ORQUESTA = evaluating_orquesta.compiled(LOOP), evaluating_orquesta.compiled("<% ctx(text) * 30 %>")


def evaluate_again_and_again(template: Template, scope: Scope, moment: Moment) -> None:
    for _ in range(200):
        template.evaluate(scope, moment)


COST, BYTES = ExpressionLimits(max_cost=20_000), ExpressionLimits(max_bytes=70_000)


@pytest.mark.parametrize(
    ("template", "limits", "limit"),
    [
        (NATIVE[0], COST, "max_cost"),
        (NATIVE[1], BYTES, "max_bytes"),
        (ORQUESTA[0], COST, "max_cost"),
        (ORQUESTA[1], BYTES, "max_bytes"),
    ],
)
def test_the_expressions_of_a_moment_share_it_in_both_languages(
    template: Template, limits: ExpressionLimits, limit: str
) -> None:
    """The first evaluation succeeds, a later one is out of the event's budget."""
    scope, moment = evaluating.snapshot_of({"text": "x" * 1_000}), Moment(0.0, "seed", limits=limits)
    template.evaluate(scope, moment)
    with pytest.raises(ExpressionError, match=rf"the event's budget .*expressions\.{limit}") as caught:
        evaluate_again_and_again(template, scope, moment)
    assert caught.value.code == "limit_exceeded"
    assert caught.value.place.line == 1


def test_long_texts_of_plain_values_are_paid_for() -> None:
    """Also those that are put together without Jinja."""
    scope, moment = evaluating.snapshot_of({"text": "x" * 20_000}), Moment(0.0, "seed", limits=LIMITS)
    template = evaluating.compiled("{{ workflow.text }}{{ workflow.text }}")
    for _ in range(3):
        template.evaluate(scope, moment)
    with pytest.raises(ExpressionError, match="the event's budget"):
        template.evaluate(scope, moment)


def test_json_between_text_is_paid_for() -> None:
    """An object in a text is written as JSON."""
    scope, moment = evaluating.snapshot_of({"list": ["x" * 100] * 300}), Moment(0.0, "seed", limits=LIMITS)
    template = evaluating.compiled("a {{ workflow.list }}")
    with pytest.raises(ExpressionError, match="the event's budget"):
        evaluate_again_and_again(template, scope, moment)


def test_an_evaluation_without_a_fuel_pays_all_or_nothing() -> None:
    """It may use what is left to the event, but no more than one evaluation."""
    budget = Budget(LIMITS)
    assert not budget.pays(20_001, 0)
    assert not budget.pays(0, 70_001)
    assert budget.pays(20_000, 70_000)
    budget.fuel().burn(19_000)
    assert not budget.pays(1_001, 0)
    assert budget.pays(1_000, 70_000)
    assert budget.spent() == 40_000
    assert not budget.pays(1, 0)
    assert not budget.pays(0, 1)


def test_an_item_pays_without_a_fuel_what_items_add_first() -> None:
    """As with one."""
    budget = Budget(LIMITS)
    budget.add_items(1)
    budget.begin_item()
    assert budget.pays(ITEM_UNITS, ITEM_BYTES)
    budget.end_item()
    for _ in range(2):
        assert budget.pays(20_000, 70_000)
    assert not budget.pays(1, 0)
