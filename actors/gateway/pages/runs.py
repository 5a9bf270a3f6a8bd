"""The list of runs, with its filters in the URL."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.filters import chosen
from stretto.actors.gateway.pages.last_day import LastDays
from stretto.actors.gateway.pages.progress import Progress, progress_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.journal import MOST_SEARCHED, NoStore
from stretto.actors.operations import (
    CountsAnswer,
    Definitions,
    DefinitionsAnswer,
    RunCounts,
    Runs,
    RunsAnswer,
    Status,
    StatusAnswer,
)
from stretto.definitions.errors import StrettoError, nearest
from stretto.definitions.model import PRIORITIES

ROWS: Final = 50
"""Runs of a page."""
MOST_PROGRESS: Final = 20
"""Runs in progress of a page that are asked for their progress."""
STATUSES: Final = ("running", "paused", "failed", "succeeded", "cancelled")
"""The statuses that have a filter."""
MOST_OFFERED: Final = 200
"""Workflows and labels that the menus of the filters offer. Others can be typed."""
_PERIODS: Final[Mapping[str, tuple[str, float]]] = {
    "1h": ("last hour", 3600.0),
    "24h": ("last 24 h", 86_400.0),
    "7d": ("last 7 days", 604_800.0),
}
_VALUES: Final[Mapping[str, tuple[str, ...]]] = {"since": tuple(_PERIODS), "priority": PRIORITIES}
"""The filters that have one of a few values."""
_WITH: Final[Mapping[str, list[str]]] = {"paused": ["pausing", "paused"]}
"""The statuses that a filter lists, if they are several."""
_IN_PROGRESS: Final = frozenset({"running", "pausing", "paused", "failing", "cancelling", "cleaning"})


class Filters(msgspec.Struct, frozen=True):
    """The filters of a list, as the URL has them. Texts are empty without a filter.

    Attributes:
        status: The status.
        workflow: The ref.
        label: NAME=VALUE.
        since: A key of the periods.
        by: Who started the runs.
        priority: One of `PRIORITIES`.
        parent: A run: the list has those of its sub-workflows.
        q: A text in the workflow's ref or in a label.
        cursor: Where the page begins.
    """

    status: str = ""
    workflow: str = ""
    label: str = ""
    since: str = ""
    by: str = ""
    priority: str = ""
    parent: str = ""
    q: str = ""
    cursor: str = ""

    def url(self, **changed: str) -> str:
        """Return the URL of the list with other filters. A changed filter begins at the newest run."""
        fields = {**msgspec.structs.asdict(self), "cursor": "", **changed}
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"/?{query}" if query else "/"

    @property
    def are_set(self) -> bool:
        """Whether the list leaves out runs."""
        return self.url() != "/"


class Row(msgspec.Struct, frozen=True):
    """A run of the list, and its progress while it is in progress."""

    run: dict[str, Any]
    progress: Progress | None

    @property
    def is_in_progress(self) -> bool:
        """Whether it can be paused, resumed or cancelled."""
        return self.run["status"] in _IN_PROGRESS


class Known(msgspec.Struct, frozen=True):
    """The offers of the filters' menus: workflows of the catalogue, labels and people of the shown runs."""

    workflows: list[str]
    labels: list[str]
    people: list[str]


class RunsPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker
        self._last_days = LastDays(asker)

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the runs that the URL asks for."""
        filters = _narrowed(filters_of(request.query_params.multi_items()), caller)
        rows: list[Row] = []
        older, has_store, counts, last_day = None, True, None, None
        try:
            page = await self._asker.ask(_query(filters), caller, RunsAnswer)
        except NoStore:
            has_store = False
        else:
            older = page.next and filters.url(cursor=page.next)
            rows, counts, last_day = await asyncio.gather(
                self._rows(page.runs, caller), self._counts(filters, caller), self._last_days.of(caller)
            )
        return self._renderer.page(
            "runs.html", viewer, path="/", rows=rows, older=older, filters=filters, statuses=STATUSES,
            periods=_PERIODS, priorities=PRIORITIES, has_store=has_store, counts=counts, last_day=last_day,
            origin=f"{request.url.scheme}://{request.url.netloc}", workflows=caller.workflows,
            known=await self._known(rows, caller),
            searched=MOST_SEARCHED if (filters.q or filters.priority) and older and len(rows) < ROWS else 0,
        )  # fmt: skip

    async def _known(self, rows: list[Row], caller: Caller) -> Known:
        """Return what the menus of the filters offer."""
        found = (await self._asker.ask(Definitions(), caller, DefinitionsAnswer)).definitions
        usable = [each["ref"] for each in found if each["usable"]]
        labels = (f"{name}={value}" for row in rows for name, value in row.run["labels"].items())
        people = (row.run["requested_by"]["who"] for row in rows if row.run["requested_by"])
        return Known(usable[:MOST_OFFERED], sorted(set(labels))[:MOST_OFFERED], sorted(set(people)))

    async def _rows(self, runs: list[dict[str, Any]], caller: Caller) -> list[Row]:
        shown = [run["id"] for run in runs if run["status"] in _IN_PROGRESS][:MOST_PROGRESS]
        progress = dict(zip(shown, await asyncio.gather(*(self._progress(run, caller) for run in shown)), strict=True))
        return [Row(run, progress.get(run["id"])) for run in runs]

    async def _progress(self, run: str, caller: Caller) -> Progress | None:
        try:
            answer = await self._asker.ask(Status(run), caller, StatusAnswer)
        except StrettoError:  # the list is there without it
            return None
        return progress_of(answer.run["tasks"])

    async def _counts(self, filters: Filters, caller: Caller) -> dict[str, int] | None:
        """Return the numbers of runs of a period by status. Without a period they would have to count everything."""
        counted = Filters(since=filters.since, status=filters.status, workflow=filters.workflow)
        if not filters.since or counted.url() != filters.url() or caller.workflows is not None:
            return None
        since = time.time() - _PERIODS[filters.since][1]
        if not filters.workflow:
            return (await self._asker.ask(RunCounts(since, children="folded"), caller, CountsAnswer)).statuses
        answer = await self._asker.ask(RunCounts(since, "workflow", "folded"), caller, CountsAnswer)
        return (answer.workflows or {}).get(filters.workflow, {})


def filters_of(query: list[tuple[str, str]]) -> Filters:
    """Return the filters of a URL. Raises `Problem` for one that does not exist or has an unknown value."""
    known = Filters.__struct_fields__
    for name, value in query:
        if name not in known:
            hint = nearest(name, known)
            raise Problem("bad_request", f"the list has no filter {name[:100]!r}" + (f"; {hint}" if hint else ""))
        if name in _VALUES:
            chosen(name, value.strip(), _VALUES[name])
        if name == "label" and value and "=" not in value:
            raise Problem("bad_request", f"`label` must be NAME=VALUE, got {value[:100]!r}")
    return Filters(**{name: value.strip() for name, value in query})


def _narrowed(filters: Filters, caller: Caller) -> Filters:
    """Return the filters with a workflow, if the caller is restricted to some and has not chosen one."""
    if not caller.workflows or filters.workflow:
        return filters
    return msgspec.structs.replace(filters, workflow=caller.workflows[0])


def _query(filters: Filters) -> Runs:
    name, _, value = filters.label.partition("=")
    return Runs(
        status=_WITH.get(filters.status, filters.status) or None,
        workflow=filters.workflow or None, labels={name: value} if name else None,
        since=time.time() - _PERIODS[filters.since][1] if filters.since else None, search=filters.q or None,
        children="listed" if filters.parent else "folded", cursor=filters.cursor or None, limit=ROWS,
        parent=filters.parent or None, by=filters.by or None,
        priority=next((each for each in PRIORITIES if each == filters.priority), None),
    )  # fmt: skip
