"""Reads the fields for item and result files: `with_items: {lines: PATH}` and `results: {jsonl: PATH}`."""

from collections.abc import Collection
from typing import Final, cast, get_args

from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.expressions import Constant, Site, Template
from stretto.definitions.model import OnBadLine, SourceKind
from stretto.definitions.source import MapNode, Node, ScalarNode

SOURCES: Final = tuple(kind for kind in get_args(SourceKind) if kind != "list")
"""The formats of item files."""
RESULTS: Final = ("jsonl",)
"""The formats of result files."""


ON_BAD_LINE: Final = "on_bad_line"
"""The field beside `jsonl` that says what a line does that is not JSON."""


def read_source(reader: Reader, node: MapNode, what: str) -> tuple[SourceKind, Template, OnBadLine] | None:
    """Return the format and the path of an item file, and what a bad line does."""
    on_bad_line: OnBadLine = "fail"
    if (member := node.members.get(ON_BAD_LINE)) is not None:
        chosen = reader.choice(member, f"{ON_BAD_LINE!r} of {what}", get_args(OnBadLine))
        on_bad_line = cast("OnBadLine", chosen or on_bad_line)
        if "jsonl" not in node.members and node.members.keys() & set(SOURCES):
            message = (
                f"{ON_BAD_LINE!r} of {what} has a meaning for jsonl only, because only its lines can be bad one by one"
            )
            reader.error("bad_choice", message, node.keys[ON_BAD_LINE], expected="jsonl: PATH beside it")
    found = _read(reader, node, what, SOURCES, (ON_BAD_LINE,))
    return None if found is None else (cast("SourceKind", found[0]), found[1], on_bad_line)


def read_results(reader: Reader, node: Node, what: str) -> Template | None:
    """Return the path of a result file."""
    mapping = reader.mapping(node, what)
    found = None if mapping is None else _read(reader, mapping, what, RESULTS)
    return None if found is None else found[1]


def _read(
    reader: Reader, node: MapNode, what: str, kinds: Collection[str], others: Collection[str] = ()
) -> tuple[str, Template] | None:
    fields = Fields(reader, node, what)
    for name in others:
        fields.take(name)
    given = [(kind, member) for kind in kinds for member, _ in fields.given(kind)]
    fields.finish(lambda _name: None)
    if len(given) == 1:
        (kind, member) = given[0]
        path = _path(reader, member, f"{kind!r} of {what}")
        return None if path is None else (kind, path)
    if len(given) > 1 or not node.members.keys() - {*kinds, *others}:  # otherwise an unknown field has been reported
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
