"""The ended items of a run: a table with its filters in the address."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.filters import PageFilters, chosen, read_filters
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import RunHead, read_head
from stretto.actors.history import UnknownItem, UnknownVisit
from stretto.actors.operations import Item, ItemAnswer, Items, ItemsAnswer
from stretto.definitions.conductor import UnknownTask

ROWS: Final = 100
"""Attempts of a page."""
OUTCOMES: Final[Mapping[str, str]] = {
    "failed": "Not succeeded",
    "succeeded": "Succeeded",
    "timed_out": "Timed out",
    "cancelled": "Cancelled",
    "abandoned": "Abandoned",
}
"""The outcomes that have a filter, each with its label."""
_RETRIED: Final = 2


class ItemFilters(PageFilters, frozen=True):
    """The filters of the table.

    Attributes:
        task: The task.
        outcome: A key of `OUTCOMES`.
        order: "index" for the order of the items, "" for that of their ends.
        retried: "1" for attempts behind the first ones.
        item: The index of the only item.
        visit: The number of the only visit of the task.
        cursor: Where the page begins.
    """

    task: str = ""
    outcome: str = ""
    order: str = ""
    retried: str = ""
    item: str = ""
    visit: str = ""
    cursor: str = ""


class ItemsPage(msgspec.Struct, frozen=True):
    """Rows of the table, and where it goes on.

    Attributes:
        rows: The attempts, as `Engine.items` returns them.
        next: The cursor of the next page, or None.
        missing: Why the only item is not shown, or "".
    """

    rows: list[dict[str, Any]]
    next: str | None = None
    missing: str = ""


class RunItemsPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the attempts that the address asks for."""
        filters = read_filters(ItemFilters, request.query_params.multi_items())
        chosen("outcome", filters.outcome, OUTCOMES)
        chosen("order", filters.order, ("index",))
        head = await read_head(self._asker, request.path_params["run"], caller, "items")
        tasks = [name for name, task in (head.status["tasks"] or {}).items() if task["visits"]]
        only = filters.task or (tasks[0] if filters.item and len(tasks) == 1 else "")
        page: ItemsPage | None = None
        if head.run is not None:
            page = await (self._one(head, only, filters, caller) if filters.item else self._page(head, filters, caller))
        return self._renderer.page(
            "run_items.html", viewer, path="/runs", head=head, filters=filters, tasks=tasks, page=page,
            outcomes=OUTCOMES, running=0 if head.progress is None else head.progress.running,
        )  # fmt: skip

    async def _page(self, head: RunHead, filters: ItemFilters, caller: Caller) -> ItemsPage:
        query = Items(
            head.id, task=filters.task or None, outcome=filters.outcome or None, cursor=filters.cursor or None,
            limit=ROWS, visit=filters.number("visit", 1), order="index" if filters.order else "ended",
            min_attempts=_RETRIED if filters.retried else 1,
        )  # fmt: skip
        try:
            answer = await self._asker.ask(query, caller, ItemsAnswer)
        except (UnknownTask, UnknownVisit) as error:
            return ItemsPage([], missing=str(error))
        return ItemsPage(answer.items, answer.next)

    async def _one(self, head: RunHead, task: str, filters: ItemFilters, caller: Caller) -> ItemsPage:
        """Return the attempts of the only item."""
        index = filters.number("item") or 0
        if not task:
            return ItemsPage([], missing="Choose the task of the item.")
        wanted = Item(head.id, task, index, filters.number("visit", 1))
        try:
            item = (await self._asker.ask(wanted, caller, ItemAnswer)).item
        except (UnknownItem, UnknownTask, UnknownVisit) as error:
            return ItemsPage([], missing=str(error))
        if not item["attempts"]:
            return ItemsPage([], missing=f"The item is {item['state'].replace('_', ' ')}: no attempt of it has ended.")
        rows = [{"task": task, "visit": item["visit"], "index": index, **each} for each in item["attempts"]]
        if rows and item["error"]:
            rows[-1]["error"] = item["error"]
        return ItemsPage(rows)
