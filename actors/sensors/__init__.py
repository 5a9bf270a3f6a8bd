"""Sensors: child processes of an engine that send events.

definition --> SensorProgram --SensorKeeper--> a process --lines of JSON--> Conversation --> EventIntake
                                                        <--the event's id, once it is durable--
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.sensors.conversation import AnswerRequest
    from stretto.actors.sensors.keeper import SensorKeeper
    from stretto.actors.sensors.of_packs import pack_program
    from stretto.actors.sensors.program import SensorLimits, SensorProgram, native_program
    from stretto.actors.sensors.reports import (
        LOG_LINES,
        MAX_LOG_LINES,
        SensorDisabled,
        SensorElsewhere,
        UnknownSensor,
        unknown_sensor_error,
    )
    from stretto.actors.sensors.supervisor import SensorSurroundings
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "conversation": "AnswerRequest",
            "keeper": "SensorKeeper",
            "of_packs": "pack_program",
            "program": "SensorLimits SensorProgram native_program",
            "reports": ("LOG_LINES MAX_LOG_LINES SensorDisabled SensorElsewhere UnknownSensor unknown_sensor_error"),
            "supervisor": "SensorSurroundings",
        },
    )

__all__ = [
    "LOG_LINES",
    "MAX_LOG_LINES",
    "AnswerRequest",
    "SensorDisabled",
    "SensorElsewhere",
    "SensorKeeper",
    "SensorLimits",
    "SensorProgram",
    "SensorSurroundings",
    "UnknownSensor",
    "native_program",
    "pack_program",
    "unknown_sensor_error",
]
