"""Why a request was refused, as a page; and the pages that say what each code means."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.gateway.http.problems import STATUSES, Problem
from stretto.actors.gateway.pages.explanations import EXPLANATIONS
from stretto.actors.gateway.pages.rendering import HEADERS, Renderer
from stretto.actors.operations import API
from stretto.definitions.errors import nearest


class ErrorPages:
    """The pages of refusals.

    Args:
        renderer: Makes the pages.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

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
        text = self._renderer.text(
            "refused.html", None, problem=problem, status=status, title=HTTPStatus(status).phrase,
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
            "problem.html", None, code=code, status=STATUSES[code], explanation=EXPLANATIONS[code]
        )
