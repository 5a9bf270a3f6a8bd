"""Values that a workflow keeps."""

from dataclasses import replace

from stretto.definitions import Workflow
from stretto.definitions.model import once_per_workflow
from tests.support.evaluating import reading

TEXT = "ref: t.one\nversion: 1.0.0\ntasks: [{name: only, action: core.noop}]\n"


def test_a_value_is_computed_once_for_each_workflow() -> None:
    """Also a value that is false. A copy of the workflow computes its own, and both count as equal."""
    seen: list[Workflow] = []

    @once_per_workflow
    def found(workflow: Workflow) -> None:
        seen.append(workflow)

    @once_per_workflow
    def names(workflow: Workflow) -> tuple[str, ...]:
        return tuple(workflow.tasks)

    workflow = reading(TEXT)
    for _ in range(3):
        found(workflow)
        assert names(workflow) is names(workflow)
    copy = replace(workflow)
    found(copy)
    assert [id(each) for each in seen] == [id(workflow), id(copy)]
    assert copy == workflow
