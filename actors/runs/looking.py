"""Questions about a run's items, which its supervisor and the store answer together."""

from functools import partial

import msgspec

from stretto.actors.dispatch import Deferred
from stretto.actors.history import map_items
from stretto.actors.runs.execution import RunExecution
from stretto.actors.runs.services import Services


class ReportCells(msgspec.Struct, frozen=True):
    """Answer with the map of the items of a visit of a task, or of its newest visit."""

    task: str
    visit: int | None
    known: int | None


class PreviewCancel(msgspec.Struct, frozen=True):
    """Answer with what a cancellation would stop."""


def map_cells(services: Services, run: RunExecution, message: ReportCells) -> Deferred:
    """Return the map of a visit's items, once it has been read. Raises `NoStore`."""
    conductor = run.conductor
    in_flight = None if conductor is None else conductor.visit_items(message.task, message.visit)
    read = partial(
        map_items,
        run_id=run.run_id,
        task=message.task,
        visit=message.visit,
        known=message.known,
        in_flight=in_flight,
        maps=services.item_maps,
    )
    return services.readers.ask_deferred(read)
