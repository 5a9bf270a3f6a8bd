"""The page to log in: a script sends the code behind the `#`, a form sends a token."""

import re
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Forbidden, Unauthenticated
from stretto.actors.gateway.http.bodies import RequestMemory
from stretto.actors.gateway.http.problems import STATUSES, Problem
from stretto.actors.gateway.http.sessions import NEXT, Sessions
from stretto.actors.gateway.pages.forms import fields_of
from stretto.actors.gateway.pages.rendering import Renderer
from stretto.actors.operations import LogIn

_OWN_PATH: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
"""The path of a page of this daemon: browsers read //host and /\\host as another site."""


class EnterPage:
    """The page, and what its form sends.

    Args:
        renderer: Makes the page.
        sessions: Begins sessions.
        memory: Receives forms.
    """

    def __init__(self, renderer: Renderer, sessions: Sessions, memory: RequestMemory) -> None:
        self._renderer = renderer
        self._sessions = sessions
        self._memory = memory

    async def answer(self, request: Request) -> Response:
        """Show the page, or log in with a token and show the page that was asked for."""
        if request.method != "POST":
            return self._page(own_path(request.query_params.get(NEXT)))
        then = "/"
        try:
            self._sessions.admit(request)
            fields = await fields_of(request, self._memory)
            then = own_path(fields.get(NEXT))
            begun = await self._sessions.begin(request, LogIn(token=fields.get("token", "").strip() or "-"))
        except (Unauthenticated, Forbidden) as error:
            return self._page(then, STATUSES[error.code], str(error))
        except Problem as problem:
            if problem.code != "too_many_logins":
                raise
            response = self._page(then, STATUSES[problem.code], problem.detail)
            response.headers.update(problem.headers)
            return response
        response = RedirectResponse(then, HTTPStatus.SEE_OTHER)
        self._sessions.give(request, response, begun)
        return response

    def _page(self, then: str, status: int = HTTPStatus.OK, problem: str = "") -> Response:
        return self._renderer.page("enter.html", None, status, then=then, problem=problem)


def own_path(path: str | None) -> str:
    """Return a path if it is one of this daemon, else that of the first page."""
    return path if path is not None and _OWN_PATH.fullmatch(path) else "/"
