"""The list of definitions, refused ones first."""

import asyncio
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.definition_paths import DEFINITIONS_PATH
from stretto.actors.gateway.pages.past_runs import PastRuns, past_runs
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.operations import Definitions, DefinitionsAnswer
from stretto.definitions.errors import nearest

ROWS: Final = 25
"""Definitions of a page."""
MAX_SEARCH: Final = 200
"""The most characters of a text that is looked for."""
SHOWN_FINDINGS: Final = 3
"""Findings of a definition in the list."""
_MOST_DIGITS: Final = 6


class Place(msgspec.Struct, frozen=True):
    """Which part of the list is shown, as the URL has it.

    Attributes:
        q: A text in the ref, the label, the description or the file. Empty texts are in all.
        page: The number of the page, from 1.
    """

    q: str = ""
    page: int = 1

    def url(self, page: int) -> str:
        """Return the URL of another page of the same list."""
        fields = {"q": self.q, "page": "" if page == 1 else str(page)}
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"{DEFINITIONS_PATH}?{query}" if query else DEFINITIONS_PATH


class Row(msgspec.Struct, frozen=True):
    """A definition of the list, and its last runs, or None if they are not known."""

    definition: dict[str, Any]
    past: PastRuns | None

    @property
    def left_out(self) -> int:
        """How many findings are not shown."""
        count: int = self.definition["errors"] + self.definition["warnings"]
        return max(count - SHOWN_FINDINGS, 0)


class DefinitionsPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the definitions that the URL asks for."""
        place = place_of(request.query_params.multi_items())
        found = (await self._asker.ask(Definitions(place.q or None), caller, DefinitionsAnswer)).definitions
        first = (place.page - 1) * ROWS
        rows = await asyncio.gather(*(self._row(each, caller) for each in found[first : first + ROWS]))
        return self._renderer.page(
            "definitions.html", viewer, path=DEFINITIONS_PATH, place=place, count=len(found),
            refused=[row for row in rows if not row.definition["usable"]],
            usable=[row for row in rows if row.definition["usable"]],
            earlier=place.url(place.page - 1) if place.page > 1 else None,
            later=place.url(place.page + 1) if first + ROWS < len(found) else None, shown_findings=SHOWN_FINDINGS,
        )  # fmt: skip

    async def _row(self, definition: dict[str, Any], caller: Caller) -> Row:
        if definition["ref"] is None:
            return Row(definition, None)
        return Row(definition, await past_runs(self._asker, definition["ref"], caller))


def place_of(query: list[tuple[str, str]]) -> Place:
    """Return the place in the list that a URL has. Raises `Problem` for one that does not exist."""
    fields = dict(query)
    unknown = next((name for name in fields if name not in Place.__struct_fields__), None)
    if unknown is not None:
        hint = nearest(unknown, Place.__struct_fields__)
        raise Problem("bad_request", f"the list has no filter {unknown[:100]!r}" + (f"; {hint}" if hint else ""))
    page = fields.get("page") or "1"
    if not (page.isascii() and page.isdigit() and len(page) <= _MOST_DIGITS and int(page) > 0):
        raise Problem("bad_request", f"`page` must be a number from 1, got {page[:100]!r}")
    return Place(fields.get("q", "").strip()[:MAX_SEARCH], int(page))
