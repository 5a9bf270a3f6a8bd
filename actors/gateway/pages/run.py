"""The overview of a run."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.grouping import like_errors, like_waits
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import read_head
from stretto.actors.operations import Errors, ErrorsAnswer, WaitsAnswer, Why

MOST_GROUPED_AT_ONCE: Final = 200
"""Failed items that are grouped for the page at once. With more, which take longer, it has a link for that."""


class RunPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show a run."""
        head = await read_head(self._asker, request.path_params["run"], caller)
        groups: list[dict[str, Any]] = []
        failed = head.progress.failed if head.progress is not None else 0
        wants_groups = request.query_params.get("errors") == "all"
        if head.run is not None and (wants_groups or 0 < failed <= MOST_GROUPED_AT_ONCE):
            groups = (await self._asker.ask(Errors(head.id), caller, ErrorsAnswer)).groups
        waits: list[dict[str, Any]] = []
        if not head.ended:
            waits = (await self._asker.ask(Why(head.id), caller, WaitsAnswer)).reasons
        return self._renderer.page(
            "run.html", viewer, path="/runs", head=head, groups=groups, waits=like_waits(waits),
            errors=like_errors(head.run["errors"] if head.run else ()), failed=failed,
        )  # fmt: skip
