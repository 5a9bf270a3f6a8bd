"""What can be asked of a run at any moment: what is in flight, which timers are set, how far its tasks have come."""

from collections.abc import Iterator
from typing import Any

from stretto.definitions.conductor.commands import Command, StartItem, WaitUntil
from stretto.definitions.conductor.streamed import StreamedFanOut
from stretto.definitions.conductor.visits import Visits
from stretto.definitions.model import Workflow


def starts_outstanding(visits: Visits) -> list[StartItem]:
    """Return the start commands of the tries that have been commanded and not been told ended, as nearly in their
    order as state tells: that of the visits, then of the items."""
    return [
        visit.start(index, slot)
        for visit in visits.active.values()
        for index, slot in sorted(visit.window.items())
        if slot.state == "running"
    ]


def waits_outstanding(visits: Visits) -> list[WaitUntil]:
    """Return the waits of visits and items that are not over, each with its deadline."""
    return list(_waits_outstanding(visits))


def _waits_outstanding(visits: Visits) -> Iterator[WaitUntil]:
    for visit in visits.active.values():
        if visit.state in {"delayed", "retrying"}:
            yield WaitUntil(visit.delay_elapsed())
        for index, slot in sorted(visit.window.items()):
            if slot.state == "waiting":
                yield WaitUntil(visit.retry_due(index, slot))


def streams_outstanding(visits: Visits) -> list[Command]:
    """Return what was commanded about files of visits and has not been answered, but for the lines of results."""
    return [
        command
        for visit in visits.active.values()
        if isinstance(visit, StreamedFanOut)
        for command in visit.outstanding
    ]


def tasks_told(workflow: Workflow, visits: Visits) -> dict[str, dict[str, Any]]:
    """Return {name: {status, visits, items: {total, succeeded, failed, running}}} of every task.

    `total` is None while items are being read.
    """
    told: dict[str, dict[str, Any]] = {}
    for name in workflow.tasks:
        last = visits.last.get(name)
        if last is None:
            items = {"total": 0, "succeeded": 0, "failed": 0, "running": 0}
            told[name] = {"status": "not_started", "visits": 0, "items": items}
            continue
        running = sum(slot.state == "running" for slot in last.window.values())
        told[name] = {
            "status": last.state,
            "visits": last.visit,
            "items": {
                "total": last.total,
                "succeeded": last.succeeded + len(last.skipped),
                "failed": last.failed,
                "running": running,
            },
        }
    return told
