"""What a run waits for, told to people: this item since then, that timer until then, a join for these tasks.

item_in_flight    a try is being performed
item_stopping     a try was to be stopped, and has not ended yet
item_paused       the sub-workflow that performs the item is paused
retry_wait        the next try of an item (without an index: of the whole visit) waits for its time
retry_held        the time of an item's next try has come, and the run is paused
delay             a task's start waits for its time
concurrency       `count` items of a visit wait for a place in its window
file              a task waits for some of its items to be read from a file, or for its file of results
held              a task, or `count` further items of a visit, could start if the run were not paused
join              a task waits for the `missing` ones to lead to it
not_reached       the task that was asked for has not been reached: the `missing` ones lead to it
paused            the run was paused
children_paused   nothing goes on in the run but sub-workflows that are paused
more              `count` more waits of a task are not told
"""

import heapq
from collections.abc import Iterator
from itertools import chain
from typing import Final, Literal, TypeAlias

import msgspec

from stretto.definitions.conductor.arrivals import Arrivals
from stretto.definitions.conductor.fan_out import FanOut
from stretto.definitions.conductor.items import Slot
from stretto.definitions.conductor.requests import task_named
from stretto.definitions.conductor.streamed import StreamedFanOut
from stretto.definitions.conductor.visits import Visits
from stretto.definitions.model import Workflow, graph_of

MAX_WAITS_TOLD: Final = 20
"""Waits told of one task, those that have lasted the longest; more are counted."""

WaitKind: TypeAlias = Literal[
    "item_in_flight", "item_stopping", "item_paused", "retry_wait", "retry_held", "delay", "concurrency", "held",
    "join", "not_reached", "paused", "children_paused", "more", "file",
]  # fmt: skip


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a run waits for; what a kind does not have is None, empty or 0.

    `since` and `until` are seconds since the epoch. `index` is None for what concerns a visit as a whole, and for a
    task without items.
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


class Standing(msgspec.Struct, frozen=True):
    """A run's status since then; `from_below`: it is paused because all that goes on in it is."""

    status: str
    since: float
    from_below: bool

    @property
    def paused(self) -> bool:
        """Whether what could start is held."""
        return self.status == "paused"

    @property
    def leads_on(self) -> bool:
        """Whether what ends may still lead to other tasks."""
        return self.status in {"running", "paused"}


class Waiting:
    """Looks for what a run waits for. `paused` are items (task, visit, index) whose sub-workflows are paused."""

    def __init__(
        self,
        workflow: Workflow,
        visits: Visits,
        arrivals: Arrivals,
        paused: frozenset[tuple[str, int, int]],
        standing: Standing,
    ) -> None:
        self._workflow = workflow
        self._visits = visits
        self._arrivals = arrivals
        self._paused = paused
        self._standing = standing

    def of_run(self) -> list[Wait]:
        """Return what the run waits for, task by task in the file's order."""
        return [*self._of_the_run_itself(), *chain.from_iterable(map(self._of, self._workflow.tasks))]

    def of_task(self, name: str) -> list[Wait]:
        """Return what a task waits for; nothing, if it has ended. Raises `UnknownTask`."""
        found = list(self._of(task_named(self._workflow, name).name))
        if not found and name not in self._visits.last and self._standing.leads_on:
            inbound = graph_of(self._workflow.tasks).inbound[name]
            found.append(Wait(kind="not_reached", task=name, missing=inbound))
        return [*self._of_the_run_itself(), *found] if found else []

    def _of_the_run_itself(self) -> Iterator[Wait]:
        if self._standing.paused:
            kind: WaitKind = "children_paused" if self._standing.from_below else "paused"
            yield Wait(kind=kind, since=self._standing.since)

    def _of(self, task: str) -> Iterator[Wait]:
        """Yield what a task waits for: few of its items, and all else."""
        visits = list(self._visits.of(task))
        items = [
            (slot.since, visit.number, index, visit, slot) for visit in visits for index, slot in visit.window.items()
        ]
        for _, _, index, visit, slot in heapq.nsmallest(MAX_WAITS_TOLD, items, key=lambda each: each[:3]):
            yield self._of_item(visit, index, slot)
        others = [wait for visit in visits for wait in self._of_visit(visit)]
        others += self._of_arrivals(task)
        yield from others[:MAX_WAITS_TOLD]
        more = max(len(items) - MAX_WAITS_TOLD, 0) + max(len(others) - MAX_WAITS_TOLD, 0)
        if more:
            yield Wait(kind="more", task=task, count=more)

    def _of_item(self, visit: FanOut, index: int, slot: Slot) -> Wait:
        kind: WaitKind = "item_in_flight"
        attempt, until = slot.attempt, None
        if slot.state == "waiting":
            kind, attempt, until = "retry_wait", slot.attempt + 1, slot.until
        elif slot.state == "due":
            kind, attempt = "retry_held", slot.attempt + 1
        elif slot.stopping:
            kind = "item_stopping"
        elif (visit.name, visit.visit, index) in self._paused:
            kind = "item_paused"
        return Wait(
            kind=kind,
            task=visit.name,
            visit=visit.visit,
            index=index if visit.task.with_items is not None else None,
            attempt=attempt,
            since=slot.since,
            until=until,
        )

    def _of_visit(self, visit: FanOut) -> Iterator[Wait]:
        name, number = visit.name, visit.visit
        if isinstance(visit, StreamedFanOut) and visit.waits_for:
            yield Wait(kind="file", task=name, visit=number, path=visit.waits_for)
        if visit.state == "delayed":
            yield Wait(kind="delay", task=name, visit=number, since=visit.since, until=visit.until)
        elif visit.state == "retrying":
            yield Wait(
                kind="retry_wait", task=name, visit=number, attempt=visit.attempt, since=visit.since, until=visit.until
            )
        elif visit.state == "held":
            yield Wait(kind="held", task=name, visit=number, since=visit.since)
        elif visit.left and self._standing.paused:
            yield Wait(kind="held", task=name, visit=number, count=visit.left)
        elif visit.left and self._standing.status in {"running", "cleaning"}:
            yield Wait(kind="concurrency", task=name, visit=number, count=visit.left)

    def _of_arrivals(self, task: str) -> Iterator[Wait]:
        for join in self._arrivals.joining() if self._standing.leads_on else ():
            if join.task == task:
                yield Wait(kind="join", task=task, missing=join.missing)
        for arrival in self._arrivals.waiting:
            if arrival.task == task and arrival.ready and self._standing.paused:
                yield Wait(kind="held", task=task)
