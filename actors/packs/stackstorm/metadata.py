"""Reading of `actions/*.yaml` of a StackStorm pack: an action's parameters and its runner."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from stretto.actors.locating import is_file, resolved
from stretto.actors.packs.model import Isolation, Manifest, PackCall, PackWorkflow
from stretto.actors.packs.results import result_schema
from stretto.actors.packs.stackstorm.inputs import Inputs
from stretto.actors.packs.stackstorm.python_files import PythonAction, read_python_action
from stretto.actors.packs.stackstorm.runners import ALIASES, REFUSED, RUNNERS, Runner, Task
from stretto.actors.packs.stackstorm.schema import Declared, check_computed, read_declared, read_declared_of_workflow
from stretto.actors.packs.stackstorm.warm import class_action
from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.errors import Finding, nearest
from stretto.definitions.model import Parameter
from stretto.definitions.source import YAML_1_1_OF_PACKS, MapNode, Node, ScalarNode, compose

if TYPE_CHECKING:
    from stretto.definitions.data import FrozenDict

_KEPT: Final = ("id", "metadata_file", "output_key", "ref", "tags", "uid")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")
_NAME_RULE: Final = "letters, digits, _ and -, separated by dots"
_SCRIPTS: Final = (RUNNERS["local-shell-script"], RUNNERS["remote-shell-script"])
_WORKFLOWS: Final = ("orquesta", "orchestra", "action-chain")


def read_action(reader: Reader, text: str, manifest: Manifest) -> tuple[str, PackCall | PackWorkflow | None]:
    """Return the ref of a file's action, and the action or None if it is disabled or wrong.

    The reader collects the findings. If the file has no `name`, the ref comes from the file's name.
    """
    root = compose(text, reader.file, reader.report, YAML_1_1_OF_PACKS)
    node = reader.mapping(root, "an action") if root is not None else None
    name = None if node is None else _text(node.members.get("name"))
    stem = Path(reader.file).name.rpartition(".")[0].removesuffix(".meta")
    return f"{manifest.ref}.{name or stem}", None if node is None else _Metadata(reader, node, manifest).read()


class _Metadata:
    """The fields of one action's file."""

    def __init__(self, reader: Reader, node: MapNode, manifest: Manifest) -> None:
        self._reader = reader
        self._node = node
        self._manifest = manifest
        self._fields = Fields(reader, node, "the action")
        self._result: FrozenDict | None = None
        self._word: Node | None = None

    def read(self) -> PackCall | PackWorkflow | None:
        """Read every field, so that one wrong field does not hide the findings of the others."""
        enabled = all(self._reader.boolean(member, what) for member, what in self._fields.given("enabled"))
        if not enabled:
            return None
        ref = self._ref()
        runner = self._runner()
        if runner is None:
            return None
        description = _text(self._fields.take("description"))
        parameters = self._fields.take("parameters")
        read = read_declared_of_workflow if runner in _WORKFLOWS else read_declared
        declared = Declared() if parameters is None else read(self._reader, parameters, "'parameters'")
        entry = self._fields.take("entry_point")
        self._result = result_schema([self._fields.take("output_schema")])
        self._word = self._fields.take("isolation")
        for name in _KEPT:
            self._fields.take(name)
        self._fields.finish(_not_acted_on)
        if ref is None:
            return None
        if runner in _WORKFLOWS:
            return self._workflow(ref, description, declared, entry)
        return self._call(ref, description, declared, RUNNERS[runner], entry)

    def _ref(self) -> str | None:
        pack = self._fields.take("pack")
        if pack is not None and (said := self._reader.text(pack, "'pack' of the action")) != self._manifest.ref:
            message = f"the action is in the pack {self._manifest.ref!r}"
            self._reader.warn("foreign_ref", message, pack.place, found=repr(said))
        node = self._fields.require("name")
        name = self._reader.text(node, "'name' of the action") if node is not None else None
        if name is None or node is None:
            return None
        if not _NAME.match(name):
            message = "'name' of the action is not a valid name"
            self._reader.error("bad_name", message, node.place, found=repr(name), expected=_NAME_RULE)
            return None
        return f"{self._manifest.ref}.{name}"

    def _runner(self) -> str | None:
        node = self._fields.require("runner_type")
        said = self._reader.text(node, "'runner_type' of the action") if node is not None else None
        if said is None or node is None:
            return None
        runner = ALIASES.get(said, said)
        if runner in RUNNERS or runner in _WORKFLOWS:
            return runner
        if runner in REFUSED:
            self._reader.error(
                "unsupported_runner", f"Stretto does not support the runner {said!r}", node.place, hint=REFUSED[runner]
            )
        else:
            known = (*RUNNERS, "orquesta")
            self._reader.error(
                "unsupported_runner", f"there is no runner {said!r}", node.place, expected=", ".join(known),
                hint=nearest(said, known),
            )  # fmt: skip
        return None

    def _workflow(self, ref: str, description: str, declared: Declared, entry: Node | None) -> PackWorkflow | None:
        path = self._file(entry)
        if path is None:
            return None
        # An immutable parameter always has its default.
        parameters = {
            name: replace(each, enum=(each.default,)) if name in declared.immutable else each
            for name, each in declared.parameters.items()
        }
        return PackWorkflow(ref, self._manifest.ref, self._node.place, path, parameters, "", description)

    def _call(
        self, ref: str, description: str, declared: Declared, runner: Runner, entry: Node | None
    ) -> PackCall | None:
        program = self._file(entry) if runner.takes_file else None
        if not runner.takes_file:
            self._check_no_file(entry)
        found = PythonAction()
        if runner is RUNNERS["python-script"] and program is not None:
            found = read_python_action(program, self._manifest.folder)
            if found.problem is not None:
                self._reader.report(found.problem)
            if found.hint is not None:
                self._reader.report(found.hint)
        isolation = self._isolation(found)
        parameters = _together(runner, declared)
        check_computed(self._reader, declared, parameters)
        self._check_secrets(declared, runner)
        inputs = Inputs(parameters, declared.computed, declared.stored, lambda: self._manifest.settings.values)
        own = tuple(name for name in declared.parameters if name not in runner.parameters)
        positions = {name: place for name, place in declared.positions.items() if name in own}
        types = {name: str(each.type) for name, each in parameters.items()}
        task = Task(ref, self._manifest, program, own, positions, types)

        async def run(given: Mapping[str, Any]) -> Any:
            return await runner.run(task, inputs.complete(given))

        is_command = runner in (RUNNERS["local-shell-cmd"], RUNNERS["remote-shell-cmd"])
        return PackCall(
            ref=ref,
            pack=self._manifest.ref,
            place=self._node.place,
            parameters={name: each for name, each in parameters.items() if name not in declared.immutable},
            run=run,
            find_problems=inputs.find_problems,
            fill=inputs.with_stored if declared.stored else None,
            literal=frozenset({"cmd"}) if is_command else frozenset(),
            rendered=self._rendered(declared) if is_command else None,
            description=description,
            result=self._result,
            code=class_action(task, found.class_name, inputs),
            isolation=isolation if program is not None or is_command else None,
            needs="python" if runner is RUNNERS["python-script"] else None,
        )

    def _isolation(self, found: PythonAction) -> Isolation:
        """Return where calls run: those of a class in a kept process, all others in one of their own."""
        default: Isolation = "worker" if found.class_name else "fresh"
        if self._word is None:
            return default
        word = self._reader.choice(self._word, "'isolation' of the action", get_args(Isolation))
        if word == "worker" and default == "fresh":
            message = "only classes that derive from Action run in a kept process"
            self._reader.error("bad_choice", message, self._word.place, found=repr(word), expected="fresh")
        return cast("Isolation", word or default)

    def _rendered(self, declared: Declared) -> Finding | None:
        template = declared.computed.get("cmd")
        if template is None:
            return None
        return Finding(
            "rendered_command",
            "the command is built from parameters, so data would run as code",
            template.place,
            hint='use a local-shell-script with a `position` for each parameter, and write "$1" in the script; the '
            "setting `core_local.rendered_cmd: allow` permits such commands in runs of remote clients, too",
        )  # fmt: skip

    def _check_secrets(self, declared: Declared, runner: Runner) -> None:
        for name, parameter in declared.parameters.items():
            if parameter.secret and runner in _SCRIPTS and name not in runner.parameters:
                message = f"{name!r} is secret, and all users of the machine can read a process's arguments"
                hint = "use a python-script, which reads parameters from standard input"
                self._reader.warn("secret_in_argv", message, parameter.place, hint=hint)

    def _check_no_file(self, entry: Node | None) -> None:
        if isinstance(entry, ScalarNode) and entry.text:
            hint = "write `runner_type: local-shell-script`, or remove the entry point"
            message = "this runner does not take an entry point, so it is not used"
            self._reader.warn("useless_entry_point", message, entry.place, found=repr(entry.text), hint=hint)

    def _file(self, entry: Node | None) -> Path | None:
        """Return the resolved entry point. A path that leaves the actions folder, also by links, is an error."""
        given = None if entry is None else self._reader.text(entry, "'entry_point' of the action")
        if not given or entry is None:
            place = self._fields.key_place("entry_point")
            self._reader.error("missing_field", "the action needs the field 'entry_point'", place, expected="a file")
            return None
        base = resolved(self._manifest.folder / "actions")
        path = resolved(base / given) if "\0" not in given else base
        if not path.is_relative_to(base) or not path.is_relative_to(self._manifest.folder):
            message = "'entry_point' leads out of the pack's actions folder"
            self._reader.error("outside_pack", message, entry.place, found=repr(given))
            return None
        if not is_file(path):
            there = (str(each.relative_to(base)) for each in base.rglob("*") if is_file(each))
            self._reader.error(
                "no_such_file", f"there is no file {given!r} in actions", entry.place, hint=nearest(given, there)
            )
            return None
        return path


def _together(runner: Runner, declared: Declared) -> dict[str, Parameter]:
    """Return the runner's parameters and the action's own, which may refine the runner's."""
    own = {
        name: parameter if name not in runner.parameters else _overridden(runner.parameters[name], parameter, said)
        for name, parameter in declared.parameters.items()
        for said in [declared.said.get(name, frozenset())]
    }
    return {**runner.parameters, **own}


def _overridden(base: Parameter, parameter: Parameter, said: frozenset[str]) -> Parameter:
    return replace(
        parameter,
        type=parameter.type if "type" in said else base.type,
        default=parameter.default if "default" in said else base.default,
        required=parameter.required or (base.required and "default" not in said),
        secret=parameter.secret or base.secret,
    )


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""


def _not_acted_on(name: str) -> tuple[str, str, str] | None:
    return ("warning", "not_acted_on", f"{name!r} is not acted on") if name in {"notify", "content_version"} else None
