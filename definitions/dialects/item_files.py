"""Reads the fields for item and result files: `with_items: {lines: PATH}` and `results: {jsonl: PATH}`."""

from collections.abc import Collection
from typing import Final, cast, get_args

from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.expressions import Constant, Site, Template
from stretto.definitions.model import SourceKind
from stretto.definitions.source import MapNode, Node, ScalarNode

SOURCES: Final = tuple(kind for kind in get_args(SourceKind) if kind != "list")
"""The formats of item files."""
RESULTS: Final = ("jsonl",)
"""The formats of result files."""


def read_source(reader: Reader, node: MapNode, what: str) -> tuple[SourceKind, Template] | None:
    """Return the format and the path of an item file."""
    found = _read(reader, node, what, SOURCES)
    return None if found is None else (cast("SourceKind", found[0]), found[1])


def read_results(reader: Reader, node: Node, what: str) -> Template | None:
    """Return the path of a result file."""
    mapping = reader.mapping(node, what)
    found = None if mapping is None else _read(reader, mapping, what, RESULTS)
    return None if found is None else found[1]


def _read(reader: Reader, node: MapNode, what: str, kinds: Collection[str]) -> tuple[str, Template] | None:
    fields = Fields(reader, node, what)
    given = [(kind, member) for kind in kinds for member, _ in fields.given(kind)]
    fields.finish(lambda _name: None)
    if len(given) == 1:
        (kind, member) = given[0]
        path = _path(reader, member, f"{kind!r} of {what}")
        return None if path is None else (kind, path)
    if len(given) > 1 or not node.members.keys() - set(kinds):  # otherwise an unknown field has been reported
        reader.error(
            "bad_choice", f"{what} must name exactly one file", node.place,
            found=", ".join(kind for kind, _ in given) or "none",
            expected=f"one of {', '.join(kinds)}" if len(kinds) > 1 else next(iter(kinds)),
        )  # fmt: skip
    return None


def _path(reader: Reader, node: Node, what: str) -> Template | None:
    path = reader.template(node, Site())
    if not isinstance(node, ScalarNode) or (isinstance(path, Constant) and not _is_a_path(path.value)):
        if not (isinstance(node, ScalarNode) and "{{" in node.text):  # otherwise the error in it has been reported
            reader.wrong_type(what, node, "a file path, or an expression that gives one")
        return None
    return path


def _is_a_path(value: object) -> bool:
    return isinstance(value, str) and value != ""
