"""The inputs of a run request are bound within a limit of time."""

import pytest

from stretto.actors.dispatch import Unguarded
from stretto.actors.runs import bind_inputs
from stretto.definitions import read_workflow
from stretto.definitions.errors import InvalidInput, LimitExceeded
from tests.support.guards import BreaksOff

WORKFLOW = read_workflow(
    'version: "1.0.0"\nref: tests.w\nparameters: {n: {type: integer}}\ntasks: [{name: a, action: core.noop}]', "w.yaml"
)


def test_inputs_are_bound_or_refused() -> None:
    """As without a guard."""
    assert bind_inputs(Unguarded(), WORKFLOW, {"n": 1}) == {"n": 1}
    with pytest.raises(InvalidInput):
        bind_inputs(Unguarded(), WORKFLOW, {"n": "one"})


def test_a_check_that_takes_too_long_is_refused() -> None:
    """The error names the workflow, the limit and the fix."""
    message = "the check of the inputs of tests.w was stopped because it took longer than its limit of 2 s"
    with pytest.raises(LimitExceeded, match=f"{message}; submit smaller inputs"):
        bind_inputs(BreaksOff(), WORKFLOW, {"n": 1})
