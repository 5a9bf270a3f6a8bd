"""The programs of sensors of packs: StackStorm's and Attune's."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from stretto.actors.packs import PackSensor
from stretto.actors.sensors.program import Prepared, SensorProgram, version_of
from stretto.definitions.data import encode_json
from stretto.definitions.rules import Rule

_LOG_LEVEL: Final = "info"


def pack_program(sensor: PackSensor, rules: Iterable[Rule]) -> SensorProgram:
    """Return the program of a pack's sensor.

    Args:
        sensor: The sensor.
        rules: All rules. Those that listen to its events are known to it.
    """
    manifest = sensor.manifest
    listening = [rule for rule in rules if rule.enabled and rule.event in sensor.events]
    is_stackstorm = sensor.kind == "stackstorm"
    triggers = _stackstorm_triggers(sensor, listening) if is_stackstorm else ()
    variables = {"ST2_PACK": manifest.ref} if is_stackstorm else _attune_variables(sensor, listening)

    def prepare() -> Prepared:
        return Prepared(sensor.command(), variables, sensor.first_line(triggers))

    return SensorProgram(
        ref=sensor.ref, dialect=sensor.kind, folder=str(manifest.folder), file=sensor.place.file,
        version=repr((
            sensor.program, sensor.class_name, sensor.poll_interval, variables, version_of(sensor.program),
            encode_json(manifest.settings.values) if is_stackstorm else b"",
        )),
        events=sensor.events, enabled=sensor.enabled, description=sensor.description, pack=manifest.ref,
        uses_api=not is_stackstorm, triggers=triggers, prepare=prepare,
    )  # fmt: skip


def _stackstorm_triggers(sensor: PackSensor, rules: Iterable[Rule]) -> tuple[Mapping[str, Any], ...]:
    """Return the triggers as StackStorm has them: one for each type, and one for each of its parameters in rules."""
    found: dict[str, Mapping[str, Any]] = {}
    wanted: list[tuple[str, Any]] = [(event, {}) for event in sensor.events]
    wanted += [(rule.event, rule.parameters) for rule in rules]
    for event, parameters in wanted:
        pack, _, name = event.partition(".")
        uid = f"trigger:{pack}:{name}:{encode_json(parameters).decode()}"
        if parameters:  # a trigger of its own, by whose ref the sensor sends its events
            name = hashlib.sha256(uid.encode()).hexdigest()[:32]
        found[uid] = {
            "id": uid, "uid": uid, "ref": f"{pack}.{name}", "type": event, "pack": pack, "name": name,
            "parameters": parameters, "description": "",
        }  # fmt: skip
    return tuple(found.values())


def _attune_variables(sensor: PackSensor, rules: Iterable[Rule]) -> dict[str, str]:
    triggers = [
        {"id": number, "ref": rule.ref, "rule_id": number, "rule_ref": rule.ref, "trigger_ref": rule.event,
         "config": rule.parameters, "trigger_params": rule.parameters}
        for number, rule in enumerate(sorted(rules, key=lambda rule: rule.ref), 1)
    ]  # fmt: skip
    return {
        **({} if sensor.runtime is None else sensor.runtime.variables),
        "ATTUNE_PACK_REF": sensor.manifest.ref,
        "ATTUNE_SENSOR_ID": "0",
        "ATTUNE_SENSOR_REF": sensor.ref,
        "ATTUNE_SENSOR_TRIGGERS": json.dumps([json.loads(encode_json(each)) for each in triggers]),
        "ATTUNE_LOG_LEVEL": _LOG_LEVEL,
    }
