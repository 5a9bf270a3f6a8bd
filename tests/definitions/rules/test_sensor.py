"""Sensors in the native form."""

import pytest

from stretto.definitions.dialects import Reader
from stretto.definitions.rules import Sensor, read_trigger
from stretto.definitions.source import compose


def read(text: str) -> tuple[Sensor | None, list[str]]:
    reader = Reader("disks.yaml")
    found = read_trigger(reader, compose(text, reader.file, reader.report))
    assert found is None or isinstance(found, Sensor)
    return found, [each.code for each in reader.findings]


def test_a_sensor_has_a_command_and_the_type_of_its_events() -> None:
    sensor, findings = read(
        "sensor: ops.disks\ncommand: [python3, disks.py, 7]\nevent: ops.full\nenvironment: {A: b, N: 1}\n"
        "enabled: false\ndescription: It looks at disks.\n"
    )
    assert findings == []
    assert sensor is not None
    assert (sensor.ref, sensor.command, sensor.event) == ("ops.disks", ("python3", "disks.py", "7"), "ops.full")
    assert (sensor.environment, sensor.enabled, sensor.file) == ({"A": "b", "N": "1"}, False, "disks.yaml")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sensor: a\ncommand: []\n", "bad_command"),
        (f"sensor: a\ncommand: [{', '.join(['x'] * 101)}]\n", "bad_command"),
        ('sensor: a\ncommand: ["a\\0b"]\n', "bad_command"),
        ("sensor: a\ncommand: python3 x.py\n", "wrong_type"),
        ("sensor: a\ncommand: [[x]]\n", "wrong_type"),
        ("sensor: a\ncommand: [x]\nenvironment: {A=B: c}\n", "bad_environment"),
        ("sensor: a\ncommand: [x]\nenvironment: {A: [c]}\n", "bad_environment"),
        ("sensor: a\ncommand: [x]\nevnt: b\n", "unknown_field"),
        ("sensor: a\ncommand: [x]\nevent: core.st2.generic.actiontrigger\n", "reserved_event"),
        ('sensor: "a\\0b"\ncommand: [x]\n', "bad_name"),
        (f"sensor: {'a' * 257}\ncommand: [x]\n", "bad_name"),
    ],
)
def test_a_wrong_field_is_named(text: str, code: str) -> None:
    assert code in read(text)[1]


@pytest.mark.parametrize("ref", ["a\\0b", "a\\nb", "a\\e[2J", "a" * 257])
def test_a_ref_of_a_rule_that_no_store_or_terminal_can_take_is_refused(ref: str) -> None:
    reader = Reader("rule.yaml")
    text = f'ref: "{ref}"\non: {{event: t.said}}\nrun: core.noop\n'
    assert read_trigger(reader, compose(text, reader.file, reader.report)) is None
    assert [each.code for each in reader.findings] == ["bad_name"]
