"""Converts findings to the report of Orquesta's own inspection, by category and with its paths.

Its paths name a property of a task or workflow, or a member of a list of variables. A finding's place is more precise.
"""

import re
from collections.abc import Iterable
from typing import Final

from stretto.definitions.errors import Finding

_LOAD: Final = frozenset({"wrong_shape", "bad_name", "bad_action"})
_SYNTAX: Final = frozenset(
    {"bad_choice", "duplicate_entry", "missing_field", "no_tasks", "unknown_field", "wrong_type"}
)
_SEMANTICS: Final = frozenset({"items_without_action", "no_entry", "reserved_name", "unknown_task", "unreachable_join"})
_CONTEXT: Final = frozenset({"private_variable", "unknown_variable"})

_PROPERTY: Final = re.compile(r"((?:tasks\.\w+\.(?:next\[\d+\]\.|with\.|retry\.)?)?\w+)(\[\d+\])?")
_WHOLE_VALUES: Final = re.compile(r"(tasks\.\w+\.(?:input|next\[\d+\]\.(?:publish|do))|input\[\d+\])\b.*")
"""Values whose parts Orquesta does not distinguish: it reports one error if the value matches none of their forms."""


def inspection(findings: Iterable[Finding]) -> dict[str, list[dict[str, str | None]]]:
    """Return the errors of a definition in the form of Orquesta's inspection.

    A load error hides all others and is reported once, as the library raises it as an exception.

    Args:
        findings: The findings of a definition.

    Returns:
        {category: [{message, spec_path, expression?}]}.
    """
    report: dict[str, dict[tuple[object, ...], dict[str, str | None]]] = {}
    for number, finding in enumerate(findings):
        if finding.severity != "error":
            continue
        category = category_of(finding)
        path = _path(category, finding)
        entry: dict[str, str | None] = {"message": finding.message, "spec_path": path}
        if category in {"expressions", "context"} and finding.found:
            entry["expression"] = finding.found
        # A schema reports once that an object has unknown fields, and once that a value matches no form.
        whole = _WHOLE_VALUES.match(path or "") is not None
        key: tuple[object, ...] = (not whole and finding.code, path) if category == "syntax" else (number,)
        report.setdefault(category, {}).setdefault(key, entry)
    if "load" in report:
        first = next(iter(report["load"].values()))
        return {"load": [{"message": first["message"]}]}
    return {category: list(entries.values()) for category, entries in report.items()}


def category_of(finding: Finding) -> str:
    """Return the category of an error, which is load, syntax, semantics, expressions or context."""
    if finding.code in _LOAD or finding.code.startswith("yaml_"):
        return "load"
    if finding.code in _SYNTAX:
        return "syntax"
    if finding.code in _SEMANTICS:
        return "semantics"
    return "context" if finding.code in _CONTEXT else "expressions"


def _path(category: str, finding: Finding) -> str | None:
    path = finding.place.path
    if category == "syntax":
        if finding.code == "unknown_field":
            path = path.rpartition(".")[0]
        elif finding.code == "duplicate_entry":
            path = path.rpartition("[")[0]
        whole = _WHOLE_VALUES.match(path)
        return (whole[1] if whole is not None else path) or None
    if category == "semantics" and finding.code == "unknown_task":
        return re.sub(r"(\.next\[\d+\]).*", r"\1.do", path)
    found = _PROPERTY.match(path)
    if found is None or category == "semantics":
        return path or None
    return found[0] if category == "context" else found[1]
