"""Checks for constant conditions, which are most often typos."""

from jinja2 import nodes

from stretto.definitions.expressions import Constant, Template
from stretto.definitions.model import Workflow
from stretto.definitions.validation.collecting import Findings
from stretto.definitions.validation.references import tree_of


def check_conditions(workflow: Workflow, findings: Findings) -> None:
    """Check each `when` and `on_error`."""
    for task in workflow.tasks.values():
        _check(task.when, findings, never="the task never runs")
        for transition in task.transitions:
            _check(transition.when, findings, never="the transition is never taken")
        if task.retry is not None:
            _check(task.retry.on_error, findings)


def _check(condition: Template | None, findings: Findings, never: str = "") -> None:
    if isinstance(condition, Constant):
        if condition.value is False and never:
            findings.warn("constant_condition", f"the condition is always false, so {never}", condition.place)
        return
    for expression in condition.expressions() if condition is not None else ():
        tree = tree_of(expression)
        if tree is None or any(_depends(node) for node in (tree, *tree.find_all((nodes.Name, nodes.Call)))):
            continue
        if isinstance(tree, nodes.Const) and isinstance(tree.value, str):
            findings.error(
                "constant_condition", "the condition is text, which is always true" if tree.value else
                "the condition is empty text, which is always false", expression.place,
                found=repr(tree.value[:60]), hint="write an expression, such as succeeded()",
            )  # fmt: skip
        elif isinstance(tree, nodes.Const) and tree.value is False:
            if never:
                findings.warn("constant_condition", f"the condition is always false, so {never}", expression.place)
        elif not (isinstance(tree, nodes.Const) and tree.value is True):
            findings.warn(
                "constant_condition", "the condition never changes, because it reads no names", expression.place
            )


def _depends(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name | nodes.Call)
