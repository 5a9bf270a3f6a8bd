"""Pausing, resuming or cancelling several runs of the list: a page that says what would happen, and its form."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
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
from stretto.definitions.errors import StrettoError, refused_choice

SEVERAL_PATH: Final = "/several"
MOST_SELECTED: Final = 50
"""Runs that a form changes: those of one page of the list."""
_CONTROLS: Final[Mapping[str, type[Pause | Resume | Cancel]]] = {"pause": Pause, "resume": Resume, "cancel": Cancel}
_ACT: Final = "do"


class Selected(msgspec.Struct, frozen=True):
    """A selected run, and what a request would do to it, or has not done.

    Attributes:
        id: Its id.
        workflow: Its workflow.
        status: Its status.
        effect: What would be stopped, or None if that is not known.
        refusal: Why it was not changed, or "".
    """

    id: str
    workflow: str
    status: str
    effect: dict[str, Any] | None = None
    refusal: str = ""


class SeveralPage:
    """The page, and what its form sends.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def ask(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the selected runs, and what would happen to them."""
        act = _act_of(request.query_params.get(_ACT, ""))
        runs = _checked(request.query_params.getlist("run"))
        selected = [await self._selected(run, act, caller) for run in runs]
        return self._renderer.page("several.html", viewer, path="/runs", act=act, selected=selected, is_done=False)

    async def act(self, _request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Change the runs one after another. Those that could not be changed are shown with the reason."""
        act = _act_of(fields.get(_ACT, ""))
        refused = []
        for run in _checked(fields.get("runs", "").split()):
            try:
                await self._asker.ask(_CONTROLS[act](run), caller, Done)
            except StrettoError as error:
                refused.append(Selected(run, "", "", refusal=str(error)))
        if not refused:
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        return self._renderer.page(
            "several.html", None, HTTPStatus.CONFLICT, path="/runs", act=act, selected=refused, is_done=True
        )

    async def _selected(self, run: str, act: str, caller: Caller) -> Selected:
        status = (await self._asker.ask(Status(run), caller, StatusAnswer)).run
        effect = None
        if act == "cancel":
            with suppress(NoStore, StrettoError):  # the list is there without it
                effect = (await self._asker.ask(PreviewCancel(run), caller, PreviewAnswer)).preview
        return Selected(run, status["workflow"], status["status"], effect)


def _act_of(name: str) -> str:
    if name not in _CONTROLS:
        raise Problem("bad_request", refused_choice(f"`{_ACT}`", _CONTROLS, name))
    return name


def _checked(runs: Sequence[str]) -> Sequence[str]:
    if not 1 <= len(runs) <= MOST_SELECTED:
        raise Problem("bad_request", f"select 1 to {MOST_SELECTED} runs (MOST_SELECTED), got {len(runs):,}")
    return runs
