"""Folding of large pictures: a `parallel` task and a row of tasks become one node each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from stretto.definitions.drawing.picture import Edge, Group, Node, Picture

MAX_NODES: Final = 150
"""The most nodes of a picture that is drawn as it is."""
_LEAST_ROW: Final = 3
"""The least tasks in a row that are folded."""

_LinesOf: TypeAlias = Callable[[list[str], tuple[str, ...]], tuple[str, ...]]


def folded(picture: Picture) -> Picture:
    """Return a picture of more than MAX_NODES nodes with fewer of them, any other as it is."""
    if len(picture.nodes) <= MAX_NODES:
        return picture
    grouped = _with(
        picture,
        {group.name: list(dict.fromkeys((group.name, *_members(group)))) for group in picture.groups},
        _group_lines,
    )
    return _with(grouped, dict(_rows(grouped)), _row_lines)


def _members(group: Group) -> Iterator[str]:
    """Yield the nodes of a group and of the groups in it."""
    for nested in group.groups:
        yield from _members(nested)
    yield from group.nodes


def _group_lines(members: list[str], tasks: tuple[str, ...]) -> tuple[str, ...]:
    return members[0], f"parallel: {len(tasks):,} tasks"


def _row_lines(members: list[str], tasks: tuple[str, ...]) -> tuple[str, ...]:
    return f"{members[0]} to {members[-1]}", f"{len(tasks):,} tasks in a row"


def _rows(picture: Picture) -> Iterator[tuple[str, list[str]]]:
    """Yield each row of tasks: each leads to the next one only, and no other leads to that. The first is its name."""
    leaving: dict[str, set[str]] = {name: set() for name in picture.nodes}
    arriving: dict[str, set[str]] = {name: set() for name in picture.nodes}
    for edge in picture.edges:
        leaving[edge.source].add(edge.target)
        arriving[edge.target].add(edge.source)

    def following(name: str) -> str | None:
        (target, *others) = leaving[name] or {""}
        is_row = not others and target != name and len(arriving.get(target, ())) == 1 and picture.nodes[target].tasks
        return target if is_row else None

    next_of = {name: target for name in picture.nodes if (target := following(name)) is not None}
    inner = set(next_of.values())
    for name in picture.nodes:
        if name in inner:
            continue
        row = [name]
        while (target := next_of.get(row[-1])) is not None:
            row.append(target)
        if len(row) >= _LEAST_ROW:
            yield name, row


def _with(picture: Picture, folds: Mapping[str, list[str]], lines_of: _LinesOf) -> Picture:
    """Return a picture in which each fold, by the name that it has, is one node instead of its members."""
    home = {member: name for name, members in folds.items() for member in members}
    nodes: dict[str, Node] = {}
    for each in picture.nodes.values():
        name = home.get(each.name, each.name)
        if name == each.name and name not in folds:
            nodes[name] = each
        elif name not in nodes:
            members = folds[name]
            inside = [picture.nodes[member] for member in members]
            tasks = tuple(task for node in inside for task in node.tasks)
            is_entry = any(node.entry for node in inside)
            nodes[name] = Node(name, lines_of(members, tasks), is_entry, helper=False, fans_out=False, tasks=tasks)
    edges = dict.fromkeys(
        Edge(home.get(edge.source, edge.source), home.get(edge.target, edge.target), edge.label)
        for edge in picture.edges
        if edge.source not in home or home[edge.source] != home.get(edge.target)
    )
    return replace(picture, nodes=nodes, edges=tuple(edges), groups=(), loose=tuple(nodes))
