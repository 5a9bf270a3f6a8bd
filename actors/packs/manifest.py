"""Reading of `pack.yaml`: a pack's name and its configuration's schema."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from stretto.actors.locating import SUFFIXES
from stretto.actors.packs.model import Manifest
from stretto.definitions.data import EMPTY_OBJECT, FrozenDict, freeze
from stretto.definitions.dialects import Fields, Reader, read_pack_parameters
from stretto.definitions.errors import nearest
from stretto.definitions.model import Parameter, problems_of
from stretto.definitions.source import MapNode, Node, compose, to_data

_REF = re.compile(r"[a-z][a-z0-9_-]*\Z")
_REF_RULE = "a lowercase letter, then lowercase letters, digits, _ and -"
Explain: TypeAlias = Callable[[str], tuple[str, str, str] | None]

_KEPT = ("author", "email", "system", "enabled", "meta", "tags", "runtime_deps", "testing", "license")
_ALIASES: Final = {"name": "label", "config_schema": "conf_schema", "metadata": "meta", "keywords": "tags"}
"""Names that Attune accepts for fields that are absent."""
_FOLDERS: Final = {
    "caches": "use files of items, docs/language.md",
    "dashboards": "the daemon has pages of its own",
    "policies": "write `retry` and `concurrency` into the workflow",
    "queues": "start workflows with `stretto run --daemon`",
}
"""The folders of Attune's packs that have no effect, each with its replacement."""
_NOT_ACTED_ON = re.compile(r"worker_.*|dependencies|.*permission_set_refs|workflows_dir")


def read_manifest(reader: Reader, text: str, folder: Path) -> Manifest | None:
    """Return the manifest, or None if it has no valid ref. The reader collects the findings."""
    root = compose(text, reader.file, reader.report)
    node = reader.mapping(root, "a pack") if root is not None else None
    if node is None:
        return None
    fields = Fields(reader, node, "the pack")
    ref = _ref(reader, fields)
    _check_aliases(reader, node)
    fields.take("metadata")
    fields.take("keywords")
    texts = {
        name: next((reader.text(member, what) or "" for member, what in fields.given(name)), "")
        for name in ("label", "description", "version")
    }
    name = next((reader.text(each, what) or "" for each, what in fields.given("name")), "")
    texts["label"] = texts["label"] or name
    schema = _schema(reader, fields)
    _warn_of_folders(reader, folder, node)
    config = next((_defaults(reader, member, what, schema) for member, what in fields.given("config")), EMPTY_OBJECT)
    for name in _KEPT:
        fields.take(name)
    fields.finish(not_acted_on(_NOT_ACTED_ON))
    if ref is None:
        return None
    return Manifest(
        ref, folder.resolve(), node.place, texts["label"], texts["description"], texts["version"], schema, config
    )


def not_acted_on(known: re.Pattern[str]) -> Explain:
    """Return a function that explains the fields of Attune that have no effect in Stretto."""

    def explain(name: str) -> tuple[str, str, str] | None:
        if known.fullmatch(name):
            return "warning", "not_acted_on", f"{name!r} is not acted on"
        return None

    return explain


def schema_parameters(reader: Reader, node: Node, what: str) -> dict[str, Parameter]:
    """Return the parameters of a flat schema or of a JSON Schema, by name."""
    return {parameter.name: parameter for parameter in read_pack_parameters(reader, node, what)}


def _ref(reader: Reader, fields: Fields) -> str | None:
    node = fields.require("ref")
    ref = reader.text(node, "'ref' of the pack") if node is not None else None
    if ref is None or node is None or _REF.match(ref):
        return ref
    reader.error("bad_name", "'ref' of the pack is not a valid name", node.place, found=repr(ref), expected=_REF_RULE)
    return None


def _schema(reader: Reader, fields: Fields) -> dict[str, Parameter] | None:
    alias = fields.take("config_schema")
    for member, what in fields.given("conf_schema"):
        return schema_parameters(reader, member, what)
    return None if alias is None else schema_parameters(reader, alias, "'config_schema' of the pack")


def _check_aliases(reader: Reader, node: MapNode) -> None:
    """Warn of each alias next to the field that it stands for, which wins."""
    for alias, canonical in _ALIASES.items():
        if alias in node.members and canonical in node.members:
            reader.warn("not_acted_on", f"{alias!r} is not acted on, because {canonical!r} is there", node.keys[alias])


def _warn_of_folders(reader: Reader, folder: Path, node: MapNode) -> None:
    for name, what in _FOLDERS.items():
        if any(each.suffix in SUFFIXES for each in (folder / name).glob("*")):
            reader.warn("not_acted_on", f"{name}/ is not acted on ({what})", node.place)


def _defaults(reader: Reader, node: Node, what: str, schema: dict[str, Parameter] | None) -> FrozenDict:
    mapping = reader.mapping(node, what)
    if mapping is None:
        return EMPTY_OBJECT
    config = freeze(to_data(mapping))
    assert isinstance(config, FrozenDict)  # noqa: S101 - for the type checker
    for name, value in config.items() if schema is not None else ():
        parameter = (schema or {}).get(name)
        if parameter is None:
            message = f"'conf_schema' has no {name!r}"
            reader.error("unknown_config", message, mapping.keys[name], hint=nearest(name, schema or ()))
            continue
        for problem in problems_of(parameter, value):
            reader.error("bad_default", f"the default is invalid: {problem}", mapping.members[name].place)
    return config
