"""Short ways to the value of an Orquesta expression."""

from collections.abc import Mapping
from typing import Any

import pytest

from stretto.definitions import ExpressionError, Finding, Place, freeze
from stretto.definitions.context import CompletionScope, ItemScope
from stretto.definitions.expressions import Moment, Scope, Template
from stretto.definitions.expressions.orquesta import compile_text
from tests.support.evaluating import snapshot_of

PLACE = Place("test.yaml", 1, 1)


def moment() -> Moment:
    """Return a moment: 2020-01-02 03:04:05 UTC."""
    return Moment(1577934245.0, "seed")


def compiled(text: str) -> Template:
    """Compile a text that has to be right."""
    found: list[Finding] = []
    template = compile_text(text, lambda offset: Place("test.yaml", 1, offset + 1), found.append)
    assert not found, found
    return template


def findings_in(text: str) -> list[Finding]:
    """Return what compiling a text reports."""
    found: list[Finding] = []
    compile_text(text, lambda offset: Place("test.yaml", 1, offset + 1), found.append)
    return found


def value_of(text: str, variables: Mapping[str, Any] | None = None, scope: Scope | None = None) -> Any:
    """Return what a text evaluates to."""
    return compiled(text).evaluate(scope or snapshot_of(variables), moment())


def error_of(text: str, variables: Mapping[str, Any] | None = None, scope: Scope | None = None) -> str:
    """Return what is told of a text that cannot be evaluated."""
    with pytest.raises(ExpressionError) as caught:
        value_of(text, variables, scope)
    return str(caught.value)


def with_item(item: Any, variables: Mapping[str, Any] | None = None) -> ItemScope:
    """Return the scope of an item."""
    return ItemScope(snapshot_of(variables), freeze(item), 0)


def completed(outcome: str, result: Any = None, variables: Mapping[str, Any] | None = None) -> CompletionScope:
    """Return the scope of a task that has completed."""
    return CompletionScope(snapshot_of(variables), outcome, freeze(result))
