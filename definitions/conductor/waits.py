"""The waits of a run, as data for people: items in flight, timers, joins.

item_in_flight    an attempt is running
item_stopping     an attempt was commanded to stop and has not ended yet
item_paused       the item's sub-workflow is paused
retry_wait        an item, or without an index the whole visit, waits for its next attempt
retry_held        an item is ready to retry, but the run is paused
delay             a task waits for its delay
inquiry           a task waits for an answer to the inquiry that an action has made
concurrency       `count` items of a visit wait for room in its window
file              a task waits for items from a file, or for its results file
held              a task, or `count` more items of a visit, could start if the run were not paused
join              a task waits for the `missing` tasks to lead to it
not_reached       the requested task has not been reached; the `missing` tasks lead to it
paused            the run was paused
task_paused       the task was paused
children_paused   the run is paused because only paused tasks and sub-workflows are left in it
deadline          the run times out at its deadline
more              `count` more waits of a task are not shown
"""

import heapq
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final, Literal, TypeAlias

import msgspec

from stretto.definitions.conductor.arrivals import Arrivals
from stretto.definitions.conductor.events import InquiryMade
from stretto.definitions.conductor.items import ItemAttempt
from stretto.definitions.conductor.requests import check_task
from stretto.definitions.conductor.streamed import StreamedVisit
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.conductor.visits import Visits
from stretto.definitions.model import Workflow, graph_of

MAX_WAITS_SHOWN: Final = 20
"""Waits shown of one task: the longest ones. The rest is counted."""

WaitKind: TypeAlias = Literal[
    "item_in_flight", "item_stopping", "item_paused", "retry_wait", "retry_held", "delay", "concurrency", "held",
    "join", "not_reached", "paused", "task_paused", "children_paused", "deadline", "more", "file", "inquiry",
]  # fmt: skip


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """One wait of a run. Fields that its kind does not have are None, empty or 0.

    `since` and `until` are seconds since the epoch. `index` is None for a whole visit and for a task without items.
    """

    kind: WaitKind
    task: str | None = None
    visit: int | None = None
    index: int | None = None
    attempt: int | None = None
    since: float | None = None
    until: float | None = None
    missing: tuple[str, ...] = ()
    count: int = 0
    path: str | None = None
    inquiry: str | None = None


class RunStatus(msgspec.Struct, frozen=True):
    """A run's status, when it changed, and its deadline.

    With `from_below`, the run is paused because its sub-workflows are.
    """

    status: str
    since: float
    from_below: bool
    deadline: float | None = None

    @property
    def paused(self) -> bool:
        """Whether nothing starts because the run is paused."""
        return self.status == "paused"

    @property
    def leads_on(self) -> bool:
        """Whether tasks that end may still lead to other tasks."""
        return self.status in {"running", "paused"}


class WaitInspector:
    """Finds the waits of a run.

    Args:
        workflow: The definition.
        visits: The run's visits.
        arrivals: What waits at joins.
        paused: Items (task, visit, index) whose sub-workflows are paused.
        status: The run's status.
        paused_visits: Visits that were paused themselves, each with the time of the request.
        awaited: The inquiries that visits wait for.
    """

    def __init__(  # noqa: PLR0913 - what it looks at
        self,
        workflow: Workflow,
        visits: Visits,
        arrivals: Arrivals,
        paused: frozenset[tuple[str, int, int]],
        status: RunStatus,
        *,
        paused_visits: Mapping[tuple[str, int], float],
        awaited: Mapping[tuple[str, int], InquiryMade],
    ) -> None:
        self._workflow = workflow
        self._visits = visits
        self._arrivals = arrivals
        self._paused = paused
        self._status = status
        self._paused_visits = paused_visits
        self._awaited = awaited

    def of_run(self) -> list[Wait]:
        """Return the waits of the run, task by task in the file's order, and its deadline as the last one."""
        waits = [*self._of_the_run_itself(), *chain.from_iterable(map(self._of, self._workflow.tasks))]
        if self._status.deadline is not None and self._status.leads_on:
            waits.append(Wait(kind="deadline", until=self._status.deadline))
        return waits

    def of_task(self, name: str) -> list[Wait]:
        """Return the waits of a task, or none if it has ended. Raises `UnknownTask`."""
        check_task(self._workflow, name)
        found = list(self._of(name))
        if not found and name not in self._visits.last and self._status.leads_on:
            inbound = graph_of(self._workflow.tasks).inbound[name]
            found.append(Wait(kind="not_reached", task=name, missing=inbound))
        return [*self._of_the_run_itself(), *found] if found else []

    def _of_the_run_itself(self) -> Iterator[Wait]:
        if self._status.paused:
            kind: WaitKind = "children_paused" if self._status.from_below else "paused"
            yield Wait(kind=kind, since=self._status.since)

    def _of(self, task: str) -> Iterator[Wait]:
        """Yield the waits of a task: a few of its items, then the others."""
        visits = list(self._visits.of(task))
        items = [
            (item.since, visit.number, index, visit, item) for visit in visits for index, item in visit.window.items()
        ]
        for _, _, index, visit, item in heapq.nsmallest(MAX_WAITS_SHOWN, items, key=lambda each: each[:3]):
            yield self._of_item(visit, index, item)
        others = [wait for visit in visits for wait in self._of_visit(visit)]
        others += self._of_arrivals(task)
        yield from others[:MAX_WAITS_SHOWN]
        more = max(len(items) - MAX_WAITS_SHOWN, 0) + max(len(others) - MAX_WAITS_SHOWN, 0)
        if more:
            yield Wait(kind="more", task=task, count=more)

    def _of_item(self, visit: Visit, index: int, item: ItemAttempt) -> Wait:
        kind: WaitKind = "item_in_flight"
        attempt, until = item.attempt, None
        if item.state == "waiting":
            kind, attempt, until = "retry_wait", item.attempt + 1, item.until
        elif item.state == "due":
            kind, attempt = "retry_held", item.attempt + 1
        elif item.state == "held":
            kind = "held"
        elif item.stopping:
            kind = "item_stopping"
        elif (visit.name, visit.visit, index) in self._paused:
            kind = "item_paused"
        return Wait(
            kind=kind,
            task=visit.name,
            visit=visit.visit,
            index=index if visit.task.with_items is not None else None,
            attempt=attempt,
            since=item.since,
            until=until,
        )

    def _of_visit(self, visit: Visit) -> Iterator[Wait]:
        name, number = visit.name, visit.visit
        if (name, number) in self._paused_visits:
            yield Wait(kind="task_paused", task=name, visit=number, since=self._paused_visits[name, number])
        if isinstance(visit, StreamedVisit) and visit.waits_for:
            yield Wait(kind="file", task=name, visit=number, path=visit.waits_for)
        if visit.state == "awaiting":
            made = self._awaited[name, number]
            yield Wait(
                kind="inquiry", task=name, visit=number, since=visit.since, until=made.expires_at, inquiry=made.inquiry
            )
        elif visit.state == "delayed":
            yield Wait(kind="delay", task=name, visit=number, since=visit.since, until=visit.until)
        elif visit.state == "retrying":
            yield Wait(
                kind="retry_wait", task=name, visit=number, attempt=visit.attempt, since=visit.since, until=visit.until
            )
        elif visit.state == "held":
            yield Wait(kind="held", task=name, visit=number, since=visit.since)
        elif visit.left and (self._status.paused or (name, number) in self._paused_visits):
            yield Wait(kind="held", task=name, visit=number, count=visit.left)
        elif visit.left and self._status.status in {"running", "cleaning"}:
            yield Wait(kind="concurrency", task=name, visit=number, count=visit.left)

    def _of_arrivals(self, task: str) -> Iterator[Wait]:
        for join in self._arrivals.joining() if self._status.leads_on else ():
            if join.task == task:
                yield Wait(kind="join", task=task, missing=join.missing)
        for arrival in self._arrivals.waiting:
            if arrival.task == task and arrival.ready and self._status.paused:
                yield Wait(kind="held", task=task)
