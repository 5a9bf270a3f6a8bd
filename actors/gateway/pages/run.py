"""One run: how it stands, and what can be done with it."""

from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.grouping import like_errors, like_waits
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import read_head
from stretto.actors.journal import NoStore
from stretto.actors.operations import (
    Cancel,
    Done,
    Errors,
    ErrorsAnswer,
    Pause,
    PreviewAnswer,
    PreviewCancel,
    Resume,
    Status,
    StatusAnswer,
    WaitsAnswer,
    Why,
)

MOST_GROUPED_AT_ONCE: Final = 200
"""Failed items that are grouped for the page at once. With more, which take longer, it has a link for that."""


class RunPage:
    """The page, and its forms.

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

    async def ask_to_cancel(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show what a cancellation would stop, in numbers, and ask."""
        run_id = request.path_params["run"]
        status = (await self._asker.ask(Status(run_id), caller, StatusAnswer)).run
        preview: dict[str, Any] | None = None
        with suppress(NoStore):
            preview = (await self._asker.ask(PreviewCancel(run_id), caller, PreviewAnswer)).preview
        return self._renderer.page("cancel.html", viewer, path="/runs", status=status, preview=preview)

    async def cancel(self, request: Request, caller: Caller, _fields: dict[str, str]) -> Response:
        """Cancel the run."""
        return await self._change(Cancel(request.path_params["run"]), caller)

    async def pause(self, request: Request, caller: Caller, _fields: dict[str, str]) -> Response:
        """Pause the run."""
        return await self._change(Pause(request.path_params["run"]), caller)

    async def resume(self, request: Request, caller: Caller, _fields: dict[str, str]) -> Response:
        """Resume the run."""
        return await self._change(Resume(request.path_params["run"]), caller)

    async def _change(self, control: Cancel | Pause | Resume, caller: Caller) -> Response:
        await self._asker.ask(control, caller, Done)
        return RedirectResponse(f"/runs/{control.run}", HTTPStatus.SEE_OTHER)
