"""Findings as Orquesta's own inspection tells them: by category, each with the path that it gives.

Its paths name the property of a task or workflow that is wrong, or the member of a list of variables; a finding's own
place is nearer.
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
"""Values whose parts Orquesta does not tell apart: one error says that none of their forms fits."""


def inspection(findings: Iterable[Finding]) -> dict[str, list[dict[str, str | None]]]:
    """Return the errors among the findings of a definition as {category: [{message, spec_path, expression?}]}.

    What cannot be loaded hides everything else, and is told once, as the library's exception would be.
    """
    told: dict[str, dict[tuple[object, ...], dict[str, str | None]]] = {}
    for number, finding in enumerate(findings):
        if finding.severity != "error":
            continue
        category = category_of(finding)
        path = _path(category, finding)
        entry: dict[str, str | None] = {"message": finding.message, "spec_path": path}
        if category in {"expressions", "context"} and finding.found:
            entry["expression"] = finding.found
        # A schema tells once that fields of an object are unknown, and that a value fits no form.
        whole = _WHOLE_VALUES.match(path or "") is not None
        key: tuple[object, ...] = (not whole and finding.code, path) if category == "syntax" else (number,)
        told.setdefault(category, {}).setdefault(key, entry)
    if "load" in told:
        first = next(iter(told["load"].values()))
        return {"load": [{"message": first["message"]}]}
    return {category: list(entries.values()) for category, entries in told.items()}


def category_of(finding: Finding) -> str:
    """Return the category of an error: load, syntax, semantics, expressions or context."""
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
