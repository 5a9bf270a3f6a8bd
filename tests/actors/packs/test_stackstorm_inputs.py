"""Defaults with expressions in them."""

import pytest

from stretto.actors.actions import ActionFailed
from stretto.actors.packs.stackstorm.inputs import Inputs
from stretto.actors.packs.stackstorm.schema import PREFIX
from stretto.definitions.errors import Finding, Place
from stretto.definitions.expressions import Site, Template, compile_text
from stretto.definitions.model.workflow import Parameter

PLACE = Place("action.yaml", 1, 1)


def inputs(**defaults: str) -> Inputs:
    """Return parameters of any type, all with a default that is an expression; `P_` begins another one's name."""
    found: list[Finding] = []
    computed: dict[str, Template] = {
        name: compile_text(default.replace("P_", PREFIX), lambda _: PLACE, Site(), found.append)
        for name, default in defaults.items()
    }
    assert not found
    return Inputs({name: Parameter(name, "any", PLACE) for name in defaults}, computed)


def test_a_default_reads_other_parameters() -> None:
    """What was given, and what is a default itself, in whatever order they stand."""
    assert inputs(a="<{{ P_b }}>", b="{{ P_c }}", c="{{ [P_d] }}", d="{{ 1 }}").complete({"d": 2}) == {
        "a": "<[2]>", "b": [2], "c": [2], "d": 2,
    }  # fmt: skip


def test_a_default_that_fails_is_told_with_what_went_wrong() -> None:
    """The one that fails is named, and not taken for one that leads to itself."""
    with pytest.raises(ActionFailed, match="has no field 'nope'") as caught:
        inputs(a="{{ P_b }}", b="{{ P_c.nope }}", c="{{ {} }}").complete({})
    assert "leads to itself" not in str(caught.value)


def test_a_default_that_leads_to_itself_is_told() -> None:
    """It is the one at which the circle closes that is named."""
    with pytest.raises(ActionFailed, match="the default of 'a' leads to itself"):
        inputs(a="{{ P_b }}", b="{{ P_a }}").complete({})
