"""The features of a workflow that its runs are prepared for."""

import pytest

from stretto.actors.runs.shape import RunShape, shape_of
from stretto.definitions import read_workflow


@pytest.mark.parametrize(
    ("fields", "task", "shape"),
    [
        ("", "action: core.noop", RunShape(False, False)),
        ("", "action: core.noop, with_items: {lines: /tmp/items}", RunShape(True, False)),
        ("deadline: {seconds: 60}", "action: core.noop", RunShape(False, True)),
        ("", "action: core.noop, deadline: {seconds: 60}", RunShape(False, True)),
    ],
)
def test_the_shape_of_a_workflow_names_what_few_workflows_use(fields: str, task: str, shape: RunShape) -> None:
    """Files and deadlines. It is the same object for all runs."""
    text = f'version: "1.0.0"\nref: tests.shape\n{fields}\ntasks: [{{name: only, {task}}}]'
    workflow = read_workflow(text, "shape.yaml")
    assert shape_of(workflow) == shape
    assert shape_of(workflow) is shape_of(workflow)
