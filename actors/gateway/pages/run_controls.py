"""The forms that change a run: pause, resume, cancel, its windows and limits, an item."""

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.forms import request_from
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import RunHead, read_head
from stretto.actors.journal import NoStore
from stretto.actors.operations import (
    Cancel,
    ControlRequest,
    Done,
    Extend,
    Pause,
    PreviewAnswer,
    PreviewCancel,
    Resume,
    RetryItem,
    SetConcurrency,
    SetMaxFailures,
    SkipItem,
)
from stretto.definitions.conductor import IllegalTransition

_MINUTE: Final = 60.0
_OF_ITEM: Final[Mapping[str, type[ControlRequest]]] = {"skip": SkipItem, "retry": RetryItem}


class Window(msgspec.Struct, frozen=True):
    """A fan-out that may start items, and the numbers that a form can change.

    Attributes:
        task: The task.
        concurrency: The items that may be in flight.
        max_failures: The items that may fail, or None without a limit.
        items: The counts of its items.
    """

    task: str
    concurrency: int
    max_failures: int | None
    items: dict[str, int | None]


class RunControls:
    """The forms, and the pages that ask.

    Args:
        renderer: Makes the pages.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def pause(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Pause the run."""
        return await self._change(Pause, request, caller, note=fields.get("note"))

    async def resume(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Resume the run."""
        return await self._change(Resume, request, caller, note=fields.get("note"))

    async def ask_to_cancel(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show what a cancellation would stop, in numbers, and ask."""
        head = await read_head(self._asker, request.path_params["run"], caller)
        preview: dict[str, Any] | None = None
        refusal = ""
        try:
            with suppress(NoStore):
                preview = (await self._asker.ask(PreviewCancel(head.id), caller, PreviewAnswer)).preview
        except IllegalTransition as error:
            refusal = str(error)
        return self._renderer.page("cancel.html", viewer, path="/runs", head=head, preview=preview, refusal=refusal)

    async def cancel(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Cancel the run."""
        return await self._change(Cancel, request, caller, note=fields.get("note"))

    async def ask_to_adjust(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the windows of the run's fan-outs, their limits of failures, and the deadline."""
        head = await read_head(self._asker, request.path_params["run"], caller)
        return self._renderer.page("adjust.html", viewer, path="/runs", head=head, windows=windows_of(head))

    async def adjust(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Change what differs from the values that the form was shown with."""
        values = {"run": request.path_params["run"], "note": fields.get("note")}
        changes: list[ControlRequest] = []
        if fields.get("minutes"):
            changes.append(request_from(Extend, **values, seconds=_seconds(fields["minutes"])))
        for name, kind in (("concurrency", SetConcurrency), ("max_failures", SetMaxFailures)):
            value = fields.get(name, "").strip()
            if value and value != fields.get(f"was_{name}"):
                changes.append(request_from(kind, **values, task=fields.get("task"), **{name: value}))
        for change in changes:
            await self._asker.ask(change, caller, Done)
        return RedirectResponse(f"/runs/{request.path_params['run']}/adjust", HTTPStatus.SEE_OTHER)

    async def ask_about_item(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Ask whether to skip or to retry an item."""
        head = await read_head(self._asker, request.path_params["run"], caller)
        query = request.query_params
        wanted = request_from(
            _kind_of(request), run=head.id, task=query.get("task"), index=query.get("item"), note=query.get("note")
        )
        return self._renderer.page(
            "item_control.html", viewer, path="/runs", head=head, act=request.path_params["act"], wanted=wanted
        )

    async def change_item(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Skip or retry an item."""
        task, index = fields.get("task"), fields.get("item")
        query = urlencode({"task": task or "", "item": index or ""})
        return await self._change(
            _kind_of(request), request, caller, query, task=task, index=index, note=fields.get("note")
        )

    async def _change(
        self, kind: type[ControlRequest], request: Request, caller: Caller, query: str = "", **values: Any
    ) -> Response:
        run_id = request.path_params["run"]
        await self._asker.ask(request_from(kind, run=run_id, **values), caller, Done)
        return RedirectResponse(f"/runs/{run_id}" + (f"?{query}" if query else ""), HTTPStatus.SEE_OTHER)


def windows_of(head: RunHead) -> list[Window]:
    """Return the windows of the run's fan-outs that may start items."""
    return [
        Window(name, task["window"]["concurrency"], task["window"]["max_failures"], task["items"])
        for name, task in (head.status["tasks"] or {}).items()
        if "window" in task
    ]


def _kind_of(request: Request) -> type[ControlRequest]:
    act = request.path_params["act"]
    if act not in _OF_ITEM:
        raise Problem("not_found", f"an item can be changed by {' or '.join(_OF_ITEM)}, got {act[:100]!r}")
    return _OF_ITEM[act]


def _seconds(minutes: str) -> float:
    try:
        return float(minutes) * _MINUTE
    except ValueError:
        raise Problem("bad_request", f"the minutes must be a number, got {minutes[:100]!r}") from None
