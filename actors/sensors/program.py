"""A sensor as the keeper runs it: a program, whatever kind of definition it comes from, and its bounds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from stretto.actors.actions import ActionFailed
from stretto.actors.settings import (
    MAX_EVENTS_PER_SECOND,
    MAX_LINE_BYTES,
    MAX_LOG_BYTES,
    MAX_SENSOR_PROCESSES,
    MAX_SENSORS,
    STOP_SECONDS,
)
from stretto.definitions.rules import Sensor

SensorDialect: TypeAlias = Literal["native", "stackstorm", "attune"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorLimits:
    """The bounds of the sensors of an engine.

    Attributes:
        max_sensors: How many sensors run. The others, by ref, are refused.
        max_line_bytes: How many bytes a line may have. A longer one is left out.
        max_events_per_second: How many lines of a sensor are read in a second. Then it has to wait.
        max_log_bytes: How many bytes of what a sensor prints are kept, the newest ones.
        max_processes: How many processes a sensor may have. One with more is ended.
        stop_seconds: How long a sensor may take to end after SIGTERM.
        first_wait: How many seconds an ended sensor waits for its first restart. Each further wait is twice as long.
        longest_wait: The longest of these waits, in seconds.
        steady_seconds: After how many seconds a sensor counts as well: an end is then its first failure again.
        census_seconds: How many seconds lie between two counts of processes.
    """

    max_sensors: int = MAX_SENSORS
    max_line_bytes: int = MAX_LINE_BYTES
    max_events_per_second: int = MAX_EVENTS_PER_SECOND
    max_log_bytes: int = MAX_LOG_BYTES
    max_processes: int = MAX_SENSOR_PROCESSES
    stop_seconds: float = STOP_SECONDS
    first_wait: float = 1.0
    longest_wait: float = 60.0
    steady_seconds: float = 60.0
    census_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """The command of a sensor's process.

    Attributes:
        argv: The program and its arguments.
        variables: Environment variables, added to the inherited ones.
        first_line: What its standard input begins with, as data, or None.
    """

    argv: list[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    first_line: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorProgram:
    """A sensor of any kind. Two that are equal run the same.

    Attributes:
        ref: Its name.
        dialect: The kind of its definition.
        folder: Where it runs.
        file: Its definition.
        version: A text that changes with its definition and its program.
        events: The types of its events, as its definition has them. Those of a native one are not bounded.
        default_event: The type of the events that name none, or "".
        enabled: Whether it runs.
        description: Text for people.
        pack: Its pack, or "".
        uses_api: Whether it sends its events to the daemon's HTTP interface for sensors.
        triggers: The triggers of the rules that listen to its events, for a StackStorm sensor.
        prepare: Returns its command. Raises `ActionFailed` if this machine lacks something.
    """

    ref: str
    dialect: SensorDialect
    folder: str
    file: str
    version: str
    events: tuple[str, ...] = ()
    default_event: str = ""
    enabled: bool = True
    description: str = ""
    pack: str = ""
    uses_api: bool = False
    triggers: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)
    prepare: Callable[[], Prepared] = field(compare=False)


def native_program(sensor: Sensor) -> SensorProgram:
    """Return the program of a sensor in the native form."""
    folder = Path(sensor.file).resolve().parent

    def prepare() -> Prepared:
        if not folder.is_dir():
            raise ActionFailed(f"the folder of {sensor.file} does not exist")
        return Prepared(list(sensor.command), sensor.environment)

    own = [folder / each for each in sensor.command]
    return SensorProgram(
        ref=sensor.ref, dialect="native", folder=str(folder), file=sensor.file,
        version=repr((sensor.command, dict(sensor.environment), *map(version_of, own))),
        events=(sensor.event,) if sensor.event else (), default_event=sensor.event, enabled=sensor.enabled,
        description=sensor.description, prepare=prepare,
    )  # fmt: skip


def version_of(path: Path) -> str:
    """Return a text that changes with a file, "" if there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{status.st_mtime_ns} {status.st_size}"
