"""A daemon with sensors that is killed: no acknowledged event is lost, and no sensor stays behind."""

import json
import os
from pathlib import Path

from stretto.actors.journal import open_reader
from tests.support.daemons import serving
from tests.support.sensors import await_end, watched, write_sensor

PROGRAM = """
log = open(sys.argv[0] + ".acknowledged", "a")
child = subprocess.Popen(["sleep", "1000"])
number = 0
while True:
    number += 1
    answer = ask(payload={"n": number})
    log.write(json.dumps([number, answer["event"]]) + "\\n")
    log.flush()
    if number == 20:
        open(sys.argv[0] + ".many", "w").close()
"""


def test_a_killed_daemon_has_lost_no_event_that_it_acknowledged(tmp_path: Path) -> None:
    definitions = tmp_path / "definitions"
    write_sensor(definitions, "busy", PROGRAM)
    store, many = f"sqlite:///{tmp_path}/store.db", definitions / "busy.py.many"
    os.mkfifo(many)
    with serving(tmp_path, "--store", store) as served:
        pid = _started(served.log) or served.wait_for("sensor_started")["pid"]
        with watched(pid) as sensor:
            many.open().close()  # returns when the sensor opens it, too
            served.process.kill()
            await_end(sensor)
    lines = (definitions / "busy.py.acknowledged").read_text().splitlines()
    assert len(lines) >= 20
    reader = open_reader(store, None)
    try:
        for line in lines:
            number, event = json.loads(line)
            found = reader.events.find(event)
            assert found is not None
            assert found.payload == {"n": number}
    finally:
        reader.close()


def _started(log: list[dict[str, object]]) -> int:
    """Return the id of the sensor's process, or 0 if the log has none yet."""
    return next((int(str(each["pid"])) for each in log if each["event"] == "sensor_started"), 0)
