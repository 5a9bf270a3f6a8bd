"""docs/findings.md lists all codes of findings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from stretto.definitions.dialects import MAX_FINDINGS, in_order
from stretto.definitions.errors import Finding, Place
from tests.support.paths import BAD, ROOT

SOURCES = [
    *(ROOT / "definitions").rglob("*.py"), *(ROOT / "actors/catalogue").rglob("*.py"), ROOT / "actors/cli/validate.py",
]  # fmt: skip
OF_PACKS = [*(ROOT / "actors/packs").rglob("*.py")]
REPORTS = frozenset({"Finding", "Malformed", "error", "warn", "report", "_report"})
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+\Z")

NEEDS_BYTES_OR_FOLDERS = {
    "computed_default",
    "not_readable",
    "not_utf8",
    "duplicate_ref",
    "shadowed_ref",
    "rehearsal_file",
}
NEEDS_MUCH = {
    "more_errors",
    "more_warnings",
    "paths_not_checked",
    "expression_too_long",
    "yaml_too_large",
    "too_much_work",
}
NEEDS_A_STORE = {"unreadable_definition"}
NEEDS_A_RULE = {
    "bad_criterion",
    "bad_schedule",
    "bad_secret",
    "hook_without_secret",
    "literal_secret",
    "missing_pattern",
    "reserved_event",
    "unknown_operator",
}
"""They have tests in tests/definitions/rules/."""
NEEDS_A_CONFIGURATION = {"unknown_keystore_name", "unknown_config_name"}


def codes_of(path: Path) -> Iterator[str]:
    """Yield the codes in a source: first arguments of what reports, and (severity, code, message)."""
    for node in ast.walk(ast.parse(path.read_text())):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            parts = node.args[:1] if name in REPORTS else []
        elif isinstance(node, ast.Tuple) and len(node.elts) == 3 and isinstance(node.elts[0], ast.Constant):
            parts = node.elts[1:2] if node.elts[0].value in {"error", "warning"} else []
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and CODE.match(part.value):
                yield part.value


def documented() -> set[str]:
    """Return the codes in docs/findings.md."""
    text = (ROOT / "docs/findings.md").read_text()
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def in_the_sources() -> set[str]:
    """Return the codes in the sources."""
    place = Place("x", 1, 1)
    many = [Finding("x", "", place, severity=severity) for severity in ("error", "warning") for _ in range(500)]
    more = {in_order(each for each in many if each.severity == severity)[-1].code for severity in ("error", "warning")}
    return {code for path in SOURCES for code in codes_of(path)} | more


def in_packs() -> set[str]:
    """Return the codes in the sources of packs."""
    return {code for path in OF_PACKS for code in codes_of(path)}


def test_the_document_tells_every_code_and_no_other() -> None:
    """The codes in the sources are those in the table."""
    assert documented() == in_the_sources() | in_packs()


def test_every_code_has_a_bad_definition() -> None:
    """Except those that take bytes, folders, or very much text, which have tests of their own."""
    texts = [path.read_text() for path in BAD.rglob("*.yaml")]
    shown = {code for text in texts for code in re.findall(r"^#! \w+ (\w+) ", text, re.MULTILINE)}
    special = NEEDS_BYTES_OR_FOLDERS | NEEDS_MUCH | NEEDS_A_STORE | NEEDS_A_RULE | NEEDS_A_CONFIGURATION
    assert in_the_sources() - shown == special


def test_the_document_says_how_many_are_shown() -> None:
    """The bound in the document is the one in the code."""
    assert f"the first {MAX_FINDINGS} errors" in (ROOT / "docs/findings.md").read_text()
