"""The graph of a run on its page."""

from typing import Any

from stretto.actors.gateway.pages.task_graph import MOST_CHARACTERS, MOST_TASKS_OF_A_NODE, compact_picture_of, graph_of
from stretto.definitions import read_workflow
from stretto.definitions.drawing import lay_out


def report(status: str, succeeded: int = 0, failed: int = 0, total: int = 1) -> dict[str, Any]:
    """Return a task in a run's status."""
    items = {"total": total, "succeeded": succeeded, "failed": failed, "running": 0}
    return {"status": status, "visits": int(status != "not_started"), "items": items}


def drawn(tasks: str, reports: dict[str, Any]) -> Any:
    """Return the graph of a workflow with these tasks."""
    workflow = read_workflow(f"ref: a.b\nversion: '1'\ntasks:\n{tasks}", "a.yaml")
    return graph_of(lay_out(compact_picture_of(workflow)), reports)


def test_each_node_has_a_name_a_status_and_a_task() -> None:
    """A fan-out has counts."""
    name = "a_task_with_a_very_long_name_indeed"
    graph = drawn(
        f"  - {{name: {name}, action: core.noop, next: [{{do: [each]}}]}}\n"
        "  - {name: each, action: core.noop, with_items: [1, 2]}\n",
        {name: report("succeeded", 1), "each": report("not_started", total=0)},
    )
    nodes = {node.name: node for node in graph.nodes}
    assert len(nodes[name].text) == MOST_CHARACTERS
    assert (nodes[name].status, nodes[name].task, nodes[name].items) == ("succeeded", name, None)
    assert name in nodes[name].title
    assert nodes["each"].items == report("", total=0)["items"]
    assert [(edge.target, edge.is_reached) for edge in graph.edges] == [("each", False)]
    assert not graph.is_wide


def test_a_large_graph_is_folded_and_shows_the_worst_status() -> None:
    """With the number of its tasks. Too many of them are not named for the script."""
    count = MOST_TASKS_OF_A_NODE + 1
    tasks = "".join(f"  - {{name: t{n}, action: core.noop, next: [{{do: [t{n + 1}]}}]}}\n" for n in range(count - 1))
    tasks += f"  - {{name: t{count - 1}, action: core.noop}}\n"
    reports = {f"t{n}": report("succeeded", 1) for n in range(count)} | {"t7": report("failed", failed=1)}
    (node,) = drawn(tasks, reports).nodes
    assert (node.status, node.note, node.task) == ("failed", f"{count} tasks in a row", "t0")
    assert node.title == f"t0: {count - 1} succeeded, 1 failed"
    assert node.tasks == ()
