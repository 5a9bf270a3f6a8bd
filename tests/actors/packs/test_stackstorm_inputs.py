"""Defaults with expressions."""

import pytest

from stretto.actors.actions import ActionFailed
from stretto.actors.packs.stackstorm.inputs import Inputs
from stretto.actors.packs.stackstorm.schema import PREFIX
from stretto.definitions.errors import Finding, Place
from stretto.definitions.expressions import Site, Template, compile_text
from stretto.definitions.model.workflow import Parameter

PLACE = Place("action.yaml", 1, 1)


def inputs(**defaults: str) -> Inputs:
    """Return parameters of any type, whose defaults are expressions. `P_` stands for the prefix of parameters."""
    found: list[Finding] = []
    computed: dict[str, Template] = {
        name: compile_text(default.replace("P_", PREFIX), lambda _: PLACE, Site(), found.append)
        for name, default in defaults.items()
    }
    assert not found
    return Inputs({name: Parameter(name, "any", PLACE) for name in defaults}, computed)


def test_a_default_reads_other_parameters() -> None:
    """It reads given values and other defaults, in any order."""
    assert inputs(a="<{{ P_b }}>", b="{{ P_c }}", c="{{ [P_d] }}", d="{{ 1 }}").complete({"d": 2}) == {
        "a": "<[2]>", "b": [2], "c": [2], "d": 2,
    }  # fmt: skip


def test_a_failing_default_is_reported_with_its_reason() -> None:
    """The error names the failing default, and does not call it circular."""
    with pytest.raises(ActionFailed, match="has no field 'nope'") as caught:
        inputs(a="{{ P_b }}", b="{{ P_c.nope }}", c="{{ {} }}").complete({})
    assert "leads to itself" not in str(caught.value)


def test_a_circular_default_is_reported() -> None:
    """The error names the default that closes the circle."""
    with pytest.raises(ActionFailed, match="the default of 'a' depends on itself"):
        inputs(a="{{ P_b }}", b="{{ P_a }}").complete({})
