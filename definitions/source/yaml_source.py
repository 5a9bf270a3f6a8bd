"""Bounded YAML parsing that keeps the place of every value.

PyYAML only splits the text into events. Its own constructors accept duplicate keys and expand aliases without a
bound.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from stretto.definitions.errors import Finding, Place
from stretto.definitions.source.work import VALUE_UNITS, Work
from stretto.definitions.source.yaml_scalars import YAML_1_2, Schema, key_text, shortened

MAX_SOURCE_LENGTH = 4 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 200_000
"""Maximum number of nodes in a document. Nodes that aliases repeat count each time."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class ScalarNode:
    """A scalar.

    Attributes:
        place: The start of the scalar.
        value: The value in the dialect's schema.
        text: The text after YAML's own escapes.
        source: The text as written in the file, if it may hold an expression.
    """

    place: Place
    value: None | bool | int | float | str
    text: str
    source: str = ""

    def locate(self, offset: int) -> Place:
        """Return the place in the file of the expression that opens at `offset` of the text.

        Counts opening braces, not characters, because YAML may fold and escape the text in between.
        """
        before = len(OPENING.findall(self.text[:offset]))
        for count, match in enumerate(OPENING.finditer(self.source)):
            if count == before:
                lines = self.source[: match.start()].split("\n")
                column = len(lines[-1]) + (self.place.column if len(lines) == 1 else 1)
                return Place(self.place.file, self.place.line + len(lines) - 1, column, self.place.path)
        return self.place


_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""The line breaks of YAML's reader."""
OPENING = re.compile(r"\{\{|\{%|<%")
"""The start of an expression, in Jinja2 or YAQL."""


@dataclass(slots=True)
class ListNode:
    """A sequence of nodes."""

    place: Place
    members: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class MapNode:
    """A mapping. `keys` holds the place of each key."""

    place: Place
    members: dict[str, "Node"] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)


Node: TypeAlias = ScalarNode | ListNode | MapNode
Report: TypeAlias = Callable[[Finding], None]


def to_data(node: Node) -> Any:
    """Return the plain data of a node."""
    if isinstance(node, MapNode):
        return {key: to_data(member) for key, member in node.members.items()}
    if isinstance(node, ListNode):
        return [to_data(member) for member in node.members]
    return node.value


def is_falsy(node: Node) -> bool:
    """Return whether a node is null, false, 0, or an empty text, list or object."""
    return not node.value if isinstance(node, ScalarNode) else not node.members


def kind_of(node: Node) -> str:
    """Describe a node for a finding."""
    if isinstance(node, MapNode):
        return "an object"
    if isinstance(node, ListNode):
        return "a list"
    if node.value is None:
        return "null"
    if isinstance(node.value, bool):
        return "a boolean"
    if isinstance(node.value, int | float):
        return f"the number {node.text[:50]}"
    return f"the text {shortened(node.text)!r}"


def compose(text: str, file: str, report: Report, schema: Schema = YAML_1_2, work: Work | None = None) -> Node | None:
    """Parse the one YAML document in `text`.

    Args:
        text: The YAML text.
        file: The file's path for places.
        report: Receives the findings.
        schema: The meaning of scalars.
        work: Counts the work.

    Returns:
        The root node, or None if the text cannot be parsed.

    Raises:
        TooMuchWork: It has more values than the work allows.
    """
    if len(text) > MAX_SOURCE_LENGTH:
        problem = f"a definition must have at most {MAX_SOURCE_LENGTH:,} characters, got {len(text):,}"
        report(Finding("yaml_too_large", problem, Place(file, 1, 1)))
        return None
    try:
        text.encode()
        return _Composer(text, file, report, schema, work or Work()).compose()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        report(Finding("yaml_syntax", "this is not valid text: it contains a lone surrogate", Place(file, line, 1)))
    except yaml.YAMLError as error:
        report(_syntax_finding(error, text, file))
    except _Refused as refused:
        report(refused.finding)
    return None


class _Refused(Exception):
    def __init__(self, finding: Finding) -> None:
        self.finding = finding


def _syntax_finding(error: yaml.YAMLError, text: str, file: str) -> Finding:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file, 1, 1)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if "maximum nesting depth" in problem:  # newer releases of libyaml have a bound of their own, in the scanner
        return _too_deep(place)
    hint = ""
    if mark is not None and _begins_with_tab(text, mark.line):
        hint = "indent YAML with spaces, not tabs"
    elif "cannot start any token" in problem or "did not find expected" in problem or "block mapping" in problem:
        hint = "put quotes around text with {{ or a colon"
    return Finding("yaml_syntax", f"this is not valid YAML: {problem}", place, hint=hint)


def _too_deep(place: Place) -> Finding:
    return Finding("yaml_too_deep", f"a definition must have at most {MAX_DEPTH} levels of nesting", place)


def _begins_with_tab(text: str, number: int) -> bool:
    lines = _LINE_BREAK.split(text)
    return number < len(lines) and "\t" in lines[number][: len(lines[number]) - len(lines[number].lstrip())]


class _Composer:
    def __init__(self, text: str, file: str, report: Report, schema: Schema, work: Work) -> None:
        self._work = work
        self._schema = schema
        self._lines = _LINE_BREAK.split(text)
        self._file = file
        self._report = report
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._open: set[str] = set()
        self._nodes = 0

    def compose(self) -> Node | None:
        node: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    place = self._place(event, "")
                    raise _Refused(Finding("yaml_documents", "a definition must be one YAML document", place))
                node = self._node(next(self._events), "", 0)
        if node is None:
            self._report(Finding("yaml_empty", "the file is empty", Place(self._file, 1, 1)))
        return node

    def _place(self, event: Any, path: str) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1, path)

    def _count(self, nodes: int, place: Place) -> None:
        self._work.charge(nodes * VALUE_UNITS, place)
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            problem = (
                f"a definition must have at most {MAX_NODES:,} values (values repeated by aliases count each time)"
            )
            raise _Refused(Finding("yaml_too_many_values", problem, place))

    def _node(self, event: Any, path: str, depth: int) -> Node:
        place = self._place(event, path)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        if depth >= MAX_DEPTH:
            raise _Refused(_too_deep(place))
        counted = self._nodes
        self._count(1, place)
        if event.tag is not None and event.tag != "!" and event.tag not in self._schema.tagged:
            self._report(Finding("yaml_tag", "a definition cannot use YAML tags", place, found=event.tag))
        if event.anchor:
            self._open.add(event.anchor)
        if isinstance(event, yaml.ScalarEvent):
            node: Node = self._scalar(event, place)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(place, path, depth)
        else:
            node = self._mapping(event, place, path, depth)
        if event.anchor:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = (node, self._nodes - counted)
        return node

    def _alias(self, event: Any, place: Place) -> Node:
        if event.anchor in self._open:
            raise _Refused(Finding("yaml_alias", f"the alias *{event.anchor} contains itself", place))
        if event.anchor not in self._anchors:
            raise _Refused(Finding("yaml_alias", f"the alias *{event.anchor} has no anchor before it", place))
        node, nodes = self._anchors[event.anchor]
        self._count(nodes, place)
        return node

    def _sequence(self, place: Place, path: str, depth: int) -> ListNode:
        node = ListNode(place)
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node.members.append(self._node(event, f"{path}[{len(node.members)}]", depth + 1))
        return node

    def _mapping(self, start: Any, place: Place, path: str, depth: int) -> MapNode:
        node = MapNode(place)
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_place = self._place(event, path)
            key_node = self._node(event, path, depth + 1)
            key = self._key(key_node, key_place, start)
            member_path = f"{path}.{key}" if path else key
            key_place = Place(self._file, key_place.line, key_place.column, member_path)
            member = self._node(next(self._events), member_path, depth + 1)
            if key in node.members:
                first = node.keys[key]
                problem = f"duplicate key {key!r}; the first is on line {first.line}"
                severity = self._schema.repeated_key
                hint = "the last one counts" if severity == "warning" else ""
                self._report(Finding("yaml_duplicate_key", problem, key_place, hint=hint, severity=severity))
                if severity == "error":
                    continue
            node.members[key] = member
            node.keys[key] = key_place
        return node

    def _key(self, node: Node, place: Place, start: Any) -> str:
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            return node.value
        if not isinstance(node, ScalarNode) and start.flow_style:
            problem = "an expression needs quotes around it, otherwise YAML reads its braces as an object"
            raise _Refused(Finding("yaml_unquoted_expression", problem, place, hint='write "{{ ... }}"'))
        problem = "the keys of an object must be text"
        self._report(
            Finding(
                "yaml_key", problem, place, kind_of(node), hint="put quotes around it", severity=self._schema.odd_key
            )
        )
        return key_text(node.value) if isinstance(node, ScalarNode) else f"{place.line}:{place.column}"

    def _scalar(self, event: Any, place: Place) -> ScalarNode:
        text: str = event.value
        source = self._source(event) if "{" in text or "<%" in text else ""
        if event.tag in self._schema.tagged:
            return ScalarNode(place, self._schema.tagged[event.tag](text, place, self._report), text, source)
        if event.style or event.tag == "!":
            return ScalarNode(place, text, text, source)
        return ScalarNode(place, self._schema.plain(text, place, self._report), text, source)

    def _source(self, event: Any) -> str:
        start, end = event.start_mark, event.end_mark
        lines = self._lines[start.line : end.line + 1]
        if start.line == end.line:
            return lines[0][start.column : end.column]
        return "\n".join([lines[0][start.column :], *lines[1:-1], lines[-1][: end.column]])
