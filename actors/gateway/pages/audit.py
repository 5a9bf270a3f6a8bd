"""The audit: who asked for which change. For administrators."""

import re
import time
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.operations import Audit, AuditAnswer
from stretto.definitions.errors import refused_choice

AUDIT_PATH: Final = "/audit"
ROWS: Final = 50
"""Entries of a page."""
PERIODS: Final[Mapping[str, tuple[str, float]]] = {
    "1h": ("last hour", 3600.0),
    "24h": ("last 24 h", 86_400.0),
    "7d": ("last 7 days", 604_800.0),
    "30d": ("last 30 days", 2_592_000.0),
}
"""The periods that can be chosen, each with its words and its seconds."""
_PARAMETERS: Final = ("who", "since", "cursor")
_RUN_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Linked(NamedTuple):
    """A text that names a run, which leads to its page: what is before the id, the id or "", and what is behind it."""

    before: str
    run: str
    after: str


class AuditPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks for the entries.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the entries that the URL asks for, the newest first."""
        query = texts_of(request.query_params.multi_items(), _PARAMETERS)
        who, period = query["who"], query["since"]
        if period and period not in PERIODS:
            raise Problem("bad_request", refused_choice("`since`", PERIODS, period))
        since = time.time() - PERIODS[period][1] if period else None
        wanted = Audit(since, who or None, query["cursor"] or None, ROWS)
        page = await self._asker.ask(wanted, caller, AuditAnswer)
        return self._renderer.page(
            "audit.html", viewer, path=AUDIT_PATH, entries=page.entries, who=who, period=period, periods=PERIODS,
            is_first=not query["cursor"], newest=_url_of(who=who, since=period), url=_url_of,
            older=page.next and _url_of(who=who, since=period, cursor=page.next), linked=linked,
        )  # fmt: skip


def _url_of(**query: str) -> str:
    text = urlencode({name: value for name, value in query.items() if value})
    return AUDIT_PATH + (f"?{text}" if text else "")


def linked(text: str) -> Linked:
    """Return a text of an entry with the first run that it names."""
    found = _RUN_ID.search(text)
    return Linked(text, "", "") if found is None else Linked(text[: found.start()], found[0], text[found.end() :])
