"""Requests about a run's items: its supervisor and the store answer together, or the store alone.

The engine that has a run answers also those that other engines get about an item in flight.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.elsewhere import RunsElsewhere
from stretto.actors.engine.relay import AskElsewhere, Relay, or_elsewhere
from stretto.actors.engine.run_table import RunTable
from stretto.actors.history import is_settled, map_items, show_item
from stretto.actors.journal import Reader
from stretto.actors.runs import Forwarded, ReportCells, ReportItem, Services


class ItemRequests:
    """Forwards requests about items to supervisors of runs in progress."""

    def __init__(self, services: Services, table: RunTable, relay: Relay, elsewhere: RunsElsewhere) -> None:
        self._services = services
        self._table = table
        self._relay = relay
        self._elsewhere = elsewhere

    def cells(self, run_id: str, task: str, visit: int | None, known: int | None) -> Deferred:
        """Return a map of the items of a task. See `Engine.cells`."""
        read = partial(map_items, run_id=run_id, task=task, visit=visit, known=known, maps=self._services.item_maps)
        return self._ask(run_id, ReportCells(task, visit, known), read)

    def item(self, run_id: str, task: str, index: int, visit: int | None) -> Deferred:
        """Return an item of a task. See `Engine.item`."""
        of_item: dict[str, Any] = {"run_id": run_id, "task": task, "index": index, "visit": visit}
        ask = self._relay.to(run_id, "item", (task, index, visit))

        def read(reader: Reader) -> dict[str, Any] | AskElsewhere:
            if ask is not None and self._elsewhere.has(run_id, reader) and not is_settled(reader, **of_item):
                return AskElsewhere(ask)
            return show_item(reader, **of_item, maps=self._services.item_maps)

        return or_elsewhere(self._ask(run_id, ReportItem(task, index, visit), read))

    def _ask(self, run_id: str, message: ReportCells | ReportItem, read: Callable[[Reader], Any]) -> Deferred:
        run = self._table.get(run_id)
        if run is None:
            return self._services.readers.ask_deferred(read)
        # The run may end before its supervisor answers.
        request = run.add_request(None, lambda: self._services.readers.ask_deferred(read))
        run.tell(Forwarded(message, request))
        return request
