"""Reading of `runtimes/*.yaml`: interpreters that a pack brings for the actions that name them as their runner."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stretto.actors.actions import inherited_environment
from stretto.actors.packs.runtime_versions import RuntimeVersion, default_of
from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode, compose

_KEPT: Final = ("pack_ref", "description", "label", "distributions", "installation", "tags", "meta", "enabled")
_MADE_BY_SETUP: Final = frozenset({"virtualenv", "venv", "node_modules"})
_PLACEHOLDER: Final = re.compile(r"\{(pack_dir|env_dir|interpreter|manifest_path)\}")
_BINARY: Final = re.compile(r"[A-Za-z0-9_.+/{}-]+\Z")


@dataclass(frozen=True, slots=True)
class Runtime:
    """A way to run an action's file.

    Attributes:
        ref: Its name in the pack.
        command: The interpreter and its arguments. The action's file follows.
        variables: Environment variables for the process.
        versions: The versions that actions can ask for.
    """

    ref: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    versions: tuple[RuntimeVersion, ...] = ()


def read_runtime(reader: Reader, text: str, folder: Path) -> dict[str, Runtime]:
    """Return the runtime that a file describes under each of its names, or nothing if it has no interpreter.

    The reader collects the findings.

    Args:
        reader: The reader of the file.
        text: Its text.
        folder: The pack's folder, resolved.
    """
    root = compose(text, reader.file, reader.report)
    node = reader.mapping(root, "a runtime") if root is not None else None
    if node is None:
        return {}
    fields = Fields(reader, node, "the runtime")
    ref_node = fields.require("ref")
    ref = (reader.text(ref_node, "'ref' of the runtime") if ref_node is not None else None) or ""
    names = [ref, ref.rpartition(".")[2]]
    names += [reader.text(each, what) or "" for each, what in fields.given("name")]
    for member, what in fields.given("aliases"):
        names += [reader.text(each, what) or "" for each in reader.sequence(member, what)]
    for name in _KEPT:
        fields.take(name)
    listed = [each for member, what in fields.given("versions") for each in reader.sequence(member, what)]
    config = fields.take("execution_config")
    fields.finish(lambda _name: None)
    runtime = _Config(reader, config, folder).read(ref) if isinstance(config, MapNode) else None
    versions = tuple(found for each in listed if (found := _version(reader, each, ref, folder, runtime)))
    chosen = default_of(versions) or runtime or next((each.runtime for each in versions), None)
    return {name.lower(): replace(chosen, versions=versions) for name in names if name} if chosen is not None else {}


def _version(reader: Reader, entry: Node, ref: str, folder: Path, base: Runtime | None) -> RuntimeVersion | None:
    """Return a version of a runtime. Fields that it lacks are those of the runtime."""
    node = reader.mapping(entry, "a version of the runtime")
    if node is None:
        return None
    fields = Fields(reader, node, "the version of the runtime")
    version_node = fields.require("version")
    version = None if version_node is None else reader.text(version_node, "'version' of a version of the runtime")
    is_default = any(reader.boolean(member, what) for member, what in fields.given("is_default"))
    config = fields.take("execution_config")
    for name in ("distributions", "meta"):
        fields.take(name)
    fields.finish(lambda _name: None)
    runtime = _Config(reader, config, folder).read(ref) if isinstance(config, MapNode) else None
    if runtime is not None and base is not None:
        runtime = replace(runtime, variables={**base.variables, **runtime.variables})
    used = runtime or base
    return None if version is None or used is None else RuntimeVersion(version, is_default, used)


class _Config:
    """The `execution_config` of a runtime."""

    def __init__(self, reader: Reader, node: MapNode, folder: Path) -> None:
        self._reader = reader
        self._node = node
        self._folder = folder

    def read(self, ref: str) -> Runtime | None:
        self._check_environment()
        interpreter = self._node.members.get("interpreter")
        if not isinstance(interpreter, MapNode):
            return None
        binary = interpreter.members.get("binary")
        text = self._reader.text(binary, "'binary' of the interpreter") if binary is not None else None
        if not text or binary is None:
            return None
        if not _BINARY.match(text):
            self._reader.error(
                "bad_name", "'binary' of the interpreter must be a program", binary.place, found=repr(text)
            )
            return None
        arguments = interpreter.members.get("args")
        given = arguments.members if isinstance(arguments, ListNode) else []
        command = (text, *(each.text for each in given if isinstance(each, ScalarNode)))
        return Runtime(ref, tuple(map(self._filled, command)), self._variables(self._node.members.get("env_vars")))

    def _check_environment(self) -> None:
        """Warn of environments that `stretto packs setup` does not make: their commands are the pack's own code."""
        environment = self._node.members.get("environment")
        kind = environment.members.get("env_type") if isinstance(environment, MapNode) else None
        if environment is not None and not (isinstance(kind, ScalarNode) and kind.text in _MADE_BY_SETUP):
            message = "'environment' of a runtime is not acted on, except a virtualenv and node_modules"
            self._reader.warn("not_acted_on", message, environment.place)

    def _variables(self, node: Node | None) -> dict[str, str]:
        variables: dict[str, str] = {}
        for name, value in node.members.items() if isinstance(node, MapNode) else ():
            if isinstance(value, ScalarNode):
                variables[name] = self._filled(value.text)
            elif isinstance(value, MapNode):
                variables[name] = self._combined(name, value)
        return variables

    def _combined(self, name: str, node: MapNode) -> str:
        """Return a value that is put before or after the one that the process inherits, such as that of PATH."""
        given = {word: each.text for word, each in node.members.items() if isinstance(each, ScalarNode)}
        value, inherited = self._filled(given.get("value", "")), inherited_environment().get(name, "")
        if not inherited or given.get("operation") not in {"prepend", "append"}:
            return value
        ordered = (value, inherited) if given["operation"] == "prepend" else (inherited, value)
        return given.get("separator", os.pathsep).join(ordered)

    def _filled(self, text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: str(self._folder) if found[1] == "pack_dir" else "", text)
