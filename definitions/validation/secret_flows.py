"""Traces the values that flow into secret parameters back to their origins.

task.input --expression--> a constant or a name --assignments, with_items--> more of them, until there are no new ones
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from jinja2 import nodes

from stretto.definitions.context import Fields, Origins, Secrecy, within
from stretto.definitions.data import Data
from stretto.definitions.expressions import (
    Constant,
    ListTemplate,
    ObjectTemplate,
    Source,
    Statements,
    Template,
    Text,
)
from stretto.definitions.model import Task, Workflow
from stretto.definitions.validation.references import tree_of

MAX_FIELDS: Final = 8
"""Maximum depth of fields, below which values are secret as a whole. It ends cycles like `x: {{ workflow.x.next }}`."""

_VARIABLES: Final = frozenset({"workflow", "vars", "variables"})
_TASKS: Final = frozenset({"task", "tasks"})
_RECORD_FIELDS: Final = frozenset({"result", "data", "errors", "outcome"})


def secrecy_of(workflow: Workflow, inputs: Origins, defaults: Iterable[Data] = ()) -> Secrecy:
    """Return the origins of the values that flow into secret inputs.

    Args:
        workflow: The workflow.
        inputs: The secret inputs of each task.
        defaults: Secret defaults of parameters.

    Returns:
        The secret constants, and the origins of all other secret values.
    """
    tracing = _Tracing(workflow, defaults)
    for name, secrets in inputs.items():
        task = workflow.tasks[name]
        for fields in secrets:
            tracing.follow(task.input, fields, task)
    return Secrecy(
        inputs, tuple(value for value in tracing.constants if value is not None), tracing.origins("parameters"),
        tracing.origins("config"), tracing.origins("variables"), tracing.origins("tasks"),
    )  # fmt: skip


class _Tracing:
    """Traces values back, each origin once."""

    def __init__(self, workflow: Workflow, defaults: Iterable[Data]) -> None:
        self._workflow = workflow
        self.constants: list[Data] = [*defaults]
        self._found: dict[tuple[str, str, Fields], None] = {}

    def origins(self, namespace: str) -> dict[str, frozenset[Fields]]:
        """Return the origins in one namespace."""
        found: dict[str, set[Fields]] = {}
        for kind, name, fields in self._found:
            if kind == namespace:
                found.setdefault(name, set()).add(fields)
        return {name: frozenset(paths) for name, paths in found.items()}

    def follow(self, template: Template, fields: Fields, task: Task | None) -> None:
        """Trace the value at a path in a template. `task` is the task that its `item` belongs to."""
        if isinstance(template, Constant):
            self.constants += within(template.value, fields)
        elif isinstance(template, ObjectTemplate):
            chosen = {fields[0]: template.members.get(fields[0])} if fields else template.members
            for member in chosen.values():
                if member is not None:
                    self.follow(member, fields[1:], task)
        elif isinstance(template, ListTemplate):
            for member in template.members:
                self.follow(member, fields, task)
        elif isinstance(template, Text | Statements):
            # Text has no fields, so all values in it are secret as a whole.
            for expression in template.expressions():
                self._expression(expression, (), task, alone=False)
        else:
            for expression in template.expressions():
                self._expression(expression, fields, task, alone=True)

    def _expression(self, expression: Source, fields: Fields, task: Task | None, *, alone: bool) -> None:
        tree = tree_of(expression)
        if tree is None:
            return
        for kind, value in _flowing(tree, alone=alone):
            if kind == "constant":
                self.constants.append(value)
            else:
                self._name((*value, *fields), task)

    def _name(self, path: tuple[str, ...], task: Task | None) -> None:
        root, *fields = path[: MAX_FIELDS + 2]
        if root == "item":
            # The definition does not contain the items of a file.
            if task is not None and task.with_items is not None and task.with_items.kind == "list":
                self.follow(task.with_items.source, tuple(fields), None)
        elif root == "result()":
            if task is not None:
                self._origin("tasks", task.name, ("result", *fields))
        elif root in {"parameters", "config"}:
            self._origins_of(root, self._workflow.parameters if root == "parameters" else (), fields)
        elif root in _TASKS:
            self._origins_of("tasks", self._workflow.tasks, fields)
        elif root in _VARIABLES:
            self._origins_of("variables", [name for name, _, _ in self._assignments()], fields)
        elif root not in {"system", "keystore", "kv", "index", "error"}:
            self._origin("variables", root, tuple(fields))

    def _origins_of(self, namespace: str, names: Any, fields: list[str]) -> None:
        # A member whose name is known only at run time can be any of them.
        for name in fields[:1] or list(names):
            self._origin(namespace, name, tuple(fields[1:]))

    def _origin(self, namespace: str, name: str, fields: Fields) -> None:
        fields = fields[:MAX_FIELDS]
        if namespace == "tasks" and fields[:1] and fields[0] not in _RECORD_FIELDS:
            fields = ("result", *fields)
        if (namespace, name, fields) in self._found:
            return
        self._found[namespace, name, fields] = None
        if namespace != "variables":
            return
        for assigned, template, task in self._assignments():
            if assigned != name:
                continue
            if template is None and task is not None:
                self._origin("tasks", task.name, ("result", *fields))
            elif template is not None:
                self.follow(template, fields, task)

    def _assignments(self) -> Iterator[tuple[str, Template | None, Task | None]]:
        for variable in self._workflow.variables:
            yield variable.name, variable.value, None
        for task in self._workflow.tasks.values():
            for transition in task.transitions:
                for published in transition.publish:
                    yield published.name, published.value, task


def _flowing(node: nodes.Node, *, alone: bool) -> Iterator[tuple[str, Any]]:
    """Yield ("name", path) and ("constant", value) for the parts of an expression's value.

    Conditions, comparisons and indexes are not part of the value. A constant counts only if it is the whole value, so
    that `Bearer ` before a token does not.
    """
    if isinstance(node, nodes.Const):
        if alone and isinstance(node.value, str | int | float):
            yield "constant", node.value
    elif isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
        yield from _path(node)
    elif isinstance(node, nodes.Call | nodes.Filter):
        yield from _called(node, alone=alone)
    elif isinstance(node, nodes.CondExpr | nodes.And | nodes.Or):
        either = (node.expr1, node.expr2) if isinstance(node, nodes.CondExpr) else (node.left, node.right)
        for each in either:
            if each is not None:
                yield from _flowing(each, alone=alone)
    elif not isinstance(node, nodes.Compare | nodes.Test | nodes.Not):
        for child in node.iter_child_nodes():
            yield from _flowing(child, alone=False)


def _called(node: nodes.Call | nodes.Filter, *, alone: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "result":
        yield "name", ("result()",)
        return
    subject: nodes.Node | None = node.node
    arguments: list[nodes.Node] = [*node.args, *(pair.value for pair in node.kwargs)]
    if isinstance(node, nodes.Call):
        # The object of a method is part of the value. A function has none, so its first argument counts.
        subject = subject.node if isinstance(subject, nodes.Getattr) else arguments.pop(0) if arguments else None
    either = isinstance(node, nodes.Filter) and node.name in {"default", "d"}
    if subject is not None:
        yield from _flowing(subject, alone=alone)
    for argument in arguments:
        yield from _flowing(argument, alone=alone and either)


def _path(node: nodes.Name | nodes.Getattr | nodes.Getitem) -> Iterator[tuple[str, Any]]:
    steps: list[nodes.Getattr | nodes.Getitem] = []
    base: nodes.Node = node
    while isinstance(base, nodes.Getattr | nodes.Getitem):
        steps.append(base)
        base = base.node
    known: list[str] = []
    for step in reversed(steps):
        name = step.attr if isinstance(step, nodes.Getattr) else getattr(step.arg, "value", None)
        if isinstance(name, str):
            known.append(name)
        elif not isinstance(name, int):  # one member of a list stands for all of them
            break
    if isinstance(base, nodes.Name):
        if base.ctx == "load":
            yield "name", (base.name, *known)
        return
    for kind, value in _flowing(base, alone=False):
        yield kind, (*value, *known) if kind == "name" else value
