"""Defaults with expressions of parameters of Orquesta workflows."""

from dataclasses import replace

import pytest

from stretto.definitions import freeze, thaw
from stretto.definitions.context import reads_keys
from stretto.definitions.dialects import read_as_orquesta, with_computed_defaults
from stretto.definitions.errors import Place
from stretto.definitions.model import Parameter, Workflow
from stretto.definitions.stored import from_stored, to_stored
from tests.support.driving import Drive

TEXT = """version: 1.0
input: [{a: 1}, b, {c: <% ctx(b) %>}]
tasks: {t: {action: x.y}}
output: [{all: "<% [ctx(a), ctx(b), ctx(c)] %>"}]
"""
PLACE = Place("meta.yaml", 1, 1)


def workflow(**computed: str) -> Workflow:
    """Return a workflow whose parameters have these computed defaults, as metadata declares them."""
    read = read_as_orquesta(TEXT, "w.yaml").usable()
    parameters = {name: Parameter(name, "any", PLACE, computed=text) for name, text in computed.items()}
    plain = Parameter("plain", "any", PLACE, default=freeze("p"))
    return with_computed_defaults(replace(read, parameters={**read.parameters, **parameters, "plain": plain}))


def output_of(made: Workflow, **inputs: object) -> object:
    """Return the output of a run."""
    drive = Drive(made, inputs)
    drive.completes("t")
    assert drive.finish.output is not None, drive.finish.errors
    return thaw(drive.finish.output)["all"]


def test_defaults_are_evaluated_in_the_order_of_their_names() -> None:
    """Whatever the order of the parameters. Inputs of the workflow follow."""
    made = workflow(a="{{ b }}-{{ plain }}", b="{{ 1 + 1 }}")
    assert output_of(made) == ["2-p", 2, 2]
    assert output_of(made, b=5) == ["5-p", 5, 5]
    assert output_of(made, a="given", b=None) == ["given", None, None]


def test_a_parameter_that_is_no_input_is_evaluated_only_if_another_reads_it() -> None:
    """The workflow cannot read it."""
    assert [each.name for each in workflow(other="{{ 1 }}").inputs] == ["a", "b", "c"]
    assert [each.name for each in workflow(other="{{ 1 }}", b="{{ other }}").inputs] == ["other", "b", "a", "c"]


def test_a_stored_workflow_has_them() -> None:
    """So a run that is recovered after its pack is gone has the same inputs."""
    made = workflow(b="{{ st2kv.system.x | default(7) }}")
    back = from_stored(to_stored(made))
    assert back == made
    assert back != workflow(b="{{ 1 }}")
    assert reads_keys(back)
    assert not reads_keys(workflow(b="{{ 1 }}"))


def test_a_value_that_does_not_fit_is_not_shown() -> None:
    """It may come from a secret key, and a part of it is not masked."""
    made = workflow(b="{{ plain }}")
    parameters = {**made.parameters, "b": replace(made.parameters["b"], type="string", enum=("x",))}
    drive = Drive(with_computed_defaults(replace(made, parameters=parameters)), {"plain": "hunter22" * 50})
    found = str(drive.finish.errors)
    assert "'b' must be one of 'x'" in found
    assert "hunter" not in found


@pytest.mark.parametrize("text", ["{{ nope.x }}", "{{ config_context.x }}", "{{ 1 / 0 }}", "{{ a }}"])
def test_a_default_that_fails_ends_the_run(text: str) -> None:
    """With the place in the metadata."""
    drive = Drive(workflow(b=text, a="{{ b }}"))
    assert "meta.yaml" in str(drive.finish.errors)
