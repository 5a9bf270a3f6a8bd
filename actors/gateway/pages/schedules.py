"""Schedules: their states, policies and next due times, and the forms that pause, resume and trigger one."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.forms import request_from
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.operations import (
    PauseSchedule,
    ResumeSchedule,
    ScheduleAnswer,
    Schedules,
    SchedulesAnswer,
    ScheduleTriggered,
    TriggerSchedule,
)
from stretto.actors.operations import Request as Operation

SCHEDULES_PATH: Final = "/schedules"
MOST_LISTED: Final = 500
"""Schedules of the page. The command line lists all."""
_ACTS: Final[Mapping[str, tuple[type[Operation], type[msgspec.Struct]]]] = {
    "pause": (PauseSchedule, ScheduleAnswer),
    "resume": (ResumeSchedule, ScheduleAnswer),
    "trigger": (TriggerSchedule, ScheduleTriggered),
}


class SchedulesPage:
    """The page, and its forms.

    Args:
        renderer: Makes the page.
        asker: Asks for the schedules.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show all schedules."""
        texts_of(request.query_params.multi_items(), ())
        found = (await self._asker.ask(Schedules(), caller, SchedulesAnswer)).schedules
        return self._renderer.page(
            "schedules.html", viewer, path=SCHEDULES_PATH, schedules=found[:MOST_LISTED],
            left=len(found) - MOST_LISTED, policies=policies_of, shapes=SHAPES,
        )  # fmt: skip

    async def change(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Pause, resume or trigger a schedule. A trigger leads to its run."""
        act, ref = request.path_params["act"], request.path_params["schedule"]
        if act not in _ACTS:
            raise Problem("not_found", f"a schedule can be changed by {', '.join(_ACTS)}, got {act[:100]!r}")
        wanted, answer = _ACTS[act]
        done: Any = await self._asker.ask(request_from(wanted, schedule=ref, note=fields.get("note")), caller, answer)
        run = done.run if act == "trigger" else None
        path = SCHEDULES_PATH if run is None else f"/runs/{quote(run, safe='')}"
        return RedirectResponse(path, HTTPStatus.SEE_OTHER)


SHAPES: Final[Mapping[str, str]] = {
    "active": "succeeded",
    "paused": "paused",
    "disabled": "cancelled",
    "elsewhere": "waiting",
}
"""The mark of each status."""
_OVERLAPS: Final[Mapping[str, str]] = {
    "allow": "runs may overlap",
    "skip": "skipped while a run is in progress",
    "queue_one": "one waits for a run in progress",
    "cancel_older": "a run in progress is cancelled",
}


def policies_of(schedule: Mapping[str, Any]) -> str:
    """Return the policies of a schedule in words."""
    missed = schedule["missed_policy"]
    made_up = {"skip": "missed times are skipped", "one": "one run for missed times"}.get(missed, f"missed: {missed}")
    jitter = f", up to {schedule['jitter']} s later" if schedule["jitter"] else ""
    return f"{made_up}; {_OVERLAPS[schedule['overlap_policy']]}{jitter}"
