"""Helpers that read YAML nodes. They report errors and continue, so one reading finds all errors."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from stretto.definitions.data import freeze
from stretto.definitions.errors import Finding, Place, nearest
from stretto.definitions.expressions import (
    Constant,
    ListTemplate,
    ObjectTemplate,
    Site,
    Template,
    compile_condition,
    compile_text,
)
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode, Work, kind_of, to_data

MAX_FINDINGS = 200
"""The findings of a definition that are shown."""
MAX_REF_LENGTH = 256
"""The characters of the ref of a rule, a schedule or a sensor."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
NAME_RULE = "letters, digits, _ and -, not starting with a digit"


class Reader:
    """Reads typed values from nodes and collects findings.

    The `what` of each method describes the value in messages.
    """

    def __init__(self, file: str, work: Work | None = None) -> None:
        self.file = file
        self.work = work or Work()
        self.findings: list[Finding] = []
        self._templates: dict[tuple[int, Site], tuple[Node, Template]] = {}

    def report(self, finding: Finding) -> None:
        """Add a finding."""
        self.findings.append(finding)

    def error(self, code: str, message: str, place: Place, **details: str) -> None:
        """Report an error. `details` are the finding's found, expected and hint."""
        self.report(Finding(code, message, place, **details))

    def warn(self, code: str, message: str, place: Place, **details: str) -> None:
        """Report a warning. `details` are the finding's found, expected and hint."""
        self.report(Finding(code, message, place, severity="warning", **details))

    def nearest(self, name: str, known: Iterable[str]) -> str:
        """Return a hint with the nearest name, or "" beyond `MAX_FINDINGS`, as comparing names takes long."""
        return nearest(name, known) if len(self.findings) < MAX_FINDINGS else ""

    def wrong_type(self, what: str, node: Node, expected: str) -> None:
        """Report a value of the wrong type."""
        self.error("wrong_type", f"{what} has the wrong type", node.place, found=kind_of(node), expected=expected)

    def mapping(self, node: Node, what: str) -> MapNode | None:
        """Return `node` if it is an object, else report it."""
        if isinstance(node, MapNode):
            return node
        self.wrong_type(what, node, "an object")
        return None

    def sequence(self, node: Node, what: str) -> list[Node]:
        """Return the members of a list, or none for any other node."""
        if isinstance(node, ListNode):
            return node.members
        self.wrong_type(what, node, "a list")
        return []

    def text(self, node: Node, what: str) -> str | None:
        """Return text, without compiling expressions in it."""
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            return node.value
        self.wrong_type(what, node, "text")
        return None

    def name(self, node: Node, what: str) -> str | None:
        """Return text that is a valid name."""
        text = self.text(node, what)
        if text is not None and not NAME.match(text):
            self.error("bad_name", f"{what} is invalid", node.place, found=repr(text), expected=NAME_RULE)
            return None
        return text

    def check_ref(self, ref: str, what: str, place: Place) -> bool:
        """Return whether every store and every request can have a ref, and report one that they cannot have."""
        if 0 < len(ref) <= MAX_REF_LENGTH and ref.isprintable():
            return True
        self.error(
            "bad_name", f"the ref of {what} is invalid", place, found=repr(ref[:100]),
            expected=f"at most {MAX_REF_LENGTH} printable characters (MAX_REF_LENGTH)",
        )  # fmt: skip
        return False

    def boolean(self, node: Node, what: str) -> bool:
        """Return a boolean, or False for any other node."""
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return node.value
        self.wrong_type(what, node, "true or false")
        return False

    def integer(self, node: Node, what: str, least: int) -> int | None:
        """Return an integer of at least `least`."""
        if isinstance(node, ScalarNode) and type(node.value) is int and node.value >= least:
            return node.value
        self.wrong_type(what, node, f"an integer of at least {least}")
        return None

    def number(self, node: Node, what: str) -> float | None:
        """Return a number."""
        if isinstance(node, ScalarNode) and type(node.value) in {int, float}:
            return node.value  # type: ignore[return-value]
        self.wrong_type(what, node, "a number")
        return None

    def choice(self, node: Node, what: str, options: Collection[str]) -> str | None:
        """Return text that is one of `options`."""
        text = self.text(node, what)
        if text is None or text in options:
            return text
        expected = ", ".join(options)
        self.error(
            "bad_choice", f"{what} has an invalid value", node.place, found=repr(text), expected=expected,
            hint=self.nearest(text, options),
        )  # fmt: skip
        return None

    def template(self, node: Node, site: Site) -> Template:
        """Compile a value with expressions in its texts, but not in its keys. Aliases are compiled once."""
        known = self._templates.get((id(node), site))
        if known is not None:
            return known[1]
        template = self._compiled(node, site)
        self._templates[id(node), site] = (node, template)
        return template

    def _compiled(self, node: Node, site: Site) -> Template:
        if isinstance(node, ScalarNode):
            if isinstance(node.value, str):
                self.work.charge_text(node.value, node.place)
                return compile_text(node.value, node.locate, site, self.report)
            return Constant(node.value, node.place)
        members: list[Template]
        if isinstance(node, ListNode):
            members = [self.template(member, site) for member in node.members]
            if all(isinstance(member, Constant) for member in members):
                return Constant(freeze(to_data(node)), node.place)
            return ListTemplate(members, node.place)
        named = {key: self.template(member, site) for key, member in node.members.items()}
        if all(isinstance(member, Constant) for member in named.values()):
            return Constant(freeze(to_data(node)), node.place)
        return ObjectTemplate(named, node.place)

    def condition(self, node: Node, what: str, site: Site) -> Template | None:
        """Compile a `when`, in which text is an expression even without braces."""
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            self.work.charge_condition(node.value, node.place)
            return compile_condition(node.value, node.locate, site, self.report)
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return Constant(node.value, node.place)
        self.wrong_type(what, node, "an expression")
        return None

    def number_template(self, node: Node, what: str, site: Site, *, least: float, integer: bool) -> Template | None:
        """Return a number, or compile an expression that gives one."""
        if isinstance(node, ScalarNode):
            if isinstance(node.value, str) and "{{" in node.value:
                return self.template(node, site)
            kinds = {int} if integer else {int, float}
            if type(node.value) in kinds and node.value >= least:  # type: ignore[operator]
                return Constant(node.value, node.place)
        kind = "an integer" if integer else "a number"
        self.wrong_type(what, node, f"{kind} of at least {least:g}, or an expression that gives one")
        return None


class Fields:
    """The fields of an object. `finish` reports the fields that were not read."""

    def __init__(self, reader: Reader, node: MapNode, what: str) -> None:
        self.node = node
        self.place = node.place
        self.what = what
        self._reader = reader
        self._known: list[str] = []

    def take(self, name: str) -> Node | None:
        """Return the field's node, or None if the field is missing."""
        self._known.append(name)
        return self.node.members.get(name)

    def given(self, name: str) -> Iterator[tuple[Node, str]]:
        """Yield (node, description) if the field is present and not null."""
        node = self.take(name)
        if node is not None and not (isinstance(node, ScalarNode) and node.value is None):
            yield node, f"{name!r} of {self.what}"

    def require(self, name: str) -> Node | None:
        """Return the field's node, or report that it is missing."""
        node = self.take(name)
        if node is None:
            place = Place(self.place.file, self.place.line, self.place.column, self.place.path)
            self._reader.error("missing_field", f"{self.what} needs the field {name!r}", place)
        return node

    def key_place(self, name: str) -> Place:
        """Return the place of the field's name."""
        return self.node.keys.get(name, self.place)

    def finish(self, explain: Callable[[str], tuple[str, str, str] | None]) -> None:
        """Report the fields that were not read.

        Args:
            explain: Returns (severity, code, message) for a known field, or None. No severity means no report.
        """
        for name in self.node.members:
            if name in self._known:
                continue
            known = explain(name)
            if known is None:
                self._reader.error(
                    "unknown_field", f"{self.what} has no field {name!r}", self.key_place(name),
                    expected=", ".join(sorted(set(self._known))), hint=self._reader.nearest(name, self._known),
                )  # fmt: skip
            elif known[0]:
                severity, code, message = known
                self._reader.report(Finding(code, message, self.key_place(name), severity=severity))
