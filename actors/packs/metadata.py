"""Reading of `actions/*.yaml`: an action's parameters, its program, and how the two communicate."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast, get_args

from stretto.actors.locating import is_file, is_folder, resolved
from stretto.actors.packs.manifest import not_acted_on, schema_parameters
from stretto.actors.packs.model import (
    Delivery,
    Isolation,
    Manifest,
    OutputFormat,
    PackAction,
    PackWorkflow,
    ParameterFormat,
    RunnerType,
)
from stretto.actors.packs.results import result_schema
from stretto.actors.packs.runtime_versions import InvalidConstraint, best_of
from stretto.actors.packs.runtimes import Runtime
from stretto.actors.packs.warm import function_problem
from stretto.definitions.context import secret_fields
from stretto.definitions.dialects import NAME, NAME_RULE, Fields, Reader
from stretto.definitions.errors import nearest
from stretto.definitions.model import Parameter
from stretto.definitions.source import MapNode, Node, ScalarNode, compose

_RUNNERS: Mapping[str, RunnerType] = {
    **dict.fromkeys(("shell", "sh", "bash"), "shell"),
    **dict.fromkeys(("python", "python3"), "python"),
    **dict.fromkeys(("nodejs", "node", "node.js"), "nodejs"),
    **dict.fromkeys(("native", "builtin", "standalone"), "native"),
}
NO_RUNTIMES: Final[Mapping[str, Runtime]] = MappingProxyType({})
_KEPT = ("label", "name", "tags", "examples", "meta", "metadata")
_OF_STREAMS = ("parameter_delivery", "parameter_format", "output_format")
_RESULTS = ("output_schema", "output")
_NOT_ACTED_ON = re.compile(
    r"worker_.*|.*permission_set_refs|log_retention_.*|runtime_version|required_worker_runtimes|accesses_.*"
    r"|reference_visibility|reference_allowed_pack_refs"
)


def read_action(
    reader: Reader, text: str, manifest: Manifest, runtimes: Mapping[str, Runtime] = NO_RUNTIMES
) -> PackAction | PackWorkflow | None:
    """Return the action that a file describes, or None if it is disabled or wrong.

    The reader collects the findings.
    """
    root = compose(text, reader.file, reader.report)
    node = reader.mapping(root, "an action") if root is not None else None
    if node is None:
        return None
    return _Metadata(reader, node, manifest, runtimes).read()


class _Metadata:
    """The fields of one action's file."""

    def __init__(self, reader: Reader, node: MapNode, manifest: Manifest, runtimes: Mapping[str, Runtime]) -> None:
        self._reader = reader
        self._node = node
        self._manifest = manifest
        self._runtimes = runtimes
        self._runtime: Runtime | None = None
        self._fields = Fields(reader, node, "the action")

    def read(self) -> PackAction | PackWorkflow | None:
        """Read every field, so that one wrong field does not hide the findings of the others."""
        ref = self._ref()
        parameters = self._parameters()
        label, description = self._text("label") or self._text("name"), self._text("description")
        enabled = all(self._reader.boolean(member, what) for member, what in self._fields.given("enabled"))
        workflow = self._fields.take("workflow_file")
        if workflow is not None:
            path = self._file(workflow, "'workflow_file' of the action", ("actions/workflows", "actions", "workflows"))
            self._take(*_KEPT, *_RESULTS, "runner_type", "entry_point", "timeout_seconds")
            if ref is None or path is None or not enabled:
                return None
            return PackWorkflow(ref, self._manifest.ref, self._node.place, path, parameters, label, description)
        runner = self._runner()
        entry = self._fields.require("entry_point")
        entry, function = _split(entry) if runner == "python" else (entry, "")
        program = self._file(entry, "'entry_point' of the action", ("actions",)) if entry is not None else None
        if function and program is not None:
            self._check_function(program, function)
        isolation = self._isolation(runner, function)
        delivery = cast("Delivery", self._choice("parameter_delivery", get_args(Delivery), "stdin"))
        parameter_format = cast("ParameterFormat", self._choice("parameter_format", get_args(ParameterFormat), "json"))
        output_format = cast("OutputFormat", self._choice("output_format", get_args(OutputFormat), "text"))
        timeout = self._timeout()
        result = result_schema([self._fields.take(name) for name in _RESULTS])
        self._take(*_KEPT)
        self._check_secrets(parameters, delivery)
        if ref is None or program is None or runner is None or not enabled:
            return None
        return PackAction(
            ref, self._manifest.ref, self._manifest.folder, self._node.place, runner, program, parameters,
            delivery, parameter_format, output_format, timeout, description, result, self._runtime, function, isolation,
        )  # fmt: skip

    def _take(self, *names: str) -> None:
        for name in names:
            self._fields.take(name)
        self._fields.finish(not_acted_on(_NOT_ACTED_ON))

    def _text(self, name: str) -> str:
        return next((self._reader.text(member, what) or "" for member, what in self._fields.given(name)), "")

    def _choice(self, name: str, options: tuple[str, ...], default: str) -> str:
        for member, what in self._fields.given(name):
            return self._reader.choice(member, what, options) or default
        return default

    def _ref(self) -> str | None:
        node = self._fields.require("ref")
        ref = self._reader.text(node, "'ref' of the action") if node is not None else None
        if ref is None or node is None:
            return None
        pack, dot, name = ref.partition(".")
        if dot and pack != self._manifest.ref:
            message = f"the ref of an action in the pack {self._manifest.ref!r} must be {self._manifest.ref}.NAME"
            self._reader.error("foreign_ref", message, node.place, found=repr(ref))
            return None
        name = name if dot else ref
        if not NAME.match(name):
            self._reader.error(
                "bad_name", "'ref' of the action is not a valid name", node.place, found=repr(ref), expected=NAME_RULE
            )
            return None
        return f"{self._manifest.ref}.{name}"

    def _parameters(self) -> dict[str, Parameter]:
        for member, what in self._fields.given("parameters"):
            return schema_parameters(self._reader, member, what)
        return {}

    def _runner(self) -> RunnerType | None:
        for member, what in self._fields.given("runner_type"):
            text = self._reader.text(member, what)
            # A pack's own runtime may stand for no runner of Stretto: those have their environments and limits.
            if text is not None and text not in _RUNNERS and (runtime := self._runtimes.get(text.lower())):
                self._runtime = self._version_of(runtime)
                return "native"
            if text is None or text in _RUNNERS:
                return _RUNNERS.get(text or "")
            self._reader.error(
                "bad_choice", f"{what} has an unknown value", member.place, found=repr(text),
                expected=", ".join((*get_args(RunnerType), *self._runtimes)),
                hint=nearest(text, (*_RUNNERS, *self._runtimes)),
            )  # fmt: skip
            return None
        return "shell"  # Attune's default

    def _version_of(self, runtime: Runtime) -> Runtime:
        """Return the version of a runtime that the action asks for, or report that there is none."""
        for member, what in self._fields.given("runtime_version") if runtime.versions else ():
            text = self._reader.text(member, what)
            if text is None:
                continue
            try:
                found, reason = best_of(runtime.versions, text), f"no version of the runtime {runtime.ref} satisfies it"
            except InvalidConstraint as error:
                found, reason = None, str(error)
            if found is not None:
                return found
            self._reader.error(
                "bad_choice", f"{what} cannot be satisfied: {reason}", member.place, found=repr(text),
                expected=", ".join(each.version for each in runtime.versions),
            )  # fmt: skip
        return runtime

    def _isolation(self, runner: RunnerType | None, function: str) -> Isolation:
        """Return where calls run: a function in a kept process, a program in one of its own, unless a word says so."""
        default: Isolation = "worker" if function else "fresh"
        for member, what in self._fields.given("isolation"):
            if isinstance(member, ScalarNode) and member.value == "thread":
                self._reader.error(
                    "bad_choice", "a pack's code never runs on a thread of the daemon", member.place,
                    found="'thread'", expected=", ".join(get_args(Isolation)),
                    hint="write isolation: worker, whose calls cost little more",
                )  # fmt: skip
                continue
            word = self._reader.choice(member, what, get_args(Isolation))
            if word == "worker" and runner not in {"python", None}:
                self._reader.error(
                    "bad_choice", "only Python actions can run in a kept process", member.place,
                    found=repr(word), expected="fresh",
                )  # fmt: skip
            return cast("Isolation", word or default)
        return default

    def _check_function(self, program: Path, function: str) -> None:
        """Check that the program has the function, and that no field speaks of a program's streams."""
        problem, hint = function_problem(program, function)
        if problem:
            self._reader.error("no_such_function", problem, self._fields.key_place("entry_point"), hint=hint)
        for name in _OF_STREAMS:
            if name in self._node.members:
                message = (
                    f"{name!r} is for programs: a function takes its parameters as arguments and returns its result"
                )
                self._reader.error("bad_choice", message, self._fields.key_place(name), hint=f"remove {name!r}")

    def _timeout(self) -> float | None:
        alias = self._fields.take("timeout_seconds")
        given = list(self._fields.given("timeout"))
        if alias is not None and not given:
            given = [(alias, "'timeout_seconds' of the action")]
        for member, what in given:
            timeout = self._reader.number(member, what)
            if timeout is not None and timeout <= 0:
                self._reader.wrong_type(what, member, "a number of seconds above 0")
            return timeout
        return None

    def _file(self, node: Node, what: str, folders: tuple[str, ...]) -> Path | None:
        """Return the resolved path of a named file. A path that leaves the pack, also by links, is an error."""
        given = self._reader.text(node, what)
        if given is None:
            return None
        pack = self._manifest.folder.resolve()
        for folder in folders:
            base = resolved(pack / folder)
            path = resolved(base / given) if "\0" not in given else base
            if not path.is_relative_to(pack) or not path.is_relative_to(base):
                self._reader.error(
                    "outside_pack", f"{what} leads out of the pack's {folder} folder", node.place, found=repr(given)
                )
                return None
            if is_file(path):
                return path
        where = " or ".join(folders)
        self._reader.error(
            "no_such_file", f"there is no file {given!r} in {where}", node.place, hint=_near(pack, folders, given)
        )
        return None

    def _check_secrets(self, parameters: Mapping[str, Parameter], delivery: str) -> None:
        secret = sorted(fields[0] for fields in secret_fields(parameters))
        if not secret or delivery not in {"argv", "env"}:
            return
        place = self._fields.key_place("parameter_delivery")
        message = f"{secret[0]!r} is secret"
        if delivery == "argv":
            exposed = "all users of the machine can read a process's arguments"
            self._reader.error("secret_in_argv", f"{message}, and {exposed}", place, hint="deliver on stdin")
        else:
            inherited = "every program that the action starts inherits its environment"
            self._reader.warn("secret_in_env", f"{message}, and {inherited}", place, hint="deliver on stdin")


def _split(entry: Node | None) -> tuple[Node | None, str]:
    """Split FILE:function."""
    if not isinstance(entry, ScalarNode) or not isinstance(entry.value, str) or ":" not in entry.value:
        return entry, ""
    file, _, function = entry.value.rpartition(":")
    return replace(entry, text=file, value=file), function


def _near(pack: Path, folders: tuple[str, ...], given: str) -> str:
    there = [each.name for folder in folders if is_folder(pack / folder) for each in (pack / folder).iterdir()]
    return nearest(given, there)
