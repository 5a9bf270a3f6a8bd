"""Reading of `pack.yaml` and `config.schema.yaml` of a StackStorm pack."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from stretto.actors.locating import is_file
from stretto.actors.packs.model import Manifest
from stretto.actors.packs.stackstorm.schema import Declared, as_stackstorm_loads, read_schema
from stretto.actors.text_files import read_bytes
from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.errors import Finding, Place
from stretto.definitions.model import Parameter
from stretto.definitions.source import YAML_1_1_OF_PACKS, MapNode, Node, ScalarNode, compose

_REF = re.compile(r"[a-z0-9_]+\Z")
_REF_RULE = "lowercase letters, digits and _"
_OF_ATTUNE: Final = frozenset({"label", "conf_schema", "config_schema", "config", "meta", "runtime_deps", "testing"})
_RUNNER_OF_ATTUNE: Final = re.compile(
    rb"^runner_type:\s*[\"']?(shell|sh|bash|python3?|nodejs|node(\.js)?|native|builtin|standalone)[\"']?\s*$",
    re.MULTILINE,
)
_FIRST_BYTES: Final = 64 * 1024
_NOT_ACTED_ON: Final[Mapping[str, str]] = {
    "aliases": "Stretto has no chat commands",
    "policies": "write `retry` and `concurrency` into the workflow",
}


def is_of_stackstorm(text: str, folder: Path) -> bool:
    """Return whether a pack is StackStorm's. Its `pack.yaml` has a name, but no field that only Attune's has.

    Attune's may have a name instead of its label. Then the runners of its actions decide.
    """
    root = compose(text, "", lambda _finding: None)
    if not isinstance(root, MapNode) or "name" not in root.members or not _OF_ATTUNE.isdisjoint(root.members):
        return False
    return "ref" not in root.members or not any(map(_runs_as_attune, sorted((folder / "actions").glob("*.yaml"))))


def _runs_as_attune(path: Path) -> bool:
    if not is_file(path):
        return False
    try:
        with path.open("rb") as file:
            return _RUNNER_OF_ATTUNE.search(file.read(_FIRST_BYTES)) is not None
    except OSError:  # its reading reports it
        return False


def read_manifest(reader: Reader, text: str, folder: Path) -> Manifest | None:
    """Return the manifest, or None if it has no valid ref. The reader collects the findings."""
    root = compose(text, reader.file, reader.report, YAML_1_1_OF_PACKS)
    node = reader.mapping(root, "a pack") if root is not None else None
    if node is None:
        return None
    fields = Fields(reader, node, "the pack")
    ref = _ref(reader, fields)
    description = _scalar(fields.take("description"))
    version = _scalar(fields.take("version"))
    config = folder / "config.schema.yaml"
    schema = _schema(reader, config) if is_file(config) else None
    for name, what in _NOT_ACTED_ON.items():
        if any((folder / name).glob("*.yaml")):
            reader.warn("not_acted_on", f"{name}/ is not acted on ({what})", node.place)
    if ref is None:
        return None
    return Manifest(
        ref, folder.resolve(), node.place, _scalar(fields.take("name")), description, version,
        None if schema is None else _none_required(schema.parameters),
    )  # fmt: skip


def _schema(reader: Reader, path: Path) -> Declared | None:
    """Return the schema of the configuration."""
    own = Reader(str(path))
    try:
        text = read_bytes(path).decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}"
        reader.report(Finding("not_readable", message, Place(str(path), 1, 1)))
        return None
    schema = read_schema(own, text)
    for finding in own.findings:
        reader.report(as_stackstorm_loads(finding))
    return schema


def _none_required(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return the settings as optional ones, because StackStorm also loads packs without a configuration."""
    return {name: replace(parameter, required=False) for name, parameter in parameters.items()}


def _ref(reader: Reader, fields: Fields) -> str | None:
    """Return the pack's `ref`, or else its `name`."""
    given = fields.take("ref") or fields.take("name")
    if given is None:
        return None
    ref = reader.text(given, "the pack's name")
    if ref is None or _REF.match(ref):
        return ref
    reader.error("bad_name", "the pack's name is not a valid ref", given.place, found=repr(ref), expected=_REF_RULE,
                 hint="add a `ref` of this form")  # fmt: skip
    return None


def _scalar(node: Node | None) -> str:
    return node.text if isinstance(node, ScalarNode) else ""
