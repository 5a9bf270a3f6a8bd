"""The forms that pause, resume or cancel one task of a run, and the page that asks before a cancellation."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.focus import known_task
from stretto.actors.gateway.pages.forms import request_from
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import read_head
from stretto.actors.operations import CancelTask, ControlRequest, Done, PauseTask, ResumeTask
from stretto.definitions.conductor import ENDED

_CONTROLS: Final[Mapping[str, type[ControlRequest]]] = {"cancel": CancelTask, "pause": PauseTask, "resume": ResumeTask}


class TaskAct(msgspec.Struct, frozen=True):
    """When a task can be changed in a way.

    Attributes:
        tasks: The statuses of the task.
        runs: The statuses of its run.
    """

    tasks: tuple[str, ...]
    runs: tuple[str, ...]

    def fits(self, task: str, run: str) -> bool:
        """Return whether a task with the first status, in a run with the second one, can be changed so."""
        return task in self.tasks and run in self.runs


TASK_ACTS: Final[Mapping[str, TaskAct]] = {
    "resume": TaskAct(("pausing", "paused"), ("running", "paused")),
    "pause": TaskAct(("running", "retrying", "awaiting", "delayed", "held"), ("running",)),
    "cancel": TaskAct(
        ("running", "retrying", "awaiting", "delayed", "held", "pausing", "paused"),
        ("running", "pausing", "paused", "failing"),
    ),
}
"""The changes that a page offers for a task."""


class Stopped(msgspec.Struct, frozen=True):
    """The effect of a cancellation.

    Attributes:
        running: The items that are stopped.
        left: The items that are not started, or None if not all of them are known.
    """

    running: int
    left: int | None


class TaskControls:
    """The forms, and the page that asks.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def ask_to_cancel(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show what the cancellation of a task would stop, and ask."""
        head = await read_head(self._asker, request.path_params["run"], caller)
        tasks = head.status["tasks"] or {}
        task = known_task(tasks, request.query_params.get("task", ""))
        report = tasks[task]
        return self._renderer.page(
            "task_cancel.html", viewer, path="/runs", head=head, task=task, status=report["status"],
            stopped=stopped_of(report), back=_url_of(head.id, task),
            can_be_cancelled=TASK_ACTS["cancel"].fits(report["status"], head.status["status"]),
        )  # fmt: skip

    async def cancel(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Cancel a task."""
        return await self._change(CancelTask, request, caller, fields)

    async def change(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Pause or resume a task."""
        act = request.path_params["act"]
        if act not in _CONTROLS:
            raise Problem("not_found", f"a task can be changed by {', '.join(_CONTROLS)}, got {act[:100]!r}")
        return await self._change(_CONTROLS[act], request, caller, fields)

    async def _change(
        self, kind: type[ControlRequest], request: Request, caller: Caller, fields: dict[str, str]
    ) -> Response:
        run, task = request.path_params["run"], fields.get("task", "")
        wanted = request_from(kind, run=run, task=task, note=fields.get("note"))
        await self._asker.ask(wanted, caller, Done)
        return RedirectResponse(_url_of(run, task), HTTPStatus.SEE_OTHER)


def stopped_of(report: Mapping[str, Any]) -> Stopped:
    """Return what a cancellation would stop of a task with this report. A task that has ended has nothing left."""
    items = report["items"]
    if report["status"] in ENDED:
        return Stopped(0, 0)
    ended = items["succeeded"] + items["failed"] + items["running"]
    return Stopped(items["running"], None if items["total"] is None else max(items["total"] - ended, 0))


def _url_of(run: str, task: str) -> str:
    return f"/runs/{run}?{urlencode({'task': task})}"
