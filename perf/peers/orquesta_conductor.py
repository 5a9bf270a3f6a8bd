"""StackStorm's Orquesta: its conductor alone, in memory and without the services around it.

StackStorm asks it what is next whenever an item has ended, and it renders the inputs of all items again to answer
(so N items render N x N). Here it is asked once all have ended.
"""

import collections
import collections.abc
import fractions
import math
from typing import Any

# The release on PyPI, and the networkx that it asks for, expect names where Python had them until 3.8.
for each in ("Iterable", "Mapping", "MutableMapping", "MutableSequence", "Sequence", "Set"):
    setattr(collections, each, getattr(collections.abc, each))
setattr(fractions, "gcd", math.gcd)  # noqa: B010 - it has no such name for a type checker

import work  # noqa: E402
from orquesta import conducting, events, statuses  # noqa: E402
from orquesta.specs import native  # noqa: E402
from orquesta.utils import parameters  # noqa: E402

# And a flag in the middle of an expression, which has meant the whole of it.
parameters.REGEX_INLINE_PARAMS = "(?i)" + parameters.REGEX_INLINE_PARAMS.replace("(?i)", "")

FAN_OUT = """
version: 1.0
input: [loaded, items]
tasks:
  fan:
    with: "{{ ctx('items') }}"
    action: core.greet
    input: {index: "{{ item() }}", message: "{{ ctx('loaded').greeting }} {{ item() }}"}
"""
CHAIN = "version: 1.0\ntasks:\n"
LINK = "  task_{0}:\n    action: core.noop\n    next: [{{do: task_{1}}}]\n"
LAST = "  task_{0}:\n    action: core.noop\n"


class Orquesta:
    """A conductor a run, told when each action runs and when it has ended."""

    def load(self, results: int) -> Any:
        """Make it; it is the workflow's input."""
        return work.loaded(results)

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """A task with items."""
        conductor = _conductor(FAN_OUT, {"loaded": loaded, "items": list(range(items))})
        results: list[Any] = [None] * items
        (task,) = conductor.get_next_tasks()
        for action in task["actions"]:
            conductor.update_task_state(
                "fan", task["route"], events.TaskItemActionExecutionEvent(action["item_id"], statuses.RUNNING)
            )
        for action in task["actions"]:
            results[action["item_id"]] = work.greeted(**action["input"])
            ended = events.TaskItemActionExecutionEvent(
                action["item_id"], statuses.SUCCEEDED, result=results[action["item_id"]], accumulated_result=results
            )
            conductor.update_task_state("fan", task["route"], ended)
        assert not conductor.get_next_tasks()
        assert conductor.get_workflow_status() == statuses.SUCCEEDED
        return results

    def chain(self, tasks: int) -> None:
        """As many tasks."""
        links = [LINK.format(number, number + 1) for number in range(tasks - 1)]
        _perform(_conductor(CHAIN + "".join(links) + LAST.format(tasks - 1), {}))

    def one_task(self) -> None:
        """A workflow of one task."""
        _perform(_conductor(CHAIN + LAST.format(0), {}))


def _conductor(definition: str, inputs: dict[str, Any]) -> Any:
    spec = native.WorkflowSpec(definition)
    conductor = conducting.WorkflowConductor(spec, inputs=inputs)
    conductor.request_workflow_status(statuses.RUNNING)
    return conductor


def _perform(conductor: Any) -> None:
    while following := conductor.get_next_tasks():
        for task in following:
            for status in (statuses.RUNNING, statuses.SUCCEEDED):
                conductor.update_task_state(task["id"], task["route"], events.ActionExecutionEvent(status))
    assert conductor.get_workflow_status() == statuses.SUCCEEDED


if __name__ == "__main__":
    work.measure(Orquesta(), "orquesta")
