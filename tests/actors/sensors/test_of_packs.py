"""Sensors of packs: StackStorm's and Attune's, in an engine that runs them."""

import os
import signal
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Engine, SensorLimits
from stretto.actors.catalogue import load_library
from stretto.actors.packs import read_packs
from tests.support.sensors import QUICK, WORK, Sensing, await_end, watched

POLLING = """
from st2reactor.sensor.base import PollingSensor


class CountingSensor(PollingSensor):
    def setup(self):
        self.logger = self.sensor_service.get_logger(name=self.__class__.__name__)
        self.triggers = []

    def poll(self):
        count = int(self.sensor_service.get_value("count") or 0) + 1
        self.logger.info("poll %d", count)
        self.sensor_service.set_value("count", count)
        payload = {
            "count": count, "place": self.config.get("place"), "interval": self.get_poll_interval(),
            "keys": [each.name for each in self.sensor_service.list_values(prefix="c")],
            "triggers": self.triggers,
        }
        self.sensor_service.dispatch(trigger="counting.counted", payload=payload, trace_tag="t")
        self.sensor_service.delete_value("gone")
        self.set_poll_interval(3600)

    def cleanup(self):
        self.sensor_service.dispatch({"pack": "counting", "name": "ended"}, {})

    def add_trigger(self, trigger):
        self.triggers.append([trigger["ref"], trigger["parameters"]])

    def update_trigger(self, trigger):
        pass

    def remove_trigger(self, trigger):
        print("removed", trigger["ref"])
"""
POLLING_YAML = """
class_name: CountingSensor
entry_point: counting.py
description: It counts.
poll_interval: 7
trigger_types:
  - name: counted
    description: A count.
    payload_schema: {type: object}
"""
PASSIVE = """
import datetime, os, time
from st2reactor.sensor.base import Sensor


class WaitingSensor(Sensor):
    def setup(self):
        pass

    def run(self):
        print("printed")
        self._sensor_service.dispatch("counting.waited", {"pid": os.getpid(), "at": datetime.date(2026, 1, 2)})
        try:
            self.sensor_service.dispatch("stretto.run_ended", {})
        except Exception as error:
            self.sensor_service.dispatch("counting.waited", {"refused": str(error)})
        time.sleep(1000)

    def cleanup(self):
        pass

    def add_trigger(self, trigger):
        raise RuntimeError("it takes no triggers")

    def update_trigger(self, trigger):
        pass

    def remove_trigger(self, trigger):
        pass
"""
ASKING = """
import time
from st2reactor.sensor.base import Sensor


class AskingSensor(Sensor):
    def __init__(self, sensor_service, config=None):
        super().__init__(sensor_service, config)
        self.sensor_service.get_value("before")

    def setup(self):
        pass

    def run(self):
        time.sleep(1000)

    def cleanup(self):
        pass

    def add_trigger(self, trigger):
        self.sensor_service.get_value("at")
        self.sensor_service.dispatch(trigger["ref"], {"got": trigger["parameters"]})

    def remove_trigger(self, trigger):
        pass
"""
UNFIT = """
import time
from st2reactor.sensor.base import Sensor


class UnfitSensor(Sensor):
    def run(self):
        refused = []
        for payload in (float("nan"), "\\ud800", 2**70, "x" * 3000):
            try:
                self.sensor_service.dispatch("unfit.sent", payload)
            except Exception as error:
                refused.append(type(error).__name__)
        self.sensor_service.dispatch("unfit.told", refused)
        time.sleep(1000)
"""
PARAMETERS_RULE = """
name: watched
pack: t
enabled: true
trigger: {type: asking.added, parameters: {path: %s}}
criteria: {}
action: {ref: t.work, parameters: {said: "{{ trigger.got.path }}"}}
"""
NATIVE_RULE = "ref: t.%s\non: {event: %s}\nrun: t.work\ninput: {said: '{{ payload }}'}\n"
ATTUNE = """
import json, os, sys, time, urllib.error, urllib.request

def send(path, method="GET", body=None):
    request = urllib.request.Request(os.environ["ATTUNE_API_URL"] + path, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["ATTUNE_API_TOKEN"])
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)

first = send("/api/v1/events", "POST", {"trigger_ref": "probes.seen", "payload": {"triggers": json.loads(
    os.environ["ATTUNE_SENSOR_TRIGGERS"]), "ref": os.environ["ATTUNE_SENSOR_REF"]}})
wrong = [send("/api/v1/events", "POST", {"trigger_ref": "stretto.x"}), send("/api/v1/events"), send("/api/v1/x"),
         send("/api/v1/keys/none"), send("/api/v1/events", "POST", [1])]
send("/api/v1/events", "POST", {"trigger_type": "probes.seen", "payload": {
    "first": [first[0], first[1]["data"]["id"]], "wrong": [each[0] for each in wrong]}})
time.sleep(1000)
"""


def write_pack(folder: Path, name: str, **files: str) -> Path:
    """Write a pack of StackStorm's with sensors."""
    (folder / "sensors").mkdir(parents=True)
    (folder / "pack.yaml").write_text(f"name: {name}\nversion: 1.0.0\nauthor: a\nemail: a@b.example\n")
    for file, text in files.items():
        (folder / "sensors" / file.replace("__", ".")).write_text(textwrap.dedent(text))
    return folder


@contextmanager
def sensing_pack(folder: Path, events: tuple[str, ...], limits: SensorLimits = QUICK, **more: Any) -> Iterator[Sensing]:
    """Run an engine with the packs of `folder/packs`, whose rules start a run for each event of some types."""
    definitions = folder / "d"
    definitions.mkdir(exist_ok=True)
    (definitions / "work.yaml").write_text(WORK)
    for number, event in enumerate(events):
        (definitions / f"rule{number}.yaml").write_text(NATIVE_RULE % (f"rule{number}", event))
    with Engine.open(definitions=definitions, packs=[folder / "packs"], sensors=limits, **more) as engine:
        yield Sensing(engine)


def test_a_polling_sensor_of_stackstorm_fires_a_rule(tmp_path: Path) -> None:
    write_pack(tmp_path / "packs" / "counting", "counting", counting__yaml=POLLING_YAML, counting__py=POLLING)
    config = {"counting": {"place": "here"}}
    store = f"sqlite:///{tmp_path}/s.db"
    with sensing_pack(tmp_path, ("counting.counted",), store=store, pack_config=config) as sensing:
        said = sensing.said()
        assert said == {
            "count": 1, "place": "here", "interval": 7, "keys": ["counting.CountingSensor:count"],
            "triggers": [["counting.counted", {}]],
        }  # fmt: skip
        engine = sensing.engine
        shown = engine.sensor("counting.CountingSensor")
        assert (shown["dialect"], shown["pack"], shown["events"]) == ("stackstorm", "counting", ["counting.counted"])
        assert any("poll 1" in line for line in sensing.logged("counting.CountingSensor"))
        os.kill(shown["pid"], signal.SIGKILL)
        assert sensing.said()["count"] == 2  # its state is in the key-value store


def test_a_sensor_of_stackstorm_that_is_told_to_end_cleans_up(tmp_path: Path) -> None:
    write_pack(tmp_path / "packs" / "counting", "counting", counting__yaml=POLLING_YAML, counting__py=POLLING)
    with sensing_pack(tmp_path, ("counting.counted", "counting.ended")) as sensing:
        assert sensing.said()["count"] == 1
        sensing.engine.restart_sensor("counting.CountingSensor")
        said = [sensing.said(), sensing.said()]
        assert {} in said
        assert 2 in [each.get("count") for each in said]


def test_a_passive_sensor_may_print_and_is_refused_events_of_the_engine(tmp_path: Path) -> None:
    metadata = "class_name: WaitingSensor\nentry_point: waiting.py\ntrigger_types: [{name: waited}]\n"
    write_pack(tmp_path / "packs" / "counting", "counting", waiting__yaml=metadata, waiting__py=PASSIVE)
    with sensing_pack(tmp_path, ("counting.waited",)) as sensing:
        said = [sensing.said(), sensing.said()]
        first = next(each for each in said if "pid" in each)
        assert first["at"] == "2026-01-02"
        assert "only the engine sends events" in next(each for each in said if "refused" in each)["refused"]
        lines = sensing.logged("counting.WaitingSensor")
        assert "stderr: printed" in lines
        assert "stderr: RuntimeError: it takes no triggers" in lines
        with watched(first["pid"]) as process:
            sensing.engine.stop()
            await_end(process)


def test_a_sensor_may_ask_while_it_gets_triggers_and_its_events_have_their_parameters(tmp_path: Path) -> None:
    """Other rules for the type ask for other parameters."""
    metadata = "class_name: AskingSensor\nentry_point: asking.py\ntrigger_types: [{name: added}]\n"
    write_pack(tmp_path / "packs" / "asking", "asking", asking__yaml=metadata, asking__py=ASKING)
    with sensing_pack(tmp_path, ("asking.added",)) as sensing:
        assert sensing.said() == {"got": {}}
        engine = sensing.engine
        (tmp_path / "d" / "watched.yaml").write_text(PARAMETERS_RULE % "/a")
        library = load_library(
            [tmp_path / "d"], packs=[tmp_path / "packs"], earlier=engine.proxy.host.catalogue().get()
        )
        engine.proxy.host.use_definitions(library.catalogue, library.packs).get()
        said = [sensing.said(), sensing.said()]
        assert {"got": {"path": "/a"}} in said
        assert "/a" in said
        [event, _first] = engine.events()["events"]
        assert engine.event(event["event"])["parameters"] == {"path": "/a"}
        assert engine.event(event["event"])["type"] == "asking.added"


def test_a_payload_that_cannot_be_sent_is_an_exception(tmp_path: Path) -> None:
    """The sensor would wait for ever."""
    metadata = "class_name: UnfitSensor\nentry_point: unfit.py\ntrigger_types: [{name: told}]\n"
    write_pack(tmp_path / "packs" / "unfit", "unfit", unfit__yaml=metadata, unfit__py=UNFIT)
    limits = SensorLimits(max_line_bytes=2000)
    with sensing_pack(tmp_path, ("unfit.told",), limits) as sensing:
        assert sensing.said() == ["EventRefused", "EventRefused", "EventRefused", "TooLong"]


def test_a_sensor_of_attune_sends_its_events_by_http(tmp_path: Path) -> None:
    pack = tmp_path / "packs" / "probes"
    (pack / "sensors").mkdir(parents=True)
    (pack / "pack.yaml").write_text("ref: probes\nlabel: Probes\nversion: 1.0.0\n")
    (pack / "sensors" / "probe.yaml").write_text(
        "ref: probes.probe\nlabel: Probe\nrunner_type: python\nentry_point: probe.py\ntrigger_types: [probes.seen]\n"
        "enabled: true\npoll_interval: 5\ntags: [a]\n"
    )
    (pack / "sensors" / "probe.py").write_text(ATTUNE)
    with sensing_pack(tmp_path, ("probes.seen",)) as sensing:
        said = [sensing.said(), sensing.said()]
        first = next(each for each in said if "ref" in each)
        assert first["ref"] == "probes.probe"
        assert [(each["ref"], each["trigger_ref"]) for each in first["triggers"]] == [("t.rule0", "probes.seen")]
        second = next(each for each in said if "wrong" in each)
        assert second["wrong"] == [422, 405, 404, 404, 400]
        status, event = second["first"]
        assert status == 201
        assert sensing.engine.event(event)["type"] == "probes.seen"
        assert sensing.engine.sensor("probes.probe")["dialect"] == "attune"


def test_a_sensor_with_the_ref_of_a_packs_sensor_is_refused(tmp_path: Path) -> None:
    """The finding names both files, and the sensor of the pack stays."""
    write_pack(tmp_path / "packs" / "p", "p", a__yaml="class_name: A\nentry_point: a.py\n", a__py="")
    definitions = tmp_path / "d"
    definitions.mkdir()
    (definitions / "own.yaml").write_text("sensor: p.A\ncommand: [cat]\n")
    (definitions / "other.yaml").write_text("sensor: p.B\ncommand: [cat]\n")
    catalogue = load_library([definitions], packs=[tmp_path / "packs"]).catalogue
    assert list(catalogue.triggers.sensors) == ["p.B"]
    assert list(catalogue.pack_sensors) == ["p.A"]
    [finding] = catalogue.findings[str(definitions / "own.yaml")]
    of_pack = tmp_path / "packs" / "p" / "sensors" / "a.yaml"
    assert (finding.code, finding.message) == ("duplicate_ref", f"the sensor 'p.A' is taken by {of_pack}")
    again = load_library([definitions], packs=[tmp_path / "packs"], earlier=catalogue).catalogue
    assert list(again.triggers.sensors) == ["p.B"]


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ("entry_point: a.py\n", "the sensor has no 'class_name'"),
        ("class_name: A\n", "the sensor needs the field 'entry_point'"),
        ("class_name: A\nentry_point: ../a.py\n", "leads out of the pack's sensors folder"),
        ("class_name: A\nentry_point: b.py\n", "there is no file 'b.py' in sensors"),
        ("class_name: A\nentry_point: a.py\ntrigger_types: [[1]]\n", "a trigger type"),
        ("class_name: A\nentry_point: a.py\nrunner_type: cobol\n", "'runner_type' of the sensor has an unknown value"),
        ("[", "YAML"),
    ],
)
def test_a_wrong_sensor_is_left_out_with_a_warning(tmp_path: Path, metadata: str, problem: str) -> None:
    write_pack(tmp_path / "p", "p", a__yaml=metadata, a__py="", good__yaml="class_name: G\nentry_point: a.py\n")
    [pack] = read_packs([tmp_path / "p"])
    assert [each.ref for each in pack.sensors] == ["p.G"]
    assert any(problem in str(each) and each.severity == "warning" for each in pack.warnings), pack.warnings


def test_of_too_many_sensors_the_first_ones_are_read(tmp_path: Path) -> None:
    metadata = "class_name: S{}\nentry_point: a.py\n"
    files = {f"s{number:03}__yaml": metadata.format(number) for number in range(102)}
    write_pack(tmp_path / "p", "p", a__py="", **files)
    [pack] = read_packs([tmp_path / "p"])
    assert len(pack.sensors) == 100
    assert [each.code for each in pack.warnings] == ["too_many_sensors"]
