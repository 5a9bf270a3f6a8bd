"""The task of a run that its page shows first, and what its definition says about it."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.http.run_graphs import RunGraphs
from stretto.definitions.errors import StrettoError, names_there, nearest
from stretto.definitions.expressions import Constant
from stretto.definitions.model import Share

if TYPE_CHECKING:
    from stretto.definitions.expressions import Template
    from stretto.definitions.model import Task, WithItems

MAX_KEPT: Final = 1_000
"""Tasks whose facts are kept. Those used least recently are forgotten first."""
MOST_CHARACTERS: Final = 80
"""Characters of an expression on the page."""
_FAILED: Final = ("failed", "timed_out", "abandoned")
_ACTIVE: Final = ("running", "retrying", "paused")


def focus_of(tasks: Mapping[str, Any], asked: str) -> str | None:
    """Return the task that a page shows: what asks for attention first, or None without tasks.

    A failed task comes first, then a fan-out that runs, then any task that runs, then the largest fan-out.

    Args:
        tasks: The tasks of a run's status.
        asked: The task that the address names, or "".

    Raises:
        Problem: There is no such task.
    """
    if asked:
        return known_task(tasks, asked)
    return max(tasks, key=lambda name: _urgency(tasks[name]), default=None)


def known_task(tasks: Mapping[str, Any], asked: str) -> str:
    """Return the task that an address names. Raises `Problem` if there is none of that name."""
    if asked not in tasks:
        hint = nearest(asked, tasks) or names_there(tasks)
        raise Problem("unknown_task", f"there is no task {asked[:100]!r} in this run; {hint}")
    return asked


def _urgency(task: Mapping[str, Any]) -> tuple[int, int]:
    items = task["items"] or {}
    total = items.get("total")
    size = 2 if total is None else total
    if task["status"] in _FAILED:
        return 3, items.get("failed", 0)
    if task["status"] in _ACTIVE:
        return (2 if size > 1 else 1), size
    return 0, size if task["visits"] else -1


class TaskFacts(msgspec.Struct, frozen=True):
    """The settings of a task in its definition. Texts are empty for those that it does not have.

    Attributes:
        action: The action.
        fans_out: Whether it has items.
        over: The expression of the items, or the kind of the file that they are in.
        window: The most items in flight.
        timeout: The time of an attempt.
        attempts: The most attempts of an item.
        allowed: The failures that are allowed, as text.
        allowed_share: The same as a share of all items, or None.
        allowed_count: The same as a number, or None.
        where: The place of the action, {file, line, column}.
    """

    action: str
    fans_out: bool
    over: str
    window: str
    timeout: str
    attempts: str
    allowed: str
    allowed_share: float | None
    allowed_count: int | None
    where: dict[str, str | int]

    def allowed_of(self, total: int | None) -> int | None:
        """Return how many of some items may fail, or None if that is not bounded or not known."""
        if self.allowed_count is not None or self.allowed_share is None or total is None:
            return self.allowed_count
        return int(self.allowed_share * total)


class FactsOfTasks:
    """Finds the facts of tasks, and keeps some.

    Args:
        graphs: Finds the workflows of runs.
    """

    def __init__(self, graphs: RunGraphs) -> None:
        self._graphs = graphs
        self._kept: OrderedDict[tuple[str, str], TaskFacts] = OrderedDict()

    async def facts_of(self, run: str, ref: str, task: str) -> TaskFacts | None:
        """Return the facts of a task of a run, or None if the definition is not known."""
        known = self._kept.get((run, task))
        if known is not None:
            self._kept.move_to_end((run, task))
            return known
        try:
            workflow = await self._graphs.workflow_of(run, ref)
        except StrettoError:  # the page stands there without them
            return None
        if task not in workflow.tasks:
            return None
        facts = self._kept[run, task] = facts_of(workflow.tasks[task])
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return facts


def facts_of(task: "Task") -> TaskFacts:
    """Return the facts of a task."""
    items = task.with_items
    bound = None if items is None else items.max_failures
    share = float(bound.of_all) if isinstance(bound, Share) else None
    retry = "" if task.retry is None else _text(task.retry.count)
    return TaskFacts(
        action=task.action or "",
        fans_out=items is not None,
        over="" if items is None else _source_of(items),
        window="" if items is None else _text(items.concurrency),
        timeout="" if task.timeout is None else _text(task.timeout),
        attempts=str(int(retry) + 1) if retry.isdecimal() else retry and f"1 + {retry}",
        allowed=_allowed(bound),
        allowed_share=share,
        allowed_count=bound if isinstance(bound, int) else None,
        where=task.action_place.as_json(),
    )


def _allowed(bound: "int | Share | None") -> str:
    if bound is None:
        return ""
    if isinstance(bound, Share):
        return f"{float(bound.of_all * 100):g} %"
    return f"{bound:,}"


def _source_of(items: "WithItems") -> str:
    text = _text(items.source)
    return text if items.kind == "list" else f"{items.kind} {text}"


def _text(template: "Template") -> str:
    """Return a template as short text: a plain value, or its expressions."""
    if isinstance(template, Constant):
        value = template.value
        text = "a list" if isinstance(value, list | tuple) else str(value)
    else:
        text = ", ".join(each.source for each in template.expressions()) or "a list"
    text = " ".join(text.split())
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
