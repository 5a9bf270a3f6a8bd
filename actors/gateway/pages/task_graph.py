"""The graph of a run on its page: nodes of two or three lines, each with a link to its task."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stretto.actors.gateway.http.graphs import Layouts, folded_picture_of
from stretto.actors.gateway.http.node_states import states_of
from stretto.actors.gateway.http.run_graphs import RunGraphs
from stretto.definitions.errors import StrettoError

if TYPE_CHECKING:
    from stretto.definitions.drawing import Layout, Node, Picture
    from stretto.definitions.model import Workflow

MOST_CHARACTERS: Final = 24
"""Characters of a line in a box. The title has the whole name."""
MOST_TASKS_OF_A_NODE: Final = 500
"""Tasks of a folded node that are named for the script. With more, the node changes when the page is loaded again."""
WIDE: Final = 560.0
"""A wider graph stands above the columns."""
_STATUS_CHARACTERS: Final = 11
_COUNTS_CHARACTERS: Final = 16
_MARK: Final = " " * 3
"""Room for the mark behind a name."""


class GraphNode(msgspec.Struct, frozen=True):
    """A box, its texts, and its place.

    Attributes:
        name: The name of the node.
        text: The first line.
        note: The second line, if it is not the status: of a folded node or of a command.
        tasks: The tasks that it stands for.
        task: The task that it leads to, or "" for a command.
        status: The status of its tasks, the worst one first.
        title: A sentence about it.
        items: The counts of its items, or None for a node that shows no bar.
    """

    name: str
    text: str
    note: str
    tasks: tuple[str, ...]
    task: str
    status: str
    title: str
    items: dict[str, Any] | None
    x: float
    y: float
    width: float
    height: float


class GraphEdge(msgspec.Struct, frozen=True):
    """A line, and whether the run has gone along it as far as is known."""

    path: str
    target: str
    title: str
    label: str
    label_at: tuple[float, float] | None
    is_reached: bool


class TaskGraph(msgspec.Struct, frozen=True):
    """A graph with the states of a run's tasks."""

    nodes: list[GraphNode]
    edges: list[GraphEdge]
    width: float
    height: float

    @property
    def is_wide(self) -> bool:
        """Whether it needs more than a column."""
        return self.width > WIDE


class TaskGraphs:
    """Makes graphs of runs.

    Args:
        make: Returns the graphs of runs with these layouts.
    """

    def __init__(self, make: Callable[[Layouts], RunGraphs]) -> None:
        self.runs = make(Layouts(compact_picture_of))
        """The layouts and workflows of runs."""

    async def graph_of(self, status: Mapping[str, Any]) -> TaskGraph | None:
        """Return the graph of a run with this status, or None if it is too large or its definition is not known."""
        try:
            layout = await self.runs.layout_of(status["id"], status["workflow"])
        except StrettoError:  # the list of tasks stands there without it
            return None
        return graph_of(layout, status["tasks"] or {})


def compact_picture_of(workflow: "Workflow") -> "Picture":
    """Return the picture of a workflow with short lines: the name, and room for a status or for counts."""
    picture = folded_picture_of(workflow)
    return replace(picture, nodes={name: _compact(node) for name, node in picture.nodes.items()})


def _compact(node: "Node") -> "Node":
    name = _cut(node.lines[0])
    if not node.tasks:
        return replace(node, lines=(name,))
    name += _MARK
    if len(node.tasks) > 1:
        return replace(node, lines=(name, _cut(node.lines[1])))
    if node.fans_out:
        return replace(node, lines=(name, " " * _COUNTS_CHARACTERS, ""))
    return replace(node, lines=(name, " " * _STATUS_CHARACTERS))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def graph_of(layout: "Layout", tasks: Mapping[str, Any]) -> TaskGraph:
    """Return a graph with the states of tasks.

    Args:
        layout: The places of nodes and edges.
        tasks: The tasks of a run's status.
    """
    states = states_of(layout.picture, tasks)
    nodes = [_node(node, layout, states.get(node.name)) for node in layout.picture.nodes.values()]
    begun = {name for name, state in states.items() if state["visits"]}
    edges = [
        GraphEdge(
            line.path, line.edge.target, _sentence(line.edge), line.edge.label,
            None if line.label_at is None else (round(line.label_at.x, 1), round(line.label_at.y, 1)),
            line.edge.target in begun,
        )
        for line in layout.lines
    ]  # fmt: skip
    return TaskGraph(nodes, edges, round(layout.width), round(layout.height))


def _sentence(edge: Any) -> str:
    return f"{edge.source} leads to {edge.target}" + (f" if {edge.label}" if edge.label else "")


def _node(node: "Node", layout: "Layout", state: Mapping[str, Any] | None) -> GraphNode:
    box = layout.boxes[node.name]
    status = state["status"] if state is not None else ""
    note = node.lines[1] if len(node.tasks) > 1 else ""
    title = node.name if state is None else f"{node.name}: {status.replace('_', ' ')}"
    if len(node.tasks) > 1 and state is not None:
        title = f"{node.name}: {', '.join(f'{n:,} {each}' for each, n in state['statuses'].items())}".replace("_", " ")
    return GraphNode(
        node.name, node.lines[0].rstrip(), note, node.tasks if len(node.tasks) <= MOST_TASKS_OF_A_NODE else (),
        node.tasks[0] if node.tasks else "", status, title,
        dict(state["items"]) if state is not None and node.fans_out else None,
        round(box.x, 1), round(box.y, 1), box.width, box.height,
    )  # fmt: skip
