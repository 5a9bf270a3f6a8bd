"""The actions that definitions can call: their list, and each one with its inputs and who uses it."""

from collections import Counter
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.schemas import fields_of_schema, type_in_words
from stretto.actors.operations import ActionAnswer, Actions, ActionsAnswer, ShowAction

ACTIONS_PATH: Final = "/actions"
MOST_LISTED: Final = 500
"""Actions of a page. With more, the search finds the others."""
MOST_QUERY: Final = 200


class ActionsPage:
    """The pages.

    Args:
        renderer: Makes them.
        asker: Asks for the actions.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the actions that the URL asks for, and how many each pack has."""
        query = texts_of(request.query_params.multi_items(), ("q", "pack"))
        q, pack = query["q"], query["pack"]
        if len(q) > MOST_QUERY:
            raise Problem("bad_request", f"`q` must have at most {MOST_QUERY} characters (MOST_QUERY), got {len(q):,}")
        found = (await self._asker.ask(Actions(q or None), caller, ActionsAnswer)).actions
        packs = Counter(action["pack"] for action in found)
        listed = [action for action in found if not pack or action["pack"] == pack]
        return self._renderer.page(
            "actions.html", viewer, path=ACTIONS_PATH, actions=listed[:MOST_LISTED], left=len(listed) - MOST_LISTED,
            packs=sorted(packs.items()), total=len(found), q=q, pack=pack, url=_url_of,
        )  # fmt: skip

    async def show_one(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show one action."""
        action = (await self._asker.ask(ShowAction(request.path_params["ref"]), caller, ActionAnswer)).action
        return self._renderer.page(
            "action.html", viewer, path=ACTIONS_PATH, action=action, fields=fields_of_schema(action["parameters"]),
            takes_anything=action["parameters"].get("additionalProperties", True) is not False,
            returns=type_in_words(action["output"]),
        )  # fmt: skip


def _url_of(q: str, pack: str) -> str:
    """Return the URL of the list with a search and a pack, each "" without one."""
    query = urlencode({name: value for name, value in (("q", q), ("pack", pack)) if value})
    return ACTIONS_PATH + (f"?{query}" if query else "")
