"""Sensors as plain data for people, and the errors of requests about them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from stretto.actors.journal import time_as_json
from stretto.actors.sensors.conversation import SensorCounts
from stretto.actors.sensors.program import SensorProgram
from stretto.actors.sensors.supervisor import SensorStatus, SupervisedSensor
from stretto.definitions.errors import StrettoError, names_there, nearest
from stretto.metrics import SensorFigures

STATUSES: Final[tuple[SensorStatus, ...]] = (
    "running", "waiting", "failing", "disabled", "elsewhere", "refused", "stopped",
)  # fmt: skip
LOG_LINES: Final = 100
"""The lines of a log that are shown."""
MAX_LOG_LINES: Final = 10_000
"""The most lines of a log to ask for at once."""


class UnknownSensor(StrettoError):
    """There is no sensor with the given ref."""

    code = "unknown_sensor"


class SensorElsewhere(StrettoError):
    """Another engine of the store runs the sensor, or none does yet."""

    code = "sensor_elsewhere"


class SensorDisabled(StrettoError):
    """The sensor is disabled by its definition."""

    code = "sensor_disabled"


def unknown_sensor_error(ref: str, known: Iterable[str]) -> UnknownSensor:
    """Return the error of a sensor that is not there."""
    refs = list(known)
    hint = nearest(ref, refs) or names_there(refs)
    return UnknownSensor(f"there is no sensor {ref[:100]!r}" + (f"; {hint}" if hint else ""))


def no_process_error(program: SensorProgram, status: SensorStatus) -> StrettoError:
    """Return the error of a sensor that this engine does not run."""
    if status == "disabled":
        return SensorDisabled(f"the sensor {program.ref!r} is disabled: remove `enabled: false` from {program.file}")
    if status == "refused":
        return SensorDisabled(
            f"the sensor {program.ref!r} does not run, because there are more than the setting sensors.max_sensors "
            "allows"
        )
    return SensorElsewhere(
        f"the sensor {program.ref!r} is not run by this engine: ask the one that does, or try again in a moment"
    )


def sensor_as_json(program: SensorProgram, status: SensorStatus, own: SupervisedSensor | None) -> dict[str, Any]:
    """Return a sensor. The fields of its process are None, and its counts are 0, unless this engine runs it."""
    counts = SensorCounts() if own is None else own.counts
    return {
        "sensor": program.ref, "status": status_of(own) if own is not None else status, "dialect": program.dialect,
        "pack": program.pack or None, "events": list(program.events), "description": program.description,
        "file": program.file,
        "pid": None if own is None or own.process is None else own.process.pid,
        "started_at": None if own is None else time_as_json(own.began_at),
        "restarts": 0 if own is None else own.restarts,
        "failures": 0 if own is None or own.is_steady else own.failures,
        "ended": None if own is None else own.ended or None,
        "accepted": counts.accepted, "duplicates": counts.duplicates, "invalid": counts.invalid,
        "last_event": counts.last_event, "last_event_at": time_as_json(counts.last_event_at),
    }  # fmt: skip


def status_of(sensor: SupervisedSensor) -> SensorStatus:
    """Return the status of a sensor of this engine. One that runs well for a while does not fail any more."""
    return "running" if sensor.status == "failing" and sensor.is_steady else sensor.status


def log_as_json(sensor: SupervisedSensor, count: int) -> dict[str, Any]:
    """Return {sensor, lines, left_out} with the newest lines, each {at, stream, text}."""
    lines = [{"at": time_as_json(each.at), "stream": each.stream, "text": each.text} for each in
             sensor.log.newest(count)]  # fmt: skip
    return {"sensor": sensor.program.ref, "lines": lines, "left_out": sensor.log.left_out}


def figures_of(statuses: Iterable[SensorStatus], own: Iterable[SupervisedSensor]) -> SensorFigures:
    """Return the figures of all sensors for the metrics."""
    states = Counter[str](dict.fromkeys(STATUSES, 0))
    states.update(statuses)
    events = Counter[str](accepted=0, duplicate=0, invalid=0)
    restarts = 0
    for each in own:
        states[status_of(each)] += 1
        restarts += each.restarts
        events.update(accepted=each.counts.accepted, duplicate=each.counts.duplicates, invalid=each.counts.invalid)
    return SensorFigures(states=dict(states), events=dict(events), restarts=restarts)
