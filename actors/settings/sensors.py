"""The settings of sensors."""

from typing import Annotated

import msgspec
from msgspec import Meta

from stretto.actors.settings.common_types import Count

MAX_SENSORS = 100
MAX_LINE_BYTES = 1024 * 1024
MAX_EVENTS_PER_SECOND = 100
MAX_LOG_BYTES = 256 * 1024
MAX_SENSOR_PROCESSES = 64
STOP_SECONDS = 5.0


class SensorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `sensors`: the sensors that the daemon runs.

    Attributes:
        run: Whether it runs any.
        max_sensors: How many it runs. Further ones, by ref, are refused.
        max_line_bytes: How many bytes a line that a sensor writes may have. A longer one is left out.
        max_events_per_second: How many lines of a sensor are read in a second. It has to wait with more.
        max_log_bytes: How many bytes of what a sensor prints are kept.
        max_processes: How many processes a sensor may have. One with more is ended, and started again.
        stop_seconds: How many seconds a sensor may take to end.
    """

    run: Annotated[bool, Meta(description="true or false")] = True
    max_sensors: Count = MAX_SENSORS
    max_line_bytes: Count = MAX_LINE_BYTES
    max_events_per_second: Count = MAX_EVENTS_PER_SECOND
    max_log_bytes: Count = MAX_LOG_BYTES
    max_processes: Count = MAX_SENSOR_PROCESSES
    stop_seconds: Annotated[float, Meta(ge=0, le=600, description="a number of seconds from 0 to 600")] = STOP_SECONDS
