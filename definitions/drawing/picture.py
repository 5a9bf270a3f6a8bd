"""A workflow's graph as nodes and edges with texts, without places."""

import re
from dataclasses import dataclass
from typing import Final

from stretto.definitions.dialects import fork_name
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions import Constant, NoneOf, Template
from stretto.definitions.model import Task, WithItems, Workflow, graph_of

MAX_EDGES: Final = 20_000
"""The most transitions to a target of a workflow that is drawn."""
MAX_LABEL: Final = 48
"""Maximum length of an edge's label."""


@dataclass(frozen=True, slots=True)
class Node:
    """A task, or an engine command that tasks lead to.

    Attributes:
        name: The name of the task or command.
        lines: The lines of text in its box.
        entry: Whether a run starts with it.
        helper: Whether it has no action.
        fans_out: Whether it has items.
        tasks: The tasks that it stands for: none for a command, one for a task, several if they are folded.
    """

    name: str
    lines: tuple[str, ...]
    entry: bool
    helper: bool
    fans_out: bool
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition to one target, with its condition ("" for none)."""

    source: str
    target: str
    label: str


@dataclass(frozen=True, slots=True)
class Group:
    """A parallel task. `nodes` are its fork, members and join; `groups` are nested parallel tasks."""

    name: str
    nodes: tuple[str, ...]
    groups: tuple["Group", ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """The nodes and edges of a workflow, in the file's order. `loose` nodes belong to no group."""

    ref: str
    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...]
    loose: tuple[str, ...]


def picture_of(workflow: Workflow) -> Picture:
    """Return the picture of a workflow.

    Raises:
        LimitExceeded: It has more than `MAX_EDGES` transitions.
    """
    count = sum(len(each.targets) for task in workflow.tasks.values() for each in task.transitions)
    if count > MAX_EDGES:
        raise LimitExceeded(
            f"the graph is too large to be drawn: it has at most {MAX_EDGES:,} transitions (MAX_EDGES), got {count:,}"
        )
    graph = graph_of(workflow.tasks)
    nodes = {name: _node(workflow, task, entry=name in graph.entries) for name, task in workflow.tasks.items()}
    edges = tuple(
        Edge(name, target, _label(transition.when))
        for name, task in workflow.tasks.items()
        for transition in task.transitions
        for target in transition.targets
        # The plain end of a branch needs no arrow.
        if target != "continue" or transition.when is not None
    )
    for edge in edges:
        # A target that is not a task is an engine command.
        nodes.setdefault(edge.target, Node(edge.target, (edge.target,), entry=False, helper=True, fans_out=False))
    parallels = [task for task in workflow.tasks.values() if task.gathers]
    inner = {member for task in parallels for member in task.gathers}
    groups = tuple(_group(workflow, task) for task in parallels if task.name not in inner)
    grouped = inner | {name for task in parallels for name in (task.name, fork_name(task.name))}
    return Picture(workflow.ref, nodes, edges, groups, tuple(name for name in nodes if name not in grouped))


def _group(workflow: Workflow, parallel: Task) -> Group:
    members = [workflow.tasks[name] for name in parallel.gathers]
    plain = [member.name for member in members if not member.gathers]
    nested = tuple(_group(workflow, member) for member in members if member.gathers)
    return Group(parallel.name, (fork_name(parallel.name), *plain, parallel.name), nested)


def _node(workflow: Workflow, task: Task, *, entry: bool) -> Node:
    lines = [task.name]
    if task.action:
        lines.append(task.action)
    if task.with_items is not None:
        lines.append(_items_line(task.with_items))
    if task.join is not None:
        lines.append(f"join: {task.join}")
    if task.name == workflow.on_cancel:
        lines.append("on_cancel")
    fans_out = task.with_items is not None
    return Node(task.name, tuple(lines), entry, helper=not task.action, fans_out=fans_out, tasks=(task.name,))


def _items_line(with_items: WithItems) -> str:
    source = "" if with_items.kind == "list" else f": {with_items.kind}"
    batches = f", batches of {with_items.batch_size}" if with_items.batch_size else ""
    results = ", results: jsonl" if with_items.results is not None else ""
    return f"with_items{source}{batches}{results}"


_CHOICE = re.compile(r"\b(or|if)\b")
"""Operators that bind less tightly than `and`."""


def _label(when: Template | None) -> str:
    if when is None:
        return ""
    if isinstance(when, NoneOf):
        return "otherwise"
    if isinstance(when, Constant):
        return str(when.value).lower()
    sources = [expression.source for expression in when.expressions()]
    if len(sources) > 1:
        sources = [f"({each})" if _CHOICE.search(each) else each for each in sources]
    label = " ".join(" and ".join(sources).split())
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 3]}..."
