"""The requests about sensors."""

from typing import Annotated, Any

import msgspec

from stretto.actors.operations.base import NotedRequest, Request
from stretto.actors.sensors import LOG_LINES, MAX_LOG_LINES

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
"""The ref of a sensor."""


class Sensors(Request, frozen=True, tag="sensors"):
    """Return all sensors, by ref, each with its status and its counts."""


class Sensor(Request, frozen=True, tag="sensor"):
    """Return a sensor with its status and its counts."""

    sensor: Ref


class SensorLogs(Request, frozen=True, tag="sensor_logs"):
    """Return the newest `count` lines of a sensor's log."""

    sensor: Ref
    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_LOG_LINES)] = LOG_LINES


class RestartSensor(NotedRequest, frozen=True, tag="restart_sensor"):
    """End the process of a sensor, and start it anew without a wait."""

    sensor: Ref


class SensorsAnswer(msgspec.Struct, frozen=True, tag="sensors"):
    """The sensors, as `Engine.sensors` returns them."""

    sensors: list[dict[str, Any]]


class SensorAnswer(msgspec.Struct, frozen=True, tag="sensor"):
    """A sensor, as `Engine.sensor` returns it."""

    sensor: dict[str, Any]


class SensorLogsAnswer(msgspec.Struct, frozen=True, tag="sensor_logs"):
    """The log of a sensor, as `Engine.sensor_logs` returns it."""

    sensor: str
    lines: list[dict[str, Any]]
    left_out: int
