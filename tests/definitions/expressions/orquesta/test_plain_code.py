"""Compiled texts of paths, which must mean and cost exactly what the evaluation in full does."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions import ExpressionError, freeze
from stretto.definitions.context import CompletionScope, Context, ItemScope, RunFacts
from stretto.definitions.expressions import ExpressionLimits, Moment, Scope
from stretto.definitions.expressions.base.bounds import COPIED, EVALUATION_UNITS, FREE_TEXT_BYTES, SPLIT
from stretto.definitions.expressions.base.plain_values import Path
from stretto.definitions.expressions.orquesta.plain_code import compile_parts, compile_path
from stretto.definitions.expressions.orquesta.templates import Expression, Text
from tests.support import evaluating
from tests.support.evaluating import SOME, frozen_object, snapshot_of
from tests.support.evaluating_orquesta import compiled, completed

PATHS = {
    "yaql": [
        "ctx(x)", "ctx().x", "ctx().x.y", "ctx(x)[0]", "ctx(x)[1].y", "ctx(x)['y']", "ctx().nope", "item()", "item(y)",
        "item().y.x", "item()[0]", "result()", "result().y", "result()[1]",
    ],
    "jinja": [
        "ctx('x')", "ctx().x", "ctx().x.y", "ctx().x[0]", "ctx().x[-1].y", "ctx()['x']['y']", "ctx().nope", "item()",
        "item('y')", "item().y.x", "item()[0]", "result()", "result().y", "result()[1]", "ctx().x.items",
    ],
}  # fmt: skip
LITERALS = ["", "Say ", "é", "{ ", "x" * 100, " <", "\n"]
TEXTS = st.sampled_from(
    ["", "abc", "é", "x" * 40, "{}", "{{", "<%", "<% 1 %>", "{{ 1 }}", "{% if 1 %}a{% endif %}", "<% ctx(y) %>"]
)
VALUES = st.recursive(
    TEXTS | st.sampled_from([None, True, False, 0, -1, 2.5, 2**64 - 1]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2),
    max_leaves=6,
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw a text with one to three paths in one language."""
    language = draw(st.sampled_from(sorted(PATHS)))
    opening, closing = {"yaql": ("<%", "%>"), "jinja": ("{{", "}}")}[language]
    paths = draw(st.lists(st.sampled_from(PATHS[language]), min_size=1, max_size=3))
    if len(paths) == 1 and draw(st.booleans()):
        return f"{opening} {paths[0]} {closing}"
    return "".join(f"{draw(st.sampled_from(LITERALS))}{opening} {path} {closing}" for path in paths)


def outcome_of(evaluate: Any, scope: Scope, moment: Moment) -> Any:
    """Return the value with its type and weight, or the error; and what it has cost."""
    outcome: Any
    try:
        value = evaluate(scope, moment)
        outcome = type(value), msgspec.json.encode(value), getattr(value, "weight", None)
    except ExpressionError as error:
        outcome = type(error), str(error), error.hint
    budget = moment.budget
    return outcome, moment.spent(), budget.fuel().spent(), budget._bytes.left, moment.sources


def both(text: str, scope: Scope, limits: ExpressionLimits | None = None, times: int = 1) -> list[Any]:
    """Return the outcomes of both evaluations, one moment each."""
    template = compiled(text)
    assert isinstance(template, Expression | Text)
    found = []
    for evaluate in (template.evaluate, template.evaluate_in_full):
        moment = Moment(0.0, "seed", limits=limits or ExpressionLimits())
        found.append([outcome_of(evaluate, scope, moment) for _ in range(times)])
    return found


@given(texts(), VALUES, VALUES, st.sampled_from(["none", "item", "ended", "both"]))
@SOME
def test_both_ways_agree_on_values_errors_and_costs(text: str, x: Any, other: Any, place: str) -> None:
    """In each scope, also if the value is itself text with expressions."""
    snapshot = snapshot_of({"x": x, "y": "why"})
    item = ItemScope(snapshot, freeze(other), 0)
    scopes: dict[str, Scope] = {
        "none": snapshot,
        "item": item,
        "ended": CompletionScope(snapshot, "succeeded", freeze(other)),
        "both": CompletionScope(item, "succeeded", freeze(other)),
    }
    quick, full = both(text, scopes[place])
    assert quick == full


@pytest.mark.parametrize("length", [SPLIT - 1, SPLIT, COPIED - 1, COPIED, FREE_TEXT_BYTES, FREE_TEXT_BYTES + 1, 70_000])
@pytest.mark.parametrize("letter", ["x", "é"])
@pytest.mark.parametrize("text", ["<% ctx(x) %>", "a<% ctx(x) %>é<% ctx(x) %>", "{{ ctx().x }}", "{{ ctx().x }}."])
def test_both_ways_agree_on_the_cost_of_long_texts(text: str, letter: str, length: int) -> None:
    """Up to the limits of an evaluation and of an event, and beyond."""
    limits = ExpressionLimits(max_cost=10_000, max_bytes=70_000)
    quick, full = both(text, snapshot_of({"x": letter * length}), limits, times=12)
    assert quick == full


@pytest.mark.parametrize("text", ["<% ctx(x) %>", "<% ctx(x) %>."])
def test_the_event_s_budget_ends_at_the_same_evaluation(text: str) -> None:
    """Plain evaluations share it with those that have a fuel."""
    limits = ExpressionLimits(max_cost=10 * EVALUATION_UNITS, max_bytes=100)
    quick, full = both(text, snapshot_of({"x": "abcd"}), limits, times=30)
    assert quick == full
    assert "the event's budget" in str(full[-1][0])


@pytest.mark.parametrize("text", ["{{ item().y }}", "<% item().y %>.", "{{ ctx().x }}", "<% result() %>"])
def test_secrets_are_read_in_full(text: str) -> None:
    """So their sources learn the value."""
    found = []
    for name in ("evaluate", "evaluate_in_full"):
        facts = RunFacts(frozen_object({"key": "secret"}), frozen_object({}), (), secret_parameters=[("key",)])
        snapshot = Context(facts).snapshot()
        evaluating.compiled("{{ parameters.key }}").evaluate(snapshot, Moment(0.0, "seed"))
        context = Context(facts)
        context.publish("x", "secret")
        scope = CompletionScope(ItemScope(context.snapshot(), frozen_object({"y": "secret"}), 0), "succeeded", "secret")
        moment = Moment(0.0, "seed")
        value = getattr(compiled(text), name)(scope, moment)
        found.append((value, facts.mask.learned_since(0), moment.spent()))
    assert found[0] == found[1]


def counted(text: str, scope: Scope) -> int:
    """Return how often an evaluation was left to the evaluation in full."""
    template = compiled(text)
    calls: list[Scope] = []

    def in_full(scope: Scope, _moment: Moment) -> None:
        calls.append(scope)

    assert isinstance(template, Expression | Text)
    expressions = list(template.expressions())
    if isinstance(template, Expression):
        evaluate = compile_path(template.path, template.language, in_full)
    else:
        parts = [part.path for part in expressions if isinstance(part, Expression)]
        evaluate = compile_parts(["a ", *parts], template.language, in_full)
    evaluate(scope, Moment(0.0, "seed"))
    return len(calls)


@pytest.mark.parametrize(
    "text",
    [
        "<% ctx(x) %>", "<% ctx().x %> and <% item().name %>", "{{ ctx().x }}", "{{ ctx('x') }} of {{ item() }}",
        "<% item() %>", "<% item().list[0] %>", "a <% item().none %>", "{{ item().name }}", "a {{ item().brace }}",
    ],
)  # fmt: skip
def test_the_common_texts_need_no_fuel(text: str) -> None:
    """They are never evaluated in full."""
    item = {"name": "n", "list": [1.5], "none": None, "brace": "{}"}
    scope = CompletionScope(ItemScope(snapshot_of({"x": "text"}), freeze(1 if "item() }}" in text else item), 0), "", 1)
    assert counted(text, scope) == 0


@pytest.mark.parametrize("text", ["<% result() %>", "<% result().code %>!", "{{ result()['code'] }}"])
def test_the_result_of_a_task_needs_no_fuel(text: str) -> None:
    """Where a task has ended."""
    assert counted(text, completed("succeeded", {"code": 1})) == 0
    assert counted(text, snapshot_of()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<% ctx(nope) %>",
        "<% ctx(o) %>!",
        "<% ctx(yaql) %>",
        "<% ctx(yaql) %>!",
        "{{ ctx().jinja }}",
        "a{{ ctx().jinja }}",
    ],
)
def test_what_is_unusual_is_evaluated_in_full(text: str) -> None:
    """A missing variable, an object in a text, a value with expressions."""
    assert counted(text, snapshot_of({"o": {}, "yaql": "<% 1 %>", "jinja": "{{ 1 }}"})) == 1


def test_a_text_with_too_many_paths_is_evaluated_in_full() -> None:
    """The source of a function is bounded."""

    def in_full(_scope: Scope, _moment: Moment) -> str:
        return ""

    assert compile_parts([Path("item", ("x",))] * 251, "yaql", in_full) is in_full
    assert compile_path(Path("item", ("x",) * 500), "yaql", in_full) is in_full
    assert compile_path(None, "yaql", in_full) is in_full
    assert compile_parts(["a", None], "yaql", in_full) is in_full
