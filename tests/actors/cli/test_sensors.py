"""`stretto sensors` of a daemon: the commands of docs/events.md, and the same by the remote client."""

import json
import os
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors import SensorLimits, UnknownSensor, connect
from stretto.actors.cli import main
from tests.support.gateways import opened_gateway
from tests.support.paths import DOCS
from tests.support.sensors import write_sensor

PAGE = (DOCS / "events.md").read_text().split("\n## Sensors\n")[1]


def sensors(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["sensors", *arguments])
    assert result.exit_code == code, result.output
    return result


def write_example(folder: Path) -> None:
    """Write the files of the page, each block under the name in its first line."""
    folder.mkdir()
    for name, text in re.findall(r"```\w+\n# (\w+\.\w+)\n(.*?)```", PAGE, re.DOTALL)[:3]:
        (folder / name).write_text(text)


def test_the_time_of_the_last_event_has_its_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is local, or UTC, as in other lists."""
    folder = tmp_path / "definitions"
    os.mkfifo(tmp_path / "said")
    write_sensor(
        folder, "says", f"""
        ask(payload=1)
        open({str(tmp_path / "said")!r}, "w").close()
        stay()
        """,
    )  # fmt: skip
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with opened_gateway(tmp_path, definitions=folder, sensors=SensorLimits()) as opened:
        (tmp_path / "said").read_text()  # the end comes once the event is durable
        daemon = ("--daemon", opened.client.url)
        time.tzset()
        try:
            local, utc = (sensors("list", *daemon, *more).stdout.split() for more in ((), ("--utc",)))
        finally:
            monkeypatch.undo()
            time.tzset()
    assert local[-1].endswith("+0900")
    assert utc[-1].endswith("Z")


def test_the_commands_of_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "definitions"
    write_example(folder)
    write_sensor(folder, "off", "", more="enabled: false\n")
    with opened_gateway(tmp_path, definitions=folder, sensors=SensorLimits()) as opened:
        daemon = ("--daemon", opened.client.url)
        heading, off, disks = sorted(sensors("list", *daemon).stdout.splitlines())
        assert heading.split() == ["SENSOR", "STATUS", "DIALECT", "EVENTS", "RESTARTS", "LAST", "EVENT"]
        assert off.split()[:3] == ["off", "disabled", "native"]
        assert disks.split()[:3] == ["ops.disks", "running", "native"]
        assert "types    ops.disk_full" in sensors("show", "ops.disks", *daemon).stdout
        assert json.loads(sensors("show", "ops.disks", "--json", *daemon).stdout)["failures"] == 0
        sensors("restart", "ops.disks", "--note", "a new version", *daemon)
        assert sensors("logs", "ops.disks", "--lines", "5", *daemon).stdout == ""
        assert json.loads(sensors("logs", "ops.disks", "--json", *daemon).stdout)["lines"] == []
        engine = connect(opened.client.url).blocking()
        assert [each["sensor"] for each in engine.sensors()] == ["off", "ops.disks"]
        assert engine.sensor("off")["status"] == "disabled"
        assert engine.sensor_logs("ops.disks", 3)["left_out"] == 0
        assert engine.restart_sensor("ops.disks")["sensor"] == "ops.disks"
        assert "there is no sensor 'disks'" in sensors("show", "disks", *daemon, code=2).stderr
        assert "remove `enabled: false`" in sensors("restart", "off", *daemon, code=2).stderr
        assert [each["operation"] for each in engine.audit()["entries"]][:2] == ["restart_sensor", "restart_sensor"]
        with pytest.raises(UnknownSensor, match="did you mean 'off'"):
            engine.sensor("of")
