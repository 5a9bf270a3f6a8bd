# ruff: noqa: FBT001, FBT002 - the signatures are StackStorm's
"""The sensor's side of StackStorm's sensors: a stand-in for the part of st2reactor that they derive from.

It imports nothing but the standard library and its neighbours, because it runs in the pack's own interpreter.
"""

import importlib.util
import json
import logging
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from stretto.actors.packs import stand_in, stand_in_library
from stretto.actors.packs.sensor_line import as_data, line

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class EventRefused(Exception):
    """The daemon has refused an event."""


class SensorService(stand_in.ActionService):
    """The requests that a sensor can send its daemon.

    Args:
        pack: The sensor's pack.
        class_name: Its class.
    """

    def __init__(self, pack: str, class_name: str) -> None:
        super().__init__(f"{pack}.{class_name}")
        self._logger = f"SensorWrapper.{pack}.{class_name}"
        self.triggers: dict[str, Mapping[str, Any]] = {}
        """The triggers that the sensor has heard of, by ref. A removed one stays: its last events may still be sent."""

    @property
    def datastore_service(self) -> "SensorService":
        """The methods of keys."""
        return self

    def get_logger(self, name: str) -> logging.Logger:
        """Return a logger."""
        found = logging.getLogger(f"{self._logger}.{name}")
        found.setLevel(logging.DEBUG)
        return found

    def dispatch(self, trigger: Any, payload: Any = None, trace_tag: Any = None) -> None:
        """Send an event. It is durable when this returns. Raises `EventRefused`."""
        del trace_tag  # the event has an id of its own
        if not isinstance(trigger, Mapping):
            found = self.triggers.get(trigger, {"type": trigger})
        elif trigger.get("type"):
            found = trigger
        else:
            ref = trigger.get("ref") or f"{trigger.get('pack')}.{trigger.get('name')}"
            found = self.triggers.get(ref, {"type": ref})
        said = {"event": found["type"], "payload": {} if payload is None else payload}
        if found.get("parameters"):
            said["parameters"] = found["parameters"]
        answer = json.loads(line().ask(json.dumps(said, default=as_data).encode()))
        if "error" in answer:
            raise EventRefused(answer["error"])

    def dispatch_with_context(self, trigger: Any, payload: Any = None, trace_context: Any = None) -> None:
        """Send an event, as `dispatch` does."""
        self.dispatch(trigger, payload, trace_context)

    def list_values(
        self, local: bool = True, prefix: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Any:
        """Return the keys whose names begin with a prefix. Values of secret ones are None."""
        found = super().list_values(local, prefix)[offset or 0 :]
        return found if limit is None else found[:limit]


class BaseSensor:
    """The base class of StackStorm's sensors."""

    def __init__(self, sensor_service: Any, config: Any = None) -> None:
        self._sensor_service = self.sensor_service = sensor_service
        self._config = self.config = config or {}

    def setup(self) -> None:
        """Prepare the sensor."""

    def run(self) -> None:
        """Run the sensor."""
        raise NotImplementedError

    def cleanup(self) -> None:
        """Give back what the sensor holds."""

    def add_trigger(self, trigger: Any) -> None:
        """Take note of a trigger that a rule listens to."""

    def update_trigger(self, trigger: Any) -> None:
        """Take note of a trigger's change."""

    def remove_trigger(self, trigger: Any) -> None:
        """Take note that no rule listens to a trigger any more."""


class Sensor(BaseSensor):
    """A sensor that waits for events in `run`."""


class PollingSensor(BaseSensor):
    """A sensor that looks for events in `poll`, again and again."""

    def __init__(self, sensor_service: Any, config: Any = None, poll_interval: float = 5) -> None:
        super().__init__(sensor_service, config)
        self._poll_interval = poll_interval

    def poll(self) -> None:
        """Look for events."""
        raise NotImplementedError

    def run(self) -> None:
        """Poll for ever."""
        while True:
            self.poll()
            time.sleep(self._poll_interval)

    def get_poll_interval(self) -> float:
        """Return the seconds between two polls."""
        return self._poll_interval

    def set_poll_interval(self, poll_interval: float) -> None:
        """Set the seconds between two polls."""
        self._poll_interval = poll_interval


MODULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "st2reactor.sensor.base": {"BaseSensor": BaseSensor, "Sensor": Sensor, "PollingSensor": PollingSensor},
}


class Triggers:
    """The triggers that a sensor knows, each by its type and its parameters."""

    def __init__(self, sensor: Any, service: SensorService) -> None:
        self._sensor = sensor
        self._service = service
        self._known: dict[str, Any] = {}

    def begin(self, said: Mapping[str, Any], heard: "SimpleQueue[dict[str, Any]]") -> None:
        """Let the sensor know the triggers of the first line, or of the newest that came meanwhile; then of each line.

        Args:
            said: The first line.
            heard: The lines that came after it, and that will come. They are used on another thread: the sensor may
                ask its daemon when it takes note of a trigger.
        """
        while not heard.empty():
            said = heard.get()
        self._tell(said)
        threading.Thread(target=self._tell_all, args=(heard,), name="stretto-triggers", daemon=True).start()

    def _tell_all(self, heard: "SimpleQueue[dict[str, Any]]") -> None:
        while True:
            self._tell(heard.get())

    def _tell(self, said: Mapping[str, Any]) -> None:
        wanted = {each["uid"]: each for each in said.get("triggers", ())}
        for uid in [uid for uid in self._known if uid not in wanted]:
            self._call(self._sensor.remove_trigger, self._known.pop(uid))
        for uid, trigger in wanted.items():
            if uid not in self._known:
                self._known[uid] = self._service.triggers[trigger["ref"]] = trigger
                self._call(self._sensor.add_trigger, trigger)

    def _call(self, method: Any, trigger: Any) -> None:
        """Call a method of the sensor, which goes on if it fails to take note of a trigger."""
        try:
            method(trigger=trigger)
        except Exception:  # noqa: BLE001 - as StackStorm's watcher of triggers
            traceback.print_exc()


def main() -> None:
    """Run the sensor that the first line describes."""
    given = line().first
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)
    stand_in_library.provide(MODULES)
    service = SensorService(given["pack"], given["class"])
    heard = SimpleQueue[dict[str, Any]]()
    line().listen(heard.put)  # before the sensor is made: it may ask for keys
    found = _class(Path(given["program"]), given["class"])
    interval = given["poll_interval"]
    more = {"poll_interval": interval} if interval and issubclass(found, PollingSensor) else {}
    sensor = found(sensor_service=service, config=given["config"], **more)
    signal.signal(signal.SIGTERM, _leave)
    try:
        sensor.setup()
        Triggers(sensor, service).begin(given, heard)
        sensor.run()
    finally:
        sensor.cleanup()


def _leave(_number: int, _frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


def _class(program: Path, name: str) -> Any:
    sys.path.insert(0, str(program.parent))
    spec = importlib.util.spec_from_file_location(program.stem, program)
    if spec is None or spec.loader is None:
        raise ImportError(f"{program} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if found is None:
        raise ImportError(f"{program.name} has no class {name!r}")
    return found
