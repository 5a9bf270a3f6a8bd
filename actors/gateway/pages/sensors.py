"""Sensors: their states and counts, and one with its log and the form that restarts it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.forms import request_from
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.operations import (
    RestartSensor,
    Sensor,
    SensorAnswer,
    SensorLogs,
    SensorLogsAnswer,
    Sensors,
    SensorsAnswer,
)
from stretto.actors.sensors import SensorDisabled, SensorElsewhere

SENSORS_PATH: Final = "/sensors"
MOST_LISTED: Final = 500
"""Sensors of the page. The command line lists all."""
MOST_LINES: Final = 200
"""Lines of a log on the page."""
SHAPES: Final[Mapping[str, str]] = {
    "running": "running",
    "waiting": "retrying",
    "failing": "failed",
    "disabled": "cancelled",
    "refused": "failed",
    "elsewhere": "waiting",
    "stopped": "cancelled",
}
"""The mark of each status."""


class SensorsPage:
    """The pages of sensors, and the form.

    Args:
        renderer: Makes the pages.
        asker: Asks for the sensors.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show all sensors."""
        texts_of(request.query_params.multi_items(), ())
        found = (await self._asker.ask(Sensors(), caller, SensorsAnswer)).sensors
        return self._renderer.page(
            "sensors.html", viewer, path=SENSORS_PATH, sensors=found[:MOST_LISTED], left=len(found) - MOST_LISTED,
            shapes=SHAPES,
        )  # fmt: skip

    async def show_one(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show a sensor, to operators with its log."""
        texts_of(request.query_params.multi_items(), ())
        ref = request.path_params["sensor"]
        sensor = (await self._asker.ask(request_from(Sensor, sensor=ref), caller, SensorAnswer)).sensor
        log = None
        if viewer.operates and sensor["status"] in {"running", "waiting", "failing"}:
            log = await self._log_of(ref, caller)
        return self._renderer.page(
            "sensor.html", viewer, path=SENSORS_PATH, sensor=sensor, log=log, shapes=SHAPES, most=MOST_LINES
        )

    async def restart(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Restart a sensor."""
        ref = request.path_params["sensor"]
        wanted = request_from(RestartSensor, sensor=ref, note=fields.get("note"))
        await self._asker.ask(wanted, caller, SensorAnswer)
        return RedirectResponse(f"{SENSORS_PATH}/{quote(ref, safe='')}", HTTPStatus.SEE_OTHER)

    async def _log_of(self, ref: str, caller: Caller) -> SensorLogsAnswer | None:
        """Return the log, or None if the sensor has come to another engine meanwhile."""
        try:
            return await self._asker.ask(SensorLogs(ref, MOST_LINES), caller, SensorLogsAnswer)
        except (SensorDisabled, SensorElsewhere):
            return None
