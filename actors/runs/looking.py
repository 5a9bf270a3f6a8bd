"""Questions about a run's items, which its supervisor and the store answer together."""

from functools import partial
from typing import Any

import msgspec

from stretto.actors.dispatch import Deferred
from stretto.actors.history import map_items, show_item
from stretto.actors.runs.execution import RunExecution
from stretto.actors.runs.services import Services


class ReportCells(msgspec.Struct, frozen=True):
    """Answer with the map of the items of a visit of a task, or of its newest visit."""

    task: str
    visit: int | None
    known: int | None


class ReportItem(msgspec.Struct, frozen=True):
    """Answer with an item of a visit of a task, or of its newest visit."""

    task: str
    index: int
    visit: int | None


class PreviewCancel(msgspec.Struct, frozen=True):
    """Answer with what a cancellation would stop."""


def report_visit(services: Services, run: RunExecution, message: ReportCells | ReportItem) -> Deferred:
    """Return the map of a visit's items, or one of them, once it has been read. Raises `NoStore`."""
    conductor = run.conductor
    of_visit: dict[str, Any] = {
        "run_id": run.run_id,
        "task": message.task,
        "visit": message.visit,
        "in_flight": None if conductor is None else conductor.visit_items(message.task, message.visit),
        "maps": services.item_maps,
    }
    if isinstance(message, ReportItem):
        return services.readers.ask_deferred(partial(show_item, index=message.index, **of_visit))
    return services.readers.ask_deferred(partial(map_items, known=message.known, **of_visit))
