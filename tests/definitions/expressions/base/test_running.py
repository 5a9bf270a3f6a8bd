"""The evaluation that a thread runs is found by its frames, in both languages."""

import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from stretto.definitions import read_workflow
from stretto.definitions.conductor import Conductor
from stretto.definitions.dialects import read_as_orquesta
from stretto.definitions.errors import ExpressionLimitExceeded
from stretto.definitions.expressions import evaluation_in, scope, stopped_error
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.model.parameters import bind

if TYPE_CHECKING:
    from types import FrameType

NATIVE = {
    "an expression": 'version: "1.0.0"\nvars: {x: "{{ [now()] }}"}\ntasks: [{name: a, action: core.noop}]',
    "a text": 'version: "1.0.0"\nvars: {x: "at {{ [now()] }}"}\ntasks: [{name: a, action: core.noop}]',
    "statements": 'version: "1.0.0"\nvars: {x: "{% if [now()] %}{% endif %}"}\ntasks: [{name: a, action: core.noop}]',
}
ORQUESTA = {
    "YAQL": "<% ctx().y %>",
    "Jinja": "{{ ctx().y }}",
    "a text": "at <% ctx().y %>",
    "an object": {"a": "<% ctx().y %>"},
}


def test_no_evaluation_is_in_progress() -> None:
    """Nor in no frame at all."""
    assert evaluation_in(sys._getframe()) is None
    assert evaluation_in(None) is None


def found_in(conductor: Conductor, owner: Any, name: str) -> ExpressionLimitExceeded:
    """Return the error of the evaluation in which a function is called, as of one that was stopped."""
    frames: list[FrameType | None] = []

    def look(*_arguments: Any) -> Any:
        frames.append(evaluation_in(sys._getframe()))
        raise ValueError("seen")

    with mock.patch.object(owner, name, look):
        conductor.begin()
    (frame,) = set(frames)
    assert frame is not None
    return stopped_error(frame, 2.0)


@pytest.mark.parametrize("text", NATIVE.values(), ids=NATIVE.keys())
def test_a_native_expression_is_named(text: str) -> None:
    """By its source and its place."""
    workflow = read_workflow(text, "w.yaml")
    conductor = Conductor(workflow, "run", bind(workflow, {}), 0.0)
    error = found_in(conductor, scope._RESOLVABLE["now"], "call")
    assert "[now()]" in error.expression
    assert (error.place.file, error.place.line) == ("w.yaml", 2)
    assert error.reason == "the evaluation was stopped because it took longer than its limit of 2 s"


@pytest.mark.parametrize("value", ORQUESTA.values(), ids=ORQUESTA.keys())
def test_an_expression_of_orquesta_is_named(value: Any) -> None:
    """As in the native dialect."""
    text = f'version: "1.0"\nvars: [{{y: 1}}, {{x: {value!r}}}]\ntasks: {{a: {{action: core.noop}}}}'
    workflow = read_as_orquesta(text, "w.yaml").workflow
    assert workflow is not None
    conductor = Conductor(workflow, "run", bind(workflow, {}), 0.0)
    error = found_in(conductor, Evaluation, "variables")
    assert "ctx().y" in error.expression
    assert (error.place.file, error.place.line) == ("w.yaml", 2)


def test_an_input_that_is_an_expression_is_named() -> None:
    """It is the parameter whose text is evaluated."""
    text = 'version: "1.0"\ninput: [x]\ntasks: {a: {action: core.noop}}'
    workflow = read_as_orquesta(text, "w.yaml").workflow
    assert workflow is not None
    conductor = Conductor(workflow, "run", bind(workflow, {"x": "<% ctx().y %>"}), 0.0)
    error = found_in(conductor, Evaluation, "variables")
    assert (error.expression, error.place.line) == ("", 2)
