"""Checks the graph of a native workflow: targets, entries, joins and timeouts."""

from stretto.definitions.dialects.reading import Reader
from stretto.definitions.model import Task, graph_of


def check_graph(reader: Reader, tasks: dict[str, Task], on_cancel: str | None) -> None:
    """Report errors and doubtful constructs in the graph of the tasks."""
    if not tasks:
        return
    _check_targets(reader, tasks)
    _check_timeouts(reader, tasks)
    graph = graph_of(tasks)
    if not graph.entries:
        first = next(iter(tasks.values()))
        reader.error(
            "no_entry", "no task can start, because every task waits for another one", first.place,
            hint="a run starts with the tasks that no other task leads to",
        )  # fmt: skip
        return
    reachable = graph.reachable(tasks)
    for task in tasks.values():
        inbound = graph.inbound[task.name]
        if task.name == on_cancel:
            continue
        if task.name not in reachable:
            reader.warn("unreachable_task", f"no path leads to the task {task.name!r}", task.place)
        elif isinstance(task.join, int) and task.join > len(inbound):
            reader.error(
                "impossible_join", f"the join of {task.name!r} can never be satisfied", task.place,
                found=f"join: {task.join}", expected=f"at most {len(inbound)}, the number of its inbound tasks",
            )  # fmt: skip
        elif task.join is None and len(set(inbound) - {task.name}) > 1:
            reader.warn(
                "no_join", f"{len(inbound)} tasks lead to {task.name!r}, which starts for each of them", task.place,
                hint="write join: all to wait for all of them, or join: 1 for the first",
            )  # fmt: skip


def _check_timeouts(reader: Reader, tasks: dict[str, Task]) -> None:
    """Warn about a task with a timeout whose transitions check only `failed()`, which is false after a timeout.

    A task with items never times out itself. An item that times out counts as failed.
    """
    for task in tasks.values():
        calls = {
            call
            for transition in task.transitions
            if transition.when is not None
            for expression in transition.when.expressions()
            for call in expression.calls
        }
        unconditional = any(transition.when is None and transition.targets for transition in task.transitions)
        timed = task.timeout is not None and task.with_items is None
        if timed and "failed" in calls and "timed_out" not in calls and not unconditional:
            message = f"nothing handles a timeout of {task.name!r}, because failed() is then false"
            reader.warn("timeout_unhandled", message, task.place, hint="write failed() or timed_out()")


def _check_targets(reader: Reader, tasks: dict[str, Task]) -> None:
    for task in tasks.values():
        for transition in task.transitions:
            for target, place in zip(transition.targets, transition.target_places, strict=True):
                if target not in tasks:
                    reader.error(
                        "unknown_task", f"the task {task.name!r} leads to {target!r}, which does not exist",
                        place, hint=reader.nearest(target, tasks),
                    )  # fmt: skip
