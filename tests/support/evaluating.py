"""Short ways to an expression's value, to a definition's findings, and to random JSON-like data."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from immutables import Map

from stretto.definitions import ExpressionError, Finding, InvalidDefinition, Place, Workflow, freeze, read_workflow
from stretto.definitions.context import CompletionScope, ItemScope, RunFacts, Snapshot, TaskRecord
from stretto.definitions.data.frozen import EMPTY_OBJECT, FrozenDict, FrozenList
from stretto.definitions.expressions import Moment, Scope, Site, Template, compile_text

EVERYWHERE = Site(items=True, completion=True)

MANY = settings(deadline=None, max_examples=150)
SOME = settings(deadline=None, max_examples=60)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=20
)
CONTAINERS = st.lists(JSON, max_size=4) | st.dictionaries(TEXTS, JSON, max_size=4)


def plain(value: Any) -> Any:
    """Return a deep copy in plain dicts and lists, made without any code of Stretto."""
    if isinstance(value, dict):
        return {key: plain(member) for key, member in dict.items(value)}
    if isinstance(value, list):
        return [plain(member) for member in list.__iter__(value)]
    return copy.copy(value)


def frozen_object(value: Mapping[str, Any]) -> FrozenDict:
    """Freeze an object."""
    frozen = freeze(dict(value))
    assert isinstance(frozen, FrozenDict)
    return frozen


def frozen_list(value: list[Any]) -> FrozenList:
    """Freeze a list."""
    frozen = freeze(value)
    assert isinstance(frozen, FrozenList)
    return frozen


def snapshot_of(
    variables: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    tasks: Mapping[str, Any] | None = None,
    defined: tuple[str, ...] = (),
) -> Snapshot:
    """Return a snapshot that holds these, each task succeeded with the result given."""
    records = {name: TaskRecord(name, "succeeded", freeze(result)) for name, result in (tasks or {}).items()}
    facts = RunFacts(frozen_object(parameters or {}), EMPTY_OBJECT, (*records, *defined))
    return Snapshot(0, facts, Map({name: freeze(value) for name, value in (variables or {}).items()}), Map(records))


def compiled(text: str, site: Site = EVERYWHERE) -> Template:
    """Compile a text that has to be right."""
    found: list[Finding] = []
    template = compile_text(text, lambda offset: Place("test.yaml", 1, offset + 1), site, found.append)
    assert not found, found
    return template


def findings_in(text: str, site: Site = EVERYWHERE) -> list[Finding]:
    """Return what compiling a text reports."""
    found: list[Finding] = []
    compile_text(text, lambda offset: Place("test.yaml", 1, offset + 1), site, found.append)
    return found


def code_of(text: str, site: Site = EVERYWHERE) -> str:
    """Return the code of the one finding in a text."""
    (finding,) = findings_in(text, site)
    return finding.code


def evaluate(text: str, scope: Scope | None = None, at: float = 0.0, **variables: Any) -> Any:
    """Return a text's value where `variables` are the workflow's."""
    return compiled(text).evaluate(scope or snapshot_of(variables), Moment(at, "seed"))


def failure_of(text: str, scope: Scope | None = None, **variables: Any) -> ExpressionError:
    """Return the error that evaluating a text raises."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, scope, **variables)
    return caught.value


def refused(text: str, **variables: Any) -> bool:
    """Tell whether a text is a finding when it is read, or an ExpressionError when it is evaluated."""
    found: list[Finding] = []
    template = compile_text(text, lambda offset: Place("test.yaml", 1, offset + 1), EVERYWHERE, found.append)
    if found:
        return True
    try:
        template.evaluate(CompletionScope(snapshot_of(variables), "succeeded", None), Moment(0.0, "seed"))
    except ExpressionError:
        return True
    return False


def item_scope(item: Any, index: int = 0, **variables: Any) -> ItemScope:
    """Return the scope of an item."""
    return ItemScope(snapshot_of(variables), freeze(item), index)


def reading(text: str) -> Workflow:
    """Read a definition that has to be right."""
    return read_workflow(text, "test.yaml")


def findings_of(text: str) -> tuple[Finding, ...]:
    """Return the errors of a definition."""
    with pytest.raises(InvalidDefinition) as caught:
        read_workflow(text, "test.yaml")
    return caught.value.findings


def finding_of(text: str) -> Finding:
    """Return the only error of a definition."""
    (finding,) = findings_of(text)
    return finding
