"""The history of a run: its entries, a page at a time, with filters and a jump to a time."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.filters import PageFilters, read_filters
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import RunHead, read_head
from stretto.actors.gateway.pages.values import ShownValue, shown_value
from stretto.actors.gateway.pages.words import moment
from stretto.actors.history import KINDS
from stretto.actors.operations import API, History, HistoryAnswer

ROWS: Final = 50
"""Entries of a page."""
MOST_DETAIL_BYTES: Final = 4 * 1024
"""The JSON of an entry that stands on the page. A larger one is a link."""
MOST_STEPS: Final = 80
"""Questions for the entry of a time: each halves, or doubles, the entries in question."""
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_SHOWN_LAST: Final = frozenset({"began_at", "seconds"})
_SHOWN_APART: Final = frozenset({"number", "type", "task", "visit", "index", "attempt", "outcome", "at"})


class HistoryFilters(PageFilters, frozen=True):
    """The filters of the table.

    Attributes:
        task: Only entries of this task.
        kind: Only entries of this type.
        after: Only entries with a higher number.
        at: Only entries at this time or later: HH:MM or HH:MM:SS in UTC, or a whole time in RFC 3339.
    """

    task: str = ""
    kind: str = ""
    after: str = ""
    at: str = ""


class HistoryRow(msgspec.Struct, frozen=True):
    """An entry as the page shows it.

    Attributes:
        entry: Its fields.
        offset: Seconds since the run was accepted, or None for an entry without a time.
        more: The fields that have no column, or None if there are none.
    """

    entry: dict[str, Any]
    offset: float | None
    more: ShownValue | None


class RunHistoryPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the entries that the address asks for."""
        filters = read_filters(HistoryFilters, request.query_params.multi_items())
        head = await read_head(self._asker, request.path_params["run"], caller, "history")
        rows: list[HistoryRow] = []
        following: int | None = None
        if head.run is not None:
            after = filters.number("after")
            if after is None:
                after = await self._before(head, filters.at, caller) if filters.at else -1
            query = History(head.id, after=after, kind=filters.kind or None, task=filters.task or None, limit=ROWS)
            answer = await self._asker.ask(query, caller, HistoryAnswer)
            rows, following = [_row(entry, head) for entry in answer.entries], answer.next
        return self._renderer.page(
            "run_history.html", viewer, path="/runs", head=head, filters=filters, kinds=KINDS, rows=rows,
            following=following, tasks=list(head.status["tasks"] or {}),
        )  # fmt: skip

    async def _before(self, head: RunHead, text: str, caller: Caller) -> int:
        """Return the number of the last entry before a time, or -1."""
        assert head.run is not None  # noqa: S101 - an entry is looked for with a store only
        at = _time(text, moment(head.run["accepted_at"]))
        known, behind, step = -1, None, 1
        for _ in range(MOST_STEPS):
            if behind is not None and behind - known <= 1:
                break
            middle = known + step if behind is None else (known + behind) // 2
            found = (await self._asker.ask(History(head.id, after=middle - 1, limit=1), caller, HistoryAnswer)).entries
            if found and (found[0].get("at") is None or moment(found[0]["at"]) < at):
                known, step = found[0]["number"], 2 * step
            else:
                behind = middle
        return known


def _row(entry: dict[str, Any], head: RunHead) -> HistoryRow:
    names = sorted((name for name in entry if name not in _SHOWN_APART), key=_SHOWN_LAST.__contains__)
    more = {name: entry[name] for name in names if entry[name] is not None}
    offset = None
    if entry.get("at") is not None and head.run is not None:
        offset = (moment(entry["at"]) - moment(head.run["accepted_at"])).total_seconds()
    href = f"{API}{head.path}/history?after={entry['number'] - 1}&limit=1"
    return HistoryRow(entry, offset, shown_value(more, href, MOST_DETAIL_BYTES) if more else None)


def _time(text: str, accepted: datetime) -> datetime:
    """Return the time of a filter. A clock is of the day on which the run was accepted, or of the next one."""
    clock = _CLOCK.fullmatch(text)
    try:
        if clock is None:
            found = datetime.fromisoformat(text)
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        hour, minute, second = (int(part or 0) for part in clock.groups())
        found = accepted.astimezone(UTC).replace(hour=hour, minute=minute, second=second, microsecond=0)
        before = found + timedelta(minutes=1) < accepted
        return found + timedelta(days=1) if before else found
    except ValueError:
        raise Problem("bad_request", f"`at` must be HH:MM:SS or a time in RFC 3339, got {text[:100]!r}") from None
