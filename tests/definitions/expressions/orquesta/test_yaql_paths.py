"""Paths: the common expressions, which must mean exactly what YAQL means by them."""

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions import freeze
from stretto.definitions.context import CompletionScope, ItemScope
from stretto.definitions.expressions import Scope
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.yaql_engine import YaqlExpression
from tests.support.evaluating import JSON, MANY, snapshot_of
from tests.support.evaluating_orquesta import completed, moment

if TYPE_CHECKING:
    from stretto.definitions.data.frozen import Data

NAMES = st.sampled_from(["x", "y", "get", "len", "items"])
LITERALS = st.sampled_from(["1", "-1", "0", "2.5", "true", "null", "'1'", "abc", "''"])


def _extended(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, NAMES).map(lambda parts: f"{parts[0]}.{parts[1]}"),
        st.tuples(inner, NAMES).map(lambda parts: f"{parts[0]}.get({parts[1]})"),
        st.tuples(inner, NAMES, LITERALS).map(lambda parts: f"{parts[0]}.get({parts[1]}, {parts[2]})"),
        inner.map(lambda owner: f"{owner}.len()"),
        inner.map(lambda operand: f"not {operand}"),
        inner.map(lambda operand: f"({operand})"),
        st.tuples(inner, st.sampled_from(["0", "1", "-1", "x"])).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        st.tuples(inner, LITERALS, LITERALS).map(lambda parts: f"{parts[0]} in list({parts[1]}, {parts[2]})"),
        st.tuples(inner, LITERALS).map(lambda parts: f"{parts[0]} in [{parts[1]}]"),
        st.tuples(
            inner, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "+", "-", "and", "or"]), inner | LITERALS
        ).map(lambda parts: f"{parts[0]} {parts[1]} {parts[2]}"),
        _called(inner),
    )


def _called(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Calls of the functions that paths call directly. Within the queries, `$` is a member, or a field of it."""
    members = st.sampled_from(
        ["$", "$.x", "$.get(y)", "$ > 1", "$ = abc", "$.x = 1", "not $", "$ + 1", "len($)", "$.y.x"]
    )
    each = members | inner | st.tuples(members, inner).map(lambda parts: f"list({parts[0]}, {parts[1]})")
    arguments = st.lists(inner | LITERALS, min_size=1, max_size=3).map(", ".join)
    rules = st.lists(st.tuples(inner | LITERALS | NAMES, inner | LITERALS), min_size=1, max_size=3).map(
        lambda pairs: ", ".join(f"{source} => {value}" for source, value in pairs)
    )
    return st.one_of(
        st.tuples(st.sampled_from(["switch", "dict"]), rules).map(lambda parts: f"{parts[0]}({parts[1]})"),
        rules.map(lambda pairs: f"{{{pairs}}}"),
        st.tuples(st.sampled_from(["concat", "list", "str", "len", "switch", "dict"]), arguments).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
        arguments.map(lambda members: f"[{members}]"),
        st.tuples(inner, st.sampled_from(["select", "where"]), each).map(
            lambda parts: f"{parts[0]}.{parts[1]}({parts[2]})"
        ),
    )


ROOTS = st.sampled_from(
    [
        "ctx(x)", "ctx('y')", "ctx().x", "ctx().y", "ctx(nope)", "ctx().nope", "ctx()", "item()", "item(x)", "result()",
        "succeeded()", "failed()", "completed()", "task_status(t)",
    ]
)  # fmt: skip
SOURCES = st.recursive(ROOTS, _extended, max_leaves=4)
VALUES = JSON | st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2.5, "", "1", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def _outcome(expression: Any, scope: Scope) -> Any:
    try:
        value = expression(Evaluation(scope, moment()))
    except Exception as error:  # noqa: BLE001 - the errors are compared
        return type(error), str(error)
    return type(value), value


@given(SOURCES, VALUES, VALUES, VALUES, st.booleans())
@MANY
def test_a_path_means_what_yaql_means(source: str, x: Any, y: Any, other: Any, in_item: bool) -> None:
    """The same value of the same type, or the same error."""
    expression = YaqlExpression(source)
    snapshot = snapshot_of({"x": x, "y": y})
    result: Data = freeze(other)
    scope: Scope = ItemScope(snapshot, result, 0) if in_item else CompletionScope(snapshot, "succeeded", result)
    assert _outcome(expression.run, scope) == _outcome(expression.run_by_yaql, scope)


@pytest.mark.parametrize(
    "source",
    [
        "ctx(x)", "ctx().x.y", "ctx().get(x)", "ctx().get(nope, 1)", "item().x", "item(x)", "result().x", "succeeded()",
        "succeeded() and result().x.y = 2", "not ctx().get(nope)", "ctx(x).y > 1", "ctx(x).y + 1", "ctx(x).len()",
        "ctx(l)[0]", "ctx(x).y in list(1, 2)", "task_status(t) = succeeded", "(ctx(x).y) - 1", "ctx(s) + '!'",
        "switch(ctx(x).y > 2 => a, true => b)", "concat(ctx(s), '!')", "str(ctx(x).y)", "len(ctx(l))", "[1, ctx(s)]",
        "ctx(l).select($ + 1)", "ctx(rows).where($.a > 1).select($.b)", "ctx(rows).select($.l.select($ + 1))",
        "dict(a => ctx(s), ctx(s) => 2)", "{a => 1}", "list(1, ctx(x).y)", "not (ctx(x).y > 1 or ctx(s) = abc)",
    ],
)  # fmt: skip
def test_the_common_expressions_are_paths(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They never get as far as YAQL."""

    def refuse(_self: Any, _evaluation: Evaluation) -> Any:
        raise AssertionError("YAQL was asked")

    monkeypatch.setattr(YaqlExpression, "run_by_yaql", refuse)
    variables = {"x": {"y": 2}, "l": [1], "s": "text", "rows": [{"a": 2, "b": 1, "l": [1]}]}
    scope: Scope = completed("succeeded", {"x": {"y": 2}}, variables)
    if "item" in source:
        scope = ItemScope(snapshot_of(variables), freeze({"x": 1}), 0)
    YaqlExpression(source).run(Evaluation(scope, moment()))


def test_a_query_that_fails_leaves_no_member_behind() -> None:
    """Another expression of the same text has no `$`."""
    evaluation = Evaluation(snapshot_of({"l": [{"a": 1}]}), moment())
    with pytest.raises(Exception, match="nope"):
        YaqlExpression("ctx(l).select($.nope)").run(evaluation)
    assert YaqlExpression("$").run(evaluation) == YaqlExpression("$").run_by_yaql(evaluation)
