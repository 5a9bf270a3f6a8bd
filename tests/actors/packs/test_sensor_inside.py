"""The sensor's side of StackStorm's sensors: a real process, whose daemon is the test."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stretto.actors.packs import read_packs
from tests.support.waiting import PATIENCE

ASKING = """
from st2reactor.sensor.base import Sensor


class Asking(Sensor):
    def __init__(self, sensor_service, config=None):
        super().__init__(sensor_service, config)
        self.place = sensor_service.get_value("place")

    def run(self):
        self.sensor_service.dispatch("asking.runs", {"place": self.place})
        while True:
            self.sensor_service.dispatch("asking.waits", {})

    def add_trigger(self, trigger):
        seen = self.sensor_service.get_value("seen")
        self.sensor_service.dispatch("asking.added", {"ref": trigger["ref"], "seen": seen})
"""


class Daemon:
    """The other side of a sensor's line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def tell(self, **line: Any) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def heard(self) -> dict[str, Any]:
        """Wait for the next line."""
        assert self._process.stdout is not None
        line: dict[str, Any] = json.loads(self._process.stdout.readline())
        return line

    def answer(self, said: dict[str, Any], **answer: Any) -> None:
        """Answer a line."""
        self.tell(id=said["id"], **answer)


@contextmanager
def asking(folder: Path) -> Iterator[Daemon]:
    """Run the sensor, which has read its first line."""
    (folder / "sensors").mkdir()
    (folder / "pack.yaml").write_text("name: asking\nversion: 1.0.0\nauthor: a\nemail: a@b.example\n")
    (folder / "sensors/asking.yaml").write_text("class_name: Asking\nentry_point: asking.py\n")
    (folder / "sensors/asking.py").write_text(ASKING)
    [pack] = read_packs([folder])
    [sensor] = pack.sensors
    with subprocess.Popen(
        sensor.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        daemon = Daemon(process)
        daemon.tell(max_line_bytes=10_000, **(sensor.first_line([trigger("asking.first")]) or {}))
        try:
            yield daemon
        finally:
            watchdog.cancel()
            process.kill()


def trigger(ref: str) -> dict[str, Any]:
    """Return a trigger as the daemon describes it."""
    return {"uid": ref, "ref": ref, "type": ref, "parameters": {}}


def test_a_sensor_may_ask_while_it_is_made_and_when_it_takes_note_of_triggers(tmp_path: Path) -> None:
    """It hears of the newest triggers alone, if rules change while it is made."""
    with asking(tmp_path) as daemon:
        made = daemon.heard()
        assert (made["request"], made["name"]) == ("get_value", "asking.Asking:place")
        daemon.tell(triggers=[trigger("asking.second")])
        daemon.answer(made, result="here")
        daemon.answer(daemon.heard(), result=1)  # add_trigger asks
        added = daemon.heard()
        assert added["payload"] == {"ref": "asking.second", "seen": 1}
        daemon.answer(added, event="e1")
        runs = daemon.heard()
        assert (runs["event"], runs["payload"]) == ("asking.runs", {"place": "here"})
        daemon.tell(triggers=[trigger("asking.second"), trigger("asking.third")])
        daemon.answer(daemon.heard(), result=2)  # add_trigger asks, beside run
        added = daemon.heard()
        assert added["payload"] == {"ref": "asking.third", "seen": 2}
        daemon.answer(added, event="e2")
        daemon.answer(runs, event="e3")
        assert daemon.heard()["event"] == "asking.waits"
