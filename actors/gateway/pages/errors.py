"""Why a request was refused, as a page; and the pages that say what each code means."""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.gateway.http.problems import STATUSES, Problem
from stretto.actors.gateway.pages.explanations import EXPLANATIONS
from stretto.actors.gateway.pages.rendering import HEADERS, Renderer, Viewer
from stretto.actors.operations import API
from stretto.definitions.errors import nearest

VIEWER: Final = "viewer"
"""The name of the viewer in the state of a request's scope, once that is known."""
_OF_THE_STORE: Final = frozenset({"store_unavailable", "store_lost"})
_SUGGESTED: Final = re.compile(r"did you mean '([^']+)'\?")
_PLACES: Final[Mapping[str, str]] = {"unknown_workflow": "/definitions/{}", "unknown_action": "/actions/{}"}
"""The address of a name that is meant instead of an unknown one, by the code of the problem."""


class Nearest(msgspec.Struct, frozen=True):
    """The page that may have been meant: its name and its address."""

    name: str
    path: str


def without_suggestion(detail: str) -> str:
    """Return the detail of a problem without the name that it suggests, for a page that has a link instead."""
    return _SUGGESTED.sub("", detail).rstrip("; ")


def nearest_place(path: str, problem: Problem) -> Nearest | None:
    """Return the page that a problem suggests in place of the one at a path, or None."""
    found = _SUGGESTED.search(problem.detail)
    if found is None:
        return None
    name = found[1]
    if problem.code in _PLACES:
        return Nearest(name, _PLACES[problem.code].format(quote(name)))
    if problem.code == "unknown_task":
        return Nearest(name, f"{quote(path)}?{urlencode({'task': name})}")
    if problem.code != "not_found":
        return None
    if not name.startswith("/"):
        return Nearest(name, f"/problems/{quote(name)}") if path.startswith("/problems/") else None
    return None if "{" in name or name.startswith("/api/") else Nearest(name, name)


class ErrorPages:
    """The pages of refusals.

    Args:
        renderer: Makes the pages.
        viewer_of: Returns who looks, or None for who is not logged in.
    """

    def __init__(self, renderer: Renderer, viewer_of: Callable[[Request], Viewer | None]) -> None:
        self._renderer = renderer
        self._viewer_of = viewer_of

    def page_of(self, scope: Any, problem: Problem, request_id: str) -> tuple[dict[str, str], bytes] | None:
        """Return the headers and the text of a refusal as a page, or None if no browser asks for a page.

        Args:
            scope: The request's scope.
            problem: The problem.
            request_id: The id of the request, which the log has.
        """
        accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        if b"text/html" not in accepted or scope["path"].startswith(f"{API}/"):
            return None
        status = STATUSES[problem.code]
        meant = nearest_place(scope["path"], problem)
        query = scope["query_string"].decode("ascii", "replace")
        asked = quote(scope["path"]) + (f"?{query}" if query else "")
        viewer = scope["state"].get(VIEWER)
        if viewer is None and problem.code == "not_found":  # no page has the address, so none has asked who looks
            viewer = self._viewer_of(Request(scope))
        text = self._renderer.text(
            "refused.html", viewer, problem=problem, nearest=meant,
            detail=problem.detail if meant is None else without_suggestion(problem.detail),
            store_is_down=problem.code in _OF_THE_STORE, again=asked if scope["method"] == "GET" else "",
            status=status, title=HTTPStatus(status).phrase,
            request_id=request_id, explanation=EXPLANATIONS[problem.code],
        )  # fmt: skip
        return {**HEADERS, "content-type": "text/html; charset=utf-8", **problem.headers}, text.encode()

    async def explain(self, request: Request) -> Response:
        """Show what a code means, which is the `type` of a problem."""
        code = request.path_params["code"]
        if code not in EXPLANATIONS:
            hint = nearest(code, EXPLANATIONS)
            raise Problem("not_found", f"there is no problem {code[:100]!r}" + (f"; {hint}" if hint else ""))
        return self._renderer.page(
            "problem.html", self._viewer_of(request), code=code, status=STATUSES[code],
            explanation=EXPLANATIONS[code],
        )  # fmt: skip
