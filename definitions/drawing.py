"""A workflow's graph as Mermaid or Graphviz source.

Workflow --picture_of--> Picture --mermaid, dot--> text
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stretto.definitions.dialects import fork_name
from stretto.definitions.expressions import Constant, NoneOf, Template
from stretto.definitions.model import Task, WithItems, Workflow, graph_of

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
    """

    name: str
    lines: tuple[str, ...]
    entry: bool
    helper: bool
    fans_out: bool


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
    """Return the picture of a workflow."""
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
    return Node(task.name, tuple(lines), entry, helper=not task.action, fans_out=task.with_items is not None)


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


def mermaid(picture: Picture) -> str:
    """Return a Mermaid flowchart.

    Nodes are named n0, n1, ... because a task may have the name of a Mermaid keyword, such as `end`.
    """
    names = {name: f"n{number}" for number, name in enumerate(picture.nodes)}

    def node(each: Node) -> str:
        left, right = ("([", "])") if each.helper else ("[[", "]]") if each.fans_out else ("[", "]")
        return f'{names[each.name]}{left}"{"<br/>".join(map(_mermaid_text, each.lines))}"{right}'

    def begin(group: Group) -> str:
        return f'subgraph {names[group.name]}_group["{_mermaid_text(group.name)}"]'

    lines = ["flowchart TD", *_nested(picture, node, begin, "end")]
    for edge in picture.edges:
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        lines.append(f"  {names[edge.source]} -->{label} {names[edge.target]}")
    entries = [names[node.name] for node in picture.nodes.values() if node.entry]
    lines += ["  classDef entry stroke-width:3px", f"  class {','.join(entries)} entry"]
    return "\n".join(lines) + "\n"


def dot(picture: Picture) -> str:
    """Return a Graphviz digraph."""

    def node(each: Node) -> str:
        styles = [*(["bold"] if each.entry else []), *(["dashed"] if each.helper else []), "rounded"]
        label = "\\n".join(map(_dot_text, each.lines))
        return f'"{_dot_text(each.name)}" [label="{label}", style="{",".join(styles)}"];'

    def begin(group: Group) -> str:
        return f'subgraph "cluster_{_dot_text(group.name)}" {{ label="{_dot_text(group.name)}";'

    lines = [f'digraph "{_dot_text(picture.ref)}" {{', "  node [shape=box];"]
    lines += _nested(picture, node, begin, "}")
    for edge in picture.edges:
        label = f' [label="{_dot_text(edge.label)}"]' if edge.label else ""
        lines.append(f'  "{_dot_text(edge.source)}" -> "{_dot_text(edge.target)}"{label};')
    return "\n".join([*lines, "}"]) + "\n"


def _nested(picture: Picture, node: Callable[[Node], str], begin: Callable[[Group], str], end: str) -> list[str]:
    """Return the lines of all nodes, with each group between its begin and end lines."""

    def lines_of(group: Group, indent: str) -> Iterator[str]:
        yield indent + begin(group)
        for name in group.nodes:
            yield f"{indent}  {node(picture.nodes[name])}"
        for nested in group.groups:
            yield from lines_of(nested, f"{indent}  ")
        yield indent + end

    lines = [f"  {node(picture.nodes[name])}" for name in picture.loose]
    return lines + [line for group in picture.groups for line in lines_of(group, "  ")]


def _mermaid_text(text: str) -> str:
    # Mermaid's own entities. `#` is replaced first because every entity starts with it.
    for character, entity in (
        ("#", "#35;"),
        ("&", "#amp;"),
        ('"', "#quot;"),
        ("<", "#lt;"),
        (">", "#gt;"),
        ("`", "#96;"),
    ):
        text = text.replace(character, entity)
    return text


def _dot_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
