"""`runs_on`: the pool in which items run, and what each of them needs there."""

import pytest

from stretto.definitions.dialects import read_with_findings
from stretto.definitions.expressions import Constant
from stretto.definitions.model import Resources, Task


def task_with(runs_on: str, of_workflow: str = "") -> Task:
    text = f'version: "1"\n{of_workflow}\ntasks: [{{name: a, action: core.noop, {runs_on}}}]\n'
    return read_with_findings(text, "x.yaml").usable().tasks["a"]


@pytest.mark.parametrize(
    ("memory", "size"),
    [("512", 512), ("1Ki", 1_024), ("1.5Mi", 1_572_864), ("2Gi", 2**31), ("1Ti", 2**40), ("0", 0)],
)
def test_memory_is_a_number_of_bytes_or_a_size(memory: str, size: int) -> None:
    """The units are those of Kubernetes."""
    needs = task_with(f"runs_on: {{pool: compute, memory: {memory}}}").needs
    assert needs == Resources(memory=size)


def test_a_pool_with_needs_is_read_as_one_without() -> None:
    """Its name may be an expression."""
    task = task_with("with_items: [1], runs_on: {pool: '{{ item }}', cpus: 1.5, gpus: 1, labels: {zone: eu}}")
    assert task.needs == Resources(cpus=1.5, gpus=1.0, labels={"zone": "eu"})
    assert not isinstance(task.runs_on, Constant)
    assert task_with("runs_on: compute").needs is None


def test_the_needs_of_a_workflow_hold_for_tasks_without_a_pool() -> None:
    """A task that names a pool has its own needs only."""
    whole = "runs_on: {pool: compute, cpus: 2}"
    assert task_with("delay: 1", whole).needs == Resources(cpus=2.0)
    assert task_with("runs_on: compute", whole).needs is None
