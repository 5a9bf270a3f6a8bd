"""Sensors of an engine: real processes, whose events start runs."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Engine, Requester, SensorDisabled, SensorLimits, UnknownSensor
from stretto.actors.catalogue import load_library
from stretto.actors.dispatch import Deferred
from stretto.actors.sensors import SensorKeeper
from stretto.actors.sensors.conversation import UNREADABLE
from tests.support.sensors import QUICK, await_end, sensing, watched, write_sensor

BY = Requester(who="mira", via="cli", source="local")


def test_an_event_of_a_sensor_starts_a_run_and_is_durable_before_it_is_answered(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "probe", """
        answer = ask(payload={"n": 1})
        say(payload={"answer": answer})
        print("no event")
        print("for people", file=sys.stderr)
        stay()
    """)  # fmt: skip
    with sensing(tmp_path, store=f"sqlite:///{tmp_path}/s.db") as sensing_engine:
        said = [sensing_engine.said(), sensing_engine.said()]
        answer = next(each["answer"] for each in said if "answer" in each)
        assert {"n": 1} in said
        engine = sensing_engine.engine
        event = engine.event(answer["event"])
        assert (event["type"], event["source"], event["payload"]) == ("t.said", "sensor:probe", {"n": 1})
        shown = engine.sensor("probe")
        assert (shown["status"], shown["accepted"], shown["failures"]) == ("running", 2, 0)
        assert engine.sensors() == [engine.sensor("probe")]


def test_a_killed_sensor_is_started_again(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "probe", "say(payload=os.getpid())\nstay()\n")
    with sensing(tmp_path) as sensing_engine:
        first = sensing_engine.said()
        os.kill(first, signal.SIGKILL)
        second = sensing_engine.said()
        assert second != first
        shown = sensing_engine.engine.sensor("probe")
        assert (shown["pid"], shown["restarts"], shown["ended"]) == (second, 1, "was killed by SIGKILL")


def test_the_third_failure_in_a_row_is_an_event_and_the_sensor_goes_on(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "broken", "raise SystemExit('it is broken')\n")
    with sensing(tmp_path, rule="stretto.sensor_failing") as sensing_engine:
        assert sensing_engine.said() == {"sensor": "broken", "pack": None, "failures": 3, "reason": "exited with 1"}
        shown = sensing_engine.engine.sensor("broken")
        assert shown["status"] == "failing"
        assert "stderr: it is broken" in sensing_engine.logged("broken")


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "gone", "")
    (tmp_path / "d" / "gone.yaml").write_text("sensor: gone\ncommand: [./no-such-program]\n")
    with sensing(tmp_path, rule="stretto.sensor_failing") as sensing_engine:
        assert sensing_engine.said()["reason"] == "exited with 1"
        found = sensing_engine.logged("gone")
        assert "stderr: cannot run ./no-such-program: No such file or directory" in found


def test_garbage_is_kept_up_to_a_bound_and_long_lines_are_left_out(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "noisy", r"""
        for number in range(2000):
            print("{garbage", number)
            print("x" * 100, file=sys.stderr)
        sys.stdout.buffer.write(b"\xff\x00" * 50 + b"\n")
        print("[" * 500)
        print(json.dumps({"payload": "y" * 5000}))
        print(json.dumps(["event"]))
        say(payload="done")
        stay()
    """)  # fmt: skip
    limits = SensorLimits(max_line_bytes=1000, max_log_bytes=10_000, max_events_per_second=1_000_000)
    with sensing(tmp_path, limits) as sensing_engine:
        assert sensing_engine.said() == "done"
        found = sensing_engine.engine.sensor_logs("noisy", 10_000)
        assert sum(len(each["text"]) for each in found["lines"]) <= 10_000
        assert found["left_out"] > 1000
        shown = sensing_engine.engine.sensor("noisy")
        assert (shown["accepted"], shown["invalid"], shown["status"]) == (1, 1, "running")


def test_a_sensor_that_floods_waits_and_loses_nothing(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "flood", "for number in range(300):\n    say(payload=number)\nstay()\n")
    with sensing(tmp_path, SensorLimits(max_events_per_second=2000)) as sensing_engine:
        assert sorted(sensing_engine.said() for _ in range(300)) == list(range(300))


def test_a_sensor_that_reads_no_answers_does_not_hold_up_the_engine(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "deaf", """
        for number in range(3000):
            say(event="t.other", id="x" * 400)
        say(payload="done")
        time.sleep(1000)
    """)  # fmt: skip
    with sensing(tmp_path, SensorLimits(max_events_per_second=1_000_000)) as sensing_engine:
        assert sensing_engine.said() == "done"


def test_a_sensor_that_ignores_its_end_is_killed_with_what_it_has_forked(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "stubborn", """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "1000"])
        say(payload=[os.getpid(), child.pid])
        time.sleep(1000)
    """)  # fmt: skip
    with sensing(tmp_path, SensorLimits(stop_seconds=0.05)) as sensing_engine:
        pids = sensing_engine.said()
        with watched(pids[0]) as parent, watched(pids[1]) as child:
            sensing_engine.engine.stop()
            await_end(parent)
            await_end(child)


def test_a_sensor_that_ends_leaves_no_process_behind(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "forking", """
        child = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
        say(payload=child.pid)
        sys.stdin.readline()
    """)  # fmt: skip
    with sensing(tmp_path) as sensing_engine:
        pid = sensing_engine.said()
        with watched(pid) as child:
            os.kill(sensing_engine.engine.sensor("forking")["pid"], signal.SIGKILL)
            await_end(child)


def test_a_sensor_with_too_many_processes_is_ended_and_started_again(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "forking", """
        children = [subprocess.Popen(["sleep", "1000"]) for _ in range(5)]
        say(payload="began")
        stay()
    """)  # fmt: skip
    limits = SensorLimits(first_wait=0.01, longest_wait=0.01, max_processes=3, census_seconds=0.01)
    with sensing(tmp_path, limits, rule="stretto.sensor_failing") as sensing_engine:
        reason = sensing_engine.said()["reason"]
        assert reason.startswith("it has ")
        assert "and 3 are allowed (the setting sensors.max_processes): it was killed by SIGKILL" in reason


def test_the_state_of_a_sensor_is_in_the_key_value_store(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "stateful", """
        before = ask(request="get_value", name="at")["result"]
        ask(request="set_value", name="at", value="7")
        say(payload={"before": before, "after": ask(request="get_value", name="at")["result"]})
        stay()
    """)  # fmt: skip
    store = f"sqlite:///{tmp_path}/s.db"
    for before in (None, "7"):
        with sensing(tmp_path, store=store) as sensing_engine:
            assert sensing_engine.said() == {"before": before, "after": "7"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"event": "stretto.run_ended"}, "only the engine sends events of the type 'stretto.run_ended'"),
        ({"event": "core.st2.generic.actiontrigger"}, "only the engine sends events of the type"),
        ({"payload": 1, "parameters": [1]}, "`parameters` must be an object"),
        ({"event": "a\0b"}, "the type of an event must have at most 256 characters and no NUL"),
        ({"event": 7}, "`event` and `key` must be texts"),
        ({"payload": 1, "key": "k" * 257}, "the key of an event must have at most 256 characters"),
        ({"request": "no_such", "name": "x"}, "Invalid enum value"),
    ],
)
def test_what_a_sensor_must_not_say_is_answered_with_an_error(
    tmp_path: Path, line: dict[str, Any], problem: str
) -> None:
    write_sensor(tmp_path / "d", "wrong", f"say(payload=ask(**{line!r}))\nstay()\n")
    with sensing(tmp_path) as sensing_engine:
        assert problem in sensing_engine.said()["error"]


def test_a_line_that_cannot_be_read_is_answered_if_it_begins_with_an_id(tmp_path: Path) -> None:
    """The sensor would wait for ever."""
    write_sensor(tmp_path / "d", "wrong", """
        print('{"id": 7, "payload": NaN}', flush=True)
        say(payload=json.loads(sys.stdin.readline()))
        stay()
    """)  # fmt: skip
    with sensing(tmp_path) as sensing_engine:
        assert sensing_engine.said() == {"id": 7, "error": UNREADABLE, "code": "invalid_sensor_event"}


def test_a_repeated_key_is_answered_with_the_first_event(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "twice", """
        first, second = ask(event="t.other", key="k"), ask(event="t.other", key="k")
        say(payload=[first, second])
        stay()
    """)  # fmt: skip
    with sensing(tmp_path, store=f"sqlite:///{tmp_path}/s.db") as sensing_engine:
        first, second = sensing_engine.said()
        assert second == {**first, "duplicate": True}


def test_a_restart_by_hand_is_audited(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "probe", "say(payload=os.getpid())\nstay()\n")
    with sensing(tmp_path) as sensing_engine:
        engine = sensing_engine.engine
        first = sensing_engine.said()
        assert engine.restart_sensor("probe", by=BY)["sensor"] == "probe"
        assert sensing_engine.said() != first
        assert engine.sensor("probe")["failures"] == 0
        [entry] = engine.audit()["entries"]
        assert (entry["operation"], entry["who"]) == ("restart_sensor", "mira")


def test_a_restart_by_hand_begins_once_the_audit_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in between leaves no restart that nobody has asked for."""
    store = tmp_path / "s.db"
    audited: list[int] = []
    restart = SensorKeeper.restart

    def noted(keeper: SensorKeeper, ref: str) -> Deferred:
        with closing(sqlite3.connect(store)) as connection:
            audited.extend(
                connection.execute("SELECT count(*) FROM audit WHERE operation = 'restart_sensor'").fetchone()
            )
        return restart(keeper, ref)

    monkeypatch.setattr(SensorKeeper, "restart", noted)
    write_sensor(tmp_path / "d", "probe", "say(payload=os.getpid())\nstay()\n")
    with sensing(tmp_path, store=f"sqlite:///{store}") as sensing_engine:
        first = sensing_engine.said()
        sensing_engine.engine.restart_sensor("probe", by=BY)
        assert sensing_engine.said() != first
        with pytest.raises(UnknownSensor):
            sensing_engine.engine.restart_sensor("prob", by=BY)
        assert len(sensing_engine.engine.audit()["entries"]) == 1
    assert audited == [1]


def test_requests_about_what_does_not_run_say_why(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "a", "stay()\n")
    write_sensor(tmp_path / "d", "b", "stay()\n")
    write_sensor(tmp_path / "d", "off", "stay()\n", more="enabled: false\n")
    with sensing(tmp_path, SensorLimits(max_sensors=1)) as sensing_engine:
        engine = sensing_engine.engine
        assert [each["status"] for each in engine.sensors()] == ["running", "refused", "disabled"]
        with pytest.raises(SensorDisabled, match=r"remove `enabled: false` from .*off.yaml"):
            engine.restart_sensor("off")
        with pytest.raises(SensorDisabled, match=r"more than the setting sensors.max_sensors allows"):
            engine.sensor_logs("b")
        with pytest.raises(UnknownSensor, match="there is no sensor 'of'; did you mean 'off'"):
            engine.sensor("of")


def test_without_sensors_there_is_nothing_to_ask(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with sensing(tmp_path) as sensing_engine:
        assert sensing_engine.engine.sensors() == []
        with pytest.raises(UnknownSensor, match="there is no sensor 'x'"):
            sensing_engine.engine.sensor("x")


def test_an_engine_without_limits_of_sensors_runs_none(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "probe", "stay()\n")
    with Engine.open(definitions=tmp_path / "d") as engine:
        assert engine.sensors() == []


def test_other_definitions_have_other_sensors(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "a", "say(payload='a')\nstay()\n")
    with sensing(tmp_path, QUICK) as sensing_engine:
        engine = sensing_engine.engine
        assert sensing_engine.said() == "a"
        pid = engine.sensor("a")["pid"]
        (tmp_path / "d" / "a.yaml").unlink()
        write_sensor(tmp_path / "d", "b", "say(payload='b')\nstay()\n")
        with watched(pid) as gone:
            library = load_library([tmp_path / "d"], earlier=engine.proxy.host.catalogue().get())
            engine.proxy.host.use_definitions(library.catalogue, library.packs).get()
            assert sensing_engine.said() == "b"
            await_end(gone)
        assert [each["sensor"] for each in engine.sensors()] == ["b"]
