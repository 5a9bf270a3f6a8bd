"""Sensors of packs: what `sensors/*.yaml` describe, and the commands that run them."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from stretto.actors import workers
from stretto.actors.actions import ActionFailed
from stretto.actors.locating import is_file, resolved
from stretto.actors.packs.environments import interpreter_of, unmade
from stretto.actors.packs.model import Manifest
from stretto.actors.packs.process import python_command
from stretto.actors.packs.runtimes import Runtime
from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.source import YAML_1_1_OF_PACKS, ListNode, MapNode, Node, ScalarNode, compose

SensorKind: TypeAlias = Literal["stackstorm", "attune"]

_RUNNERS: Final = {
    **dict.fromkeys(("shell", "sh", "bash"), "shell"),
    **dict.fromkeys(("python", "python3"), "python"),
    **dict.fromkeys(("nodejs", "node", "node.js"), "nodejs"),
    **dict.fromkeys(("native", "builtin", "standalone"), "native"),
}
_CODE: Final = """
import json, sys, types
folders, path = json.loads(sys.argv.pop())
for name, folder in folders.items():
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from stretto.actors.packs import sensor_line
sys.modules["stretto.actors.workers"].line = sensor_line.line
from stretto.actors.packs.sensor_inside import main
for name in [name for name in sys.modules if name.split(".")[0] == "stretto"]:
    del sys.modules[name]
sys.path[:0] = path
main()
"""
"""Loads the sensor's side without the packages of its modules, as for the actions of packs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSensor:
    """A sensor of a pack.

    Attributes:
        ref: Its name.
        kind: Whose it is.
        manifest: Its pack.
        place: Where its file begins.
        program: Its resolved entry point.
        events: The types of its events.
        class_name: The class of a StackStorm sensor.
        poll_interval: The seconds between two polls of a StackStorm sensor, or None.
        runner: The runner of an Attune sensor.
        runtime: The pack's own interpreter, if it is the runner.
        enabled: Whether it runs.
        description: A text, for people.
    """

    ref: str
    kind: SensorKind
    manifest: Manifest
    place: Place
    program: Path
    events: tuple[str, ...] = ()
    class_name: str = ""
    poll_interval: float | None = None
    runner: str = "python"
    runtime: Runtime | None = None
    enabled: bool = True
    description: str = ""

    def command(self) -> list[str]:
        """Return the command that runs it. Raises `ActionFailed` if this machine lacks something."""
        folder = self.manifest.folder
        if self.kind == "stackstorm":
            return [interpreter_of(folder), "-I", "-B", "-c", _CODE, _places(self.program, folder)]
        if self.runtime is not None:
            return [*self.runtime.command, str(self.program)]
        if self.runner == "python":
            return python_command(self.program, folder)
        if self.runner == "nodejs" and (problem := unmade(folder, "node")):
            raise ActionFailed(problem)
        interpreter = {"nodejs": "node", "shell": "/bin/sh"}.get(self.runner)
        if interpreter is not None and shutil.which(interpreter) is None:
            raise ActionFailed(f"`{interpreter}` is not on the PATH")
        return [*([interpreter] if interpreter else []), str(self.program)]

    def first_line(self, triggers: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """Return the first line for a StackStorm sensor, or None."""
        if self.kind != "stackstorm":
            return None
        return {
            "pack": self.manifest.ref, "program": str(self.program), "class": self.class_name,
            "poll_interval": self.poll_interval, "config": self.manifest.settings.values, "triggers": list(triggers),
        }  # fmt: skip


def _places(program: Path, folder: Path) -> str:
    inside = Path(workers.__file__).parent
    folders = {
        "stretto": "",
        "stretto.actors": str(inside.parent),
        "stretto.actors.workers": str(inside),
        "stretto.actors.packs": str(Path(__file__).parent),
    }
    return json.dumps([folders, [str(program.parent), str(folder / "lib")]])


def read_sensor(
    reader: Reader, text: str, manifest: Manifest, kind: SensorKind, runtimes: Mapping[str, Runtime]
) -> PackSensor | None:
    """Return the sensor that a file describes, or None if it is wrong. The reader collects the findings."""
    if kind == "stackstorm":
        root = compose(text, reader.file, reader.report, YAML_1_1_OF_PACKS)
    else:
        root = compose(text, reader.file, reader.report)
    node = reader.mapping(root, "a sensor") if root is not None else None
    if node is None:
        return None
    fields = Fields(reader, node, "the sensor")
    texts = {name: _text(reader, fields, name) for name in ("ref", "name", "class_name", "description", "runner_type")}
    entry = fields.require("entry_point")
    program = None if entry is None else _file(reader, entry, manifest)
    enabled = all(reader.boolean(member, what) for member, what in fields.given("enabled"))
    interval = next((reader.number(member, what) for member, what in fields.given("poll_interval")), None)
    events = [
        name
        for field in ("trigger_types", "trigger_type")
        for member, _ in fields.given(field)
        for name in _types(reader, member, manifest)
    ]
    for name in tuple(node.members):
        fields.take(name)  # the others describe it for people
    if kind == "stackstorm" and not texts["class_name"]:
        reader.error("missing_field", "the sensor has no 'class_name'", node.place)
        return None
    own = texts["class_name"] if kind == "stackstorm" else texts["ref"] or texts["name"] or Path(reader.file).stem
    ref = own if own.startswith(f"{manifest.ref}.") else f"{manifest.ref}.{own}"
    if not reader.check_ref(ref, "the sensor", node.place):
        return None
    runtime = runtimes.get(texts["runner_type"].lower())
    runner = _RUNNERS.get(texts["runner_type"] or "python")
    if runner is None and runtime is None:
        reader.error(
            "bad_choice", "'runner_type' of the sensor has an unknown value", node.place,
            found=repr(texts["runner_type"]), expected=", ".join(sorted(set(_RUNNERS.values()))),
        )  # fmt: skip
        return None
    if program is None:
        return None
    return PackSensor(
        ref=ref, kind=kind, manifest=manifest, place=node.place, program=program, events=tuple(events),
        class_name=texts["class_name"], poll_interval=interval, runner=runner or "native",
        runtime=None if runner else runtime, enabled=enabled, description=texts["description"],
    )  # fmt: skip


def _text(reader: Reader, fields: Fields, name: str) -> str:
    return next((reader.text(member, what) or "" for member, what in fields.given(name)), "")


def _types(reader: Reader, node: Node, manifest: Manifest) -> list[str]:
    """Return the types of events: refs, or objects with a name, of which StackStorm's have no pack."""
    members = node.members if isinstance(node, ListNode) else [node]
    found = []
    for each in members:
        named = each.members.get("name") if isinstance(each, MapNode) else each
        name = named.text if isinstance(named, ScalarNode) else None
        if name is None:
            reader.wrong_type("a trigger type", each, "the ref of a trigger, or an object with its name")
        else:
            found.append(name if "." in name else f"{manifest.ref}.{name}")
    return found


def _file(reader: Reader, node: Node, manifest: Manifest) -> Path | None:
    """Return the resolved entry point. A path that leaves the sensors folder, also by links, is an error."""
    given = reader.text(node, "'entry_point' of the sensor")
    if given is None:
        return None
    base = resolved(manifest.folder / "sensors")
    path = resolved(base / given) if "\0" not in given else base
    if not path.is_relative_to(base) or not path.is_relative_to(manifest.folder.resolve()):
        reader.error(
            "outside_pack", "'entry_point' of the sensor leads out of the pack's sensors folder", node.place,
            found=repr(given),
        )  # fmt: skip
        return None
    if not is_file(path):
        reader.error("no_such_file", f"there is no file {given!r} in sensors", node.place)
        return None
    return path
