"""Events: their search, and each with the runs that rules have started, why other rules have not, and its replay."""

import time
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.audit import PERIODS
from stretto.actors.gateway.pages.forms import request_from
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.operations import events
from stretto.definitions.data import encode_json
from stretto.definitions.errors import refused_choice
from stretto.definitions.rules import SCHEDULE_EVENT

EVENTS_PATH: Final = "/events"
ROWS: Final = 50
"""Events of a page."""
SHOWN_BYTES: Final = 32 * 1024
"""Bytes of a payload that the page shows. The API has all of it."""
ANSWERED: Final = {"yes": True, "no": False}
"""The choices whether a rule has answered."""
_PARAMETERS: Final = ("type", "source", "answered", "since", "cursor")


class EventsPage:
    """The pages, and the form that replays an event.

    Args:
        renderer: Makes the pages.
        asker: Asks for the events.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the events that the URL asks for, the newest first."""
        query = texts_of(request.query_params.multi_items(), _PARAMETERS)
        answered, period = query["answered"], query["since"]
        if answered and answered not in ANSWERED:
            raise Problem("bad_request", f"`answered` must be yes or no, got {answered[:100]!r}")
        if period and period not in PERIODS:
            raise Problem("bad_request", refused_choice("`since`", PERIODS, period))
        wanted = request_from(
            events.Events, event_type=query["type"] or None, source=query["source"] or None,
            since=time.time() - PERIODS[period][1] if period else None, matched=ANSWERED.get(answered),
            cursor=query["cursor"] or None, limit=ROWS,
        )  # fmt: skip
        page = await self._asker.ask(wanted, caller, events.EventsAnswer)
        filters = {name: query[name] for name in _PARAMETERS if name != "cursor"}
        return self._renderer.page(
            "events.html", viewer, path=EVENTS_PATH, events=page.events, filters=filters, periods=PERIODS, url=_url_of,
            newest=_url_of(**filters) if query["cursor"] else None,
            older=page.next and _url_of(**filters, cursor=page.next),
        )  # fmt: skip

    async def show_one(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show an event: which rules have answered, and why others have not."""
        texts_of(request.query_params.multi_items(), ())
        wanted = request_from(events.ShowEvent, event=request.path_params["event"])
        event = (await self._asker.ask(wanted, caller, events.EventShown)).event
        return self._renderer.page(
            "event.html", viewer, path=EVENTS_PATH, event=event, is_due_time=event["type"] == SCHEDULE_EVENT,
            is_cut=_size_of(event["payload"]) > SHOWN_BYTES, url=_url_of,
        )  # fmt: skip

    async def replay(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Accept a copy of an event, and lead to it."""
        wanted = request_from(events.ReplayEvent, event=request.path_params["event"], note=fields.get("note"))
        again = (await self._asker.ask(wanted, caller, events.EventAnswer)).event
        return RedirectResponse(f"{EVENTS_PATH}/{quote(again, safe='')}", HTTPStatus.SEE_OTHER)


def _size_of(payload: Any) -> int:
    return len(encode_json(payload))


def _url_of(**query: str) -> str:
    text = urlencode({name: value for name, value in query.items() if value})
    return EVENTS_PATH + (f"?{text}" if text else "")
