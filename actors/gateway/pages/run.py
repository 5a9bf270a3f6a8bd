"""The forms that change a run."""

from contextlib import suppress
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.journal import NoStore
from stretto.actors.operations import (
    Cancel,
    Done,
    Pause,
    PreviewAnswer,
    PreviewCancel,
    Resume,
    Status,
    StatusAnswer,
)


class RunPage:
    """The forms of a run.

    Args:
        renderer: Makes the pages that ask.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

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
