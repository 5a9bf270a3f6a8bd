"""Sensors of several engines on one store: one engine runs each, and another one takes it over."""

import select
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Engine, UnknownSensor
from stretto.actors.journal import Requester
from tests.support.sensors import QUICK, RULE, WORK, Sensing, await_end, watched, write_sensor

LEASE = 3.0


def opened(folder: Path, store: str) -> Any:
    return Engine.open(definitions=folder, store=store, store_lease=LEASE, sensors=QUICK)


def test_a_sensor_runs_once_with_two_engines(postgres_url: str, tmp_path: Path) -> None:
    """The second engine takes over when the first one leaves, and runs nothing before."""
    folder = tmp_path / "d"
    write_sensor(folder, "probe", "say(payload=os.getpid())\nstay()\n")
    (folder / "work.yaml").write_text(WORK)
    (folder / "rule.yaml").write_text(RULE % "t.said")
    with opened(folder, postgres_url) as first:
        pid = Sensing(first).said()
        with opened(folder, postgres_url) as second:
            other = Sensing(second)
            assert [each.sensor("probe")["status"] for each in (first, second)] == ["running", "elsewhere"]
            first.stop()
            assert other.said() != pid
            assert second.sensor("probe")["status"] == "running"


def test_a_sensor_is_restarted_through_another_engine(postgres_url: str, tmp_path: Path) -> None:
    """The engine that runs it restarts it. The audit names who has asked, once."""
    folder = tmp_path / "d"
    write_sensor(folder, "probe", "say(payload=os.getpid())\nstay()\n")
    (folder / "work.yaml").write_text(WORK)
    (folder / "rule.yaml").write_text(RULE % "t.said")
    by = Requester(who="ann", via="api", source="192.0.2.1", role="operator")
    with opened(folder, postgres_url) as first:
        sensing = Sensing(first)
        pid = sensing.said()
        with opened(folder, postgres_url) as second, watched(pid) as process:
            restarted = second.restart_sensor("probe", by=by)
            assert (restarted["sensor"], restarted["pid"]) == ("probe", pid)
            await_end(process)
            assert sensing.said() != pid
            assert [each.sensor("probe")["status"] for each in (first, second)] == ["running", "elsewhere"]
            with pytest.raises(UnknownSensor):
                second.restart_sensor("prob")
            entries = [(each["who"], each["operation"], each["target"]) for each in second.audit()["entries"]]
            assert entries == [("ann", "restart_sensor", "probe")]


def test_a_drained_engine_gives_its_sensors_to_another(postgres_url: str, tmp_path: Path) -> None:
    """The process of the first one has ended before the second one starts its own."""
    folder = tmp_path / "d"
    write_sensor(folder, "probe", "say(payload=os.getpid())\nstay()\n")
    (folder / "work.yaml").write_text(WORK)
    (folder / "rule.yaml").write_text(RULE % "t.said")
    with opened(folder, postgres_url) as first:
        pid = Sensing(first).said()
        with opened(folder, postgres_url) as second, watched(pid) as process:
            other = Sensing(second)
            [number] = [each["daemon"] for each in first.daemons() if each["here"]]
            first.drain_daemon(number)
            assert other.said() != pid
            assert select.select([process], [], [], 0)[0]
            assert [each.sensor("probe")["status"] for each in (first, second)] == ["elsewhere", "running"]
