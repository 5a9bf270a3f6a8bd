"""The overview of a run: its graph, and the task that asks for attention with its items, errors and one item."""

from contextlib import suppress
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.item_values import NO_TEXTS, ItemTexts, ItemValues
from stretto.actors.gateway.pages.asked import Asked, asked_of
from stretto.actors.gateway.pages.fan_out import FanOut, fan_out_of
from stretto.actors.gateway.pages.focus import FactsOfTasks, TaskFacts, focus_of
from stretto.actors.gateway.pages.grouping import like_errors, like_waits
from stretto.actors.gateway.pages.item_panel import ItemPanels, Panel, ShownItem
from stretto.actors.gateway.pages.item_states import ItemStates, chosen_of
from stretto.actors.gateway.pages.related import Related
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import RunHead, read_head
from stretto.actors.gateway.pages.task_controls import TASK_ACTS
from stretto.actors.gateway.pages.task_graph import TaskGraphs
from stretto.actors.history import UnknownGroup
from stretto.actors.journal import NoStore
from stretto.actors.operations import (
    Cells,
    CellsAnswer,
    ErrorItems,
    ErrorItemsAnswer,
    Errors,
    ErrorsAnswer,
    Task,
    TaskAnswer,
    WaitsAnswer,
    Why,
)
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import StrettoError

MOST_GROUPED_AT_ONCE: Final = 200
"""Failed items that are grouped for the page at once. With more, which take longer, it has a link for that."""
MOST_LISTED: Final = 1_000
"""Tasks that the list beside the graph has."""
MOST_DRAWN_ALONE: Final = 12
"""Tasks whose graph is easy to read, so that their list is folded."""
_ENDED: Final = frozenset({"succeeded", "failed", "timed_out", "abandoned", "cancelled", "skipped"})


class Focus(msgspec.Struct, frozen=True):
    """The task that the page shows.

    Attributes:
        name: Its name.
        status: Its status.
        failed: The number of its failed items.
        window: Its window as it is now, {concurrency, max_failures}, or None if it starts no items.
        facts: What its definition says, or None if that is not known.
        fan_out: Its items, or None for a task with one item, and for one that has not begun.
        groups: Why items failed, {groups, others}, or None if that has not been looked at, or is not known.
        panel: The item that the page shows, or None.
        values: The values of the items that the page shows.
    """

    name: str
    status: str
    failed: int
    window: dict[str, Any] | None
    facts: TaskFacts | None
    fan_out: FanOut | None
    groups: dict[str, Any] | None
    panel: Panel | None
    values: ItemTexts


class OverviewPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
        graphs: Makes graphs of runs.
        values: Finds values of items.
    """

    def __init__(self, renderer: Renderer, asker: Asker, graphs: TaskGraphs, values: ItemValues) -> None:
        self._renderer = renderer
        self._asker = asker
        self._graphs = graphs
        self._values = values
        self._facts = FactsOfTasks(graphs.runs)
        self._panels = ItemPanels(asker)
        self._related = Related(asker)

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show a run, or the part of it that the address asks for."""
        asked = asked_of(request.path_params["run"], request.query_params.multi_items())
        head = await read_head(self._asker, asked.run, caller)
        tasks: dict[str, Any] = head.status["tasks"] or {}
        name = focus_of(tasks, asked.task)
        waits: list[dict[str, Any]] = []
        if not head.ended:
            with suppress(IllegalTransition):  # the run has ended since: the stream says so at once
                waits = (await self._asker.ask(Why(asked.run), caller, WaitsAnswer)).reasons
        children = await self._related.children_of(head, caller)
        graph = await self._graphs.graph_of(head.status)
        return self._renderer.page(
            "run.html", viewer, path="/runs", head=head, asked=asked, waits=like_waits(waits),
            errors=like_errors(_unhandled(head, name)),
            graph=graph, opens_list=graph is None or graph.is_wide or len(tasks) > MOST_DRAWN_ALONE,
            tasks=dict(list(tasks.items())[:MOST_LISTED]), unlisted=max(len(tasks) - MOST_LISTED, 0),
            ended_tasks=sum(task["status"] in _ENDED for task in tasks.values()), task_count=len(tasks),
            task_acts=TASK_ACTS, children=children,
            questions=await self._related.questions_of(head, children, caller),
            focus=None if name is None else await self._focus(asked, head, name, caller),
        )  # fmt: skip

    async def _focus(self, asked: Asked, head: RunHead, name: str, caller: Caller) -> Focus:
        report = head.status["tasks"][name]
        failed = report["items"]["failed"]
        facts = await self._facts.facts_of(asked.run, head.status["workflow"], name)
        states = await self._states(asked, name, caller)
        is_one = report["items"]["total"] == 1 and not (facts is not None and facts.fans_out)
        fan_out = None
        if report["visits"] and not is_one:
            times = await self._times(asked.run, name, caller)
            fan_out = fan_out_of(report, facts, states, times, asked)
        panel = None
        index = _index(asked, head, report, states, is_one=is_one)
        if report["visits"] and index is not None:
            shown = ShownItem(asked, name, index, states, None if facts is None else facts.where)
            panel = await self._panels.panel_of(shown, caller)
        groups = await self._groups(asked, name, failed, caller) if failed and not is_one else None
        values = (
            NO_TEXTS if is_one else await self._values_of(asked.run, name, report["visits"], fan_out, index, states)
        )
        return Focus(name, report["status"], failed, report.get("window"), facts, fan_out, groups, panel, values)

    async def _values_of(  # noqa: PLR0913, PLR0917 - the task, and what the page shows of it
        self, run: str, task: str, visit: int, fan_out: FanOut | None, index: int | None, states: ItemStates
    ) -> ItemTexts:
        """Return the values of the items that the page shows. Secrets are known once an item has started."""
        shown = [] if fan_out is None else [row.index for row in fan_out.rows if row.has_started]
        cell = None if index is None else states.cell(index)
        if cell is not None and cell.has_started and cell.index not in shown:
            shown.append(cell.index)
        return await self._values.of(run, task, visit, shown)

    async def _states(self, asked: Asked, task: str, caller: Caller) -> ItemStates:
        with suppress(NoStore, StrettoError):  # the counts stand there without them
            cells = (await self._asker.ask(Cells(asked.run, task), caller, CellsAnswer)).cells or b""
            if not asked.group:
                return ItemStates(cells)
            return ItemStates(cells, chosen_of((await self._group(asked, caller)).get(task, [])))
        return ItemStates(b"")

    async def _group(self, asked: Asked, caller: Caller) -> dict[str, list[list[int]]]:
        """Return the items of the chosen group: none if all of them have succeeded since it was chosen."""
        with suppress(UnknownGroup):
            return (await self._asker.ask(ErrorItems(asked.run, asked.group), caller, ErrorItemsAnswer)).items
        return {}

    async def _times(self, run: str, task: str, caller: Caller) -> dict[str, Any]:
        with suppress(NoStore, StrettoError):  # no rate can be shown without them
            return (await self._asker.ask(Task(run, task), caller, TaskAnswer)).task
        return {}

    async def _groups(self, asked: Asked, task: str, failed: int, caller: Caller) -> dict[str, Any] | None:
        if failed > MOST_GROUPED_AT_ONCE and asked.errors != "all":
            return None
        with suppress(NoStore):
            return msgspec.structs.asdict(await self._asker.ask(Errors(asked.run, task), caller, ErrorsAnswer))
        return None


def _unhandled(head: RunHead, focus: str | None) -> list[dict[str, Any]]:
    """Return the errors of a run that has not succeeded: of the focus the first one, since its items are shown."""
    if head.run is None or head.status["status"] == "succeeded":
        return []
    errors: list[dict[str, Any]] = head.run["errors"]
    first = next((error for error in errors if error.get("task") == focus), None)
    return [error for error in errors if error.get("task") != focus or error is first]


def _index(
    asked: Asked, head: RunHead, report: dict[str, Any], states: ItemStates, *, is_one: bool
) -> int | None:  # fmt: skip
    """Return the index of the item that the page shows, or None. A failed run opens on its first failed item."""
    if asked.item is not None:
        return asked.item
    if is_one:
        return 0
    if asked.task or head.status["status"] != "failed" or not report["items"]["failed"]:
        return None
    return states.first("failed")
