"""The counts of the menu: when a page is made, and for an open page that has no stream."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.engine import TriggerCounts
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.rendering import NO_COUNTS, MenuCounts, Viewer
from stretto.actors.operations import Inquiries, InquiriesAnswer
from stretto.definitions.errors import StrettoError

MENU_PATH: Final = "/menu"
MOST_COUNTED: Final = 99
"""The most inquiries that the menu counts."""
MOST_DIGITS: Final = 1_000
"""From this number on, thousands are shown: `1.2k`."""


class Menu:
    """The counts.

    Args:
        asker: Asks the engine.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def counts(self, caller: Caller) -> MenuCounts:
        """Return the counts, or none for a viewer who sees only some workflows."""
        if caller.workflows is not None:
            return NO_COUNTS
        try:
            triggers = await self._asker.count_triggers()
            return shown_counts(triggers, await self._inquiries(caller))
        except StrettoError:  # the page is there without them
            return NO_COUNTS

    async def show(self, _request: Request, _caller: Caller, viewer: Viewer) -> Response:
        """Answer with the counts as the menu shows them."""
        body = msgspec.json.encode(viewer.menu)
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})

    async def _inquiries(self, caller: Caller) -> str:
        try:
            page = await self._asker.ask(Inquiries(None, "pending", None, MOST_COUNTED), caller, InquiriesAnswer)
        except StrettoError:  # the store cannot be used now
            return ""
        count = len(page.inquiries)
        return f"{count}+" if page.next else str(count or "")


def shown_counts(triggers: TriggerCounts, inquiries: str) -> MenuCounts:
    """Return the counts as the menu shows them."""
    return MenuCounts(
        inquiries=inquiries, schedules=short_number(triggers.schedules), rules=short_number(triggers.rules),
        events=short_number(triggers.events), sensors=short_number(triggers.sensors_running),
        failing=short_number(triggers.sensors_failing),
    )  # fmt: skip


def short_number(number: int) -> str:
    """Return a number in at most four characters, as `menu.js` does, or "" for 0: `999`, `1.2k`, `12k`, `3.4M`."""
    if number < MOST_DIGITS:
        return str(number or "")
    for unit in ("k", "M", "G"):  # noqa: B007 - of the last turn, too
        number, rest = divmod(number, MOST_DIGITS)
        if number < MOST_DIGITS:
            break
    return f"{number}.{rest // 100}{unit}" if number < 10 else f"{number}{unit}"
