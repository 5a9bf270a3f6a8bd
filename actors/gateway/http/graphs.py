"""Graphs of definitions and runs: their layouts are kept, the states of a run's tasks are added to them.

The first graph loads `drawing`: no daemon waits for it before it is ready.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from stretto.actors.gateway.http.node_states import marks_of, states_of
from stretto.definitions import drawing
from stretto.definitions.model import Workflow

if TYPE_CHECKING:
    from stretto.definitions.drawing import Layout, Picture

MAX_KEPT_SIZE: Final = 50_000
"""Boxes and curves of all layouts that are kept. The one used least recently is forgotten first."""
MAX_KNOWN_RUNS: Final = 1_000
"""Runs whose layout is found without reading their definition."""

_Key: TypeAlias = tuple[str, bytes]


def folded_picture_of(workflow: Workflow) -> "Picture":
    """Return the picture of a workflow, folded if it is large."""
    return drawing.folded(drawing.picture_of(workflow))


class Layouts:
    """Layouts of graphs, kept by the ref and the digest of the definition. Several threads can use it.

    Args:
        draw: Makes the picture of a workflow that is laid out.
    """

    def __init__(self, draw: Callable[[Workflow], "Picture"] = folded_picture_of) -> None:
        self._draw = draw
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, Layout] = OrderedDict()
        self._size = 0
        self._runs: OrderedDict[str, _Key] = OrderedDict()

    def of(self, workflow: Workflow, run: str | None = None) -> "Layout":
        """Return the layout of a workflow's graph.

        Args:
            workflow: The workflow.
            run: A run of it, for `of_run`.

        Raises:
            LimitExceeded: The graph is too large to be drawn.
        """
        key = workflow.ref, hashlib.sha256(workflow.text.encode()).digest()
        layout = self._find(key)
        if layout is None:
            layout = drawing.lay_out(self._draw(workflow))
            self._keep(key, layout)
        if run is not None:
            with self._lock:
                self._runs[run] = key
                if len(self._runs) > MAX_KNOWN_RUNS:
                    self._runs.popitem(last=False)
        return layout

    def of_run(self, run: str) -> "Layout | None":
        """Return the layout of a run's graph if it is kept."""
        with self._lock:
            key = self._runs.get(run)
        return None if key is None else self._find(key)

    def _find(self, key: _Key) -> "Layout | None":
        with self._lock:
            layout = self._kept.get(key)
            if layout is not None:
                self._kept.move_to_end(key)
            return layout

    def _keep(self, key: _Key, layout: "Layout") -> None:
        with self._lock:
            if key in self._kept or layout.size > MAX_KEPT_SIZE:
                return
            self._kept[key] = layout
            self._size += layout.size
            while self._size > MAX_KEPT_SIZE:
                _, forgotten = self._kept.popitem(last=False)
                self._size -= forgotten.size


def graph_as_data(layout: "Layout", tasks: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a graph as plain data: {nodes, edges, layout}.

    Args:
        layout: The graph's layout.
        tasks: The tasks of a run's status, or None for no run.
    """
    data = drawing.as_data(layout)
    states = {} if tasks is None else states_of(layout.picture, tasks)
    for node in data["nodes"]:
        node["state"] = states.get(node["name"])
    return data


def graph_as_svg(layout: "Layout", tasks: dict[str, Any] | None = None) -> str:
    """Return a graph as an SVG document. See `graph_as_data`."""
    return drawing.svg(layout) if tasks is None else drawing.svg(layout, marks_of(states_of(layout.picture, tasks)))
