"""An evaluation tells that it is running, in both languages."""

from threading import get_ident
from typing import Any
from unittest import mock

import pytest

from stretto.definitions import read_workflow
from stretto.definitions.conductor import Conductor
from stretto.definitions.dialects import read_as_orquesta
from stretto.definitions.errors import ExpressionLimitExceeded
from stretto.definitions.expressions import evaluation_of, scope, stopped_error
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.model.parameters import bind

NATIVE = {
    "an expression": 'version: "1.0.0"\nvars: {x: "{{ [now()] }}"}\ntasks: [{name: a, action: core.noop}]',
    "a text": 'version: "1.0.0"\nvars: {x: "at {{ [now()] }}"}\ntasks: [{name: a, action: core.noop}]',
    "statements": 'version: "1.0.0"\nvars: {x: "{% if [now()] %}{% endif %}"}\ntasks: [{name: a, action: core.noop}]',
}
ORQUESTA = {
    "YAQL": "<% ctx().y + 1 %>",
    "Jinja": "{{ ctx().y + 1 }}",
    "a text": "at <% ctx().y + 1 %>",
    "an object": {"a": "<% ctx().y + 1 %>"},
}


def test_a_thread_that_has_evaluated_nothing_is_not_known() -> None:
    """Whatever other threads do."""
    assert evaluation_of(-1) is None


def found_in(conductor: Conductor, owner: Any, name: str) -> ExpressionLimitExceeded:
    """Return the error of the evaluation in which a function is called, as of one that was stopped."""
    found: list[Any] = []

    def look(*_arguments: Any) -> Any:
        found.append(evaluation_of(get_ident()))
        raise ValueError("seen")

    with mock.patch.object(owner, name, look):
        conductor.begin()
    assert evaluation_of(get_ident()) is None
    assert found
    assert all(evaluation[0] is found[0][0] for evaluation in found)
    return stopped_error(found[0], 2.0)


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
