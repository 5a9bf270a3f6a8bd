"""Compiled values: types kept, texts made, data never rendered, and errors that name their place."""

import concurrent.futures
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions import ExpressionError
from stretto.definitions.data.frozen import FrozenList
from stretto.definitions.errors import Place
from stretto.definitions.expressions import (
    Constant,
    Expression,
    Moment,
    Site,
    Statements,
    Text,
    compile_condition,
)
from tests.support.evaluating import (
    JSON,
    MANY,
    SOME,
    TEXTS,
    code_of,
    compiled,
    evaluate,
    failure_of,
    findings_in,
    frozen_object,
    snapshot_of,
)

LOOKS_LIKE_CODE = st.sampled_from(
    ["{{ 1 }}", "{% if x %}", "{# c #}", "{{ parameters.secret }}", "}}", "{{", "{{ '{{' }}", "${x}", "<% $.x %>"]
)


@given(JSON)
@MANY
def test_a_whole_expression_keeps_its_type_and_identity(value: Any) -> None:
    """`{{ workflow.v }}`, with white space around it or not, gives the very value, and frozen data itself."""
    scope = snapshot_of({"v": value})
    frozen = scope.variables["v"]
    for text in ("{{ workflow.v }}", "  {{workflow.v}}\n", "{{- workflow.v -}}", "{{ workflow.v }}{# note #}"):
        result = evaluate(text, scope)
        assert result is frozen or (result == frozen and type(result) is type(frozen))


@given(st.lists(LOOKS_LIKE_CODE | TEXTS, min_size=1, max_size=4).map("".join))
@MANY
def test_data_that_looks_like_a_template_stays_a_string(value: str) -> None:
    """A value is never rendered, alone or within a text, an object, a statement or a second evaluation."""
    scope = snapshot_of({"v": value})
    assert evaluate("{{ workflow.v }}", scope) == value
    assert evaluate("<{{ workflow.v }}>", scope) == f"<{value}>"
    assert evaluate("{{ [workflow.v ~ workflow.v] }}", scope) == [value + value]
    assert evaluate("{% if true %}{{ workflow.v }}{% endif %}", scope) == value
    assert evaluate("{{ w }}", w=evaluate("{{ workflow.v }}", scope)) == value


@given(JSON)
@SOME
def test_text_around_an_expression_shows_values_as_json(value: Any) -> None:
    """Null is empty, booleans are true and false, objects and lists compact JSON."""
    shown = evaluate("<{{ workflow.v }}>", v=value)[1:-1]
    if value is None:
        assert shown == ""
    elif isinstance(value, str):
        assert shown == value
    elif isinstance(value, float):
        assert float(shown) == value
    else:
        assert msgspec.json.decode(shown) == value
        assert not isinstance(value, dict | list) or shown == msgspec.json.encode(value).decode()


def test_the_kind_of_a_template_is_decided_on_the_parse_tree() -> None:
    """Single expressions, texts, constants and statements is seen by Jinja's reading, not by the look."""
    kinds = {
        "plain": Constant,
        "{{ 1 }}": Expression,
        " {{ 1 }} ": Expression,
        "{{ '}} {{' }}": Expression,
        "{{ 1 }}{{ 2 }}": Text,
        "a {{ 1 }}": Text,
        "{# c #}": Constant,
        "a {# c #} b": Constant,
        "{% if 1 %}a{% endif %}": Statements,
        "{% raw %}{{ x }}{% endraw %}": Constant,
        "}} {": Constant,
    }
    assert {text: type(compiled(text)) for text in kinds} == kinds
    assert evaluate("{{ '}} {{' }}") == "}} {{"
    assert evaluate("{% raw %}{{ x }}{% endraw %}") == "{{ x }}"
    assert evaluate("a {# c #} b") == "a  b"


def test_white_space_around_a_text_is_part_of_it() -> None:
    """Only a whole expression is trimmed; a text and a statement keep their ends, the last newline too."""
    assert evaluate(" a {{ 1 }} \n") == " a 1 \n"
    assert evaluate(" {% if true %} x {% endif %} \n") == "  x  \n"
    assert evaluate("{{ 1 }} {{ 2 }}\n") == "1 2\n"


def test_statements_always_make_a_text() -> None:
    """`if`, `for` and `set` give a text even when they print one number; nothing printed is the empty text."""
    assert evaluate("{% if true %}{{ 1 }}{% endif %}") == "1"
    assert evaluate("{% set x = [1, null, true] %}{% for i in x if i %}{{ i }},{% else %}none{% endfor %}") == "1,true,"
    assert evaluate("{% if false %}x{% endif %}") == ""
    assert evaluate("{% for k, v in {'a': 1}.items() %}{{ loop.index }}{{ k }}{{ v }}{% endfor %}") == "1a1"


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("{{ workflow.cuont }}", "the namespace 'workflow' has no 'cuont'", "did you mean 'count'?"),
        ("{{ workflow.o.hots }}", "the object has no field 'hots'", "did you mean 'host'?"),
        ("{{ workflow.l[7] }}", "the list has no index 7; it has 2 members", ""),
        ("{{ workflw.x }}", "'workflw' is not known here", "did you mean 'workflow'?"),
        ("{{ workflow.count.x }}", "a value of type number has no 'x'", ""),
        ("{{ 1 + workflow.o.x }}", "the object has no field 'x'", ""),
        ("{{ [workflow.nope] }}", "has no 'nope'", ""),
        ("{{ {'a': [workflow.nope]} }}", "has no 'nope'", ""),
        ("{{ workflow.nope.deeper }}", "has no 'nope'", ""),
        ("{{ 1 if false }}", "evaluated to false and no else section", ""),
    ],
)
def test_what_is_undefined_is_an_error_that_names_it(text: str, reason: str, hint: str) -> None:
    """An undefined name or field is an error at any depth, with what it belongs to and the nearest name."""
    error = failure_of(text, count=1, o={"host": "a"}, l=[1, 2])
    assert reason in error.reason
    assert hint in str(error)
    assert (error.place.line, error.place.column) == (1, 1)
    assert error.expression == text[2:-2].strip()


def test_only_is_defined_and_default_may_touch_what_is_undefined() -> None:
    """`is defined` and `default` ask about a missing field; any other use is the error."""
    assert evaluate("{{ [workflow.x is defined, workflow.x is undefined, workflow.x|default(3), 1 is defined] }}") == [
        False,
        True,
        3,
        True,
    ]
    for use in ("or 1", "== 1", "~ 'a'", "|length", "and 1", "in [1]", "|first", "|string", "|tojson", "|int"):
        assert "has no 'x'" in failure_of(f"{{{{ workflow.x {use} }}}}").reason


def test_items_of_what_is_undefined_is_an_error() -> None:
    """`workflow.missing|items` is an error like every use of a missing name."""
    failure_of("{{ workflow.missing|items|list }}")


def test_an_error_in_a_text_points_at_its_expression() -> None:
    """In a text with several expressions, the error's place and source are those of the one that failed."""
    error = failure_of("a {{ 1 }} b {{ workflow.x }} c {{ 2 }}")
    assert (error.place.column, error.expression) == (13, "workflow.x")


def test_a_finding_in_a_text_points_at_its_expression() -> None:
    """In a text with several expressions, the finding's place is that of the one that is wrong."""
    (finding,) = findings_in("a {{ 1 }} b {{ 2|bogus }}")
    assert finding.place.column == 13


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{ 1", "expression_syntax"),
        ("{{", "expression_syntax"),
        ("{{ }}", "expression_syntax"),
        ("{{ 1 + }}", "expression_syntax"),
        ("{% if x %}", "expression_syntax"),
        ("{# x", "expression_syntax"),
        ("{{ x y }}", "expression_syntax"),
        ("{{ 'a }}", "expression_syntax"),
        ("{% foo %}", "expression_syntax"),
        ("{{ upperr('a') }}", "unknown_function"),
        ("{{ 'a'|uper }}", "unknown_filter"),
        ("{{ 1 is defind }}", "unknown_test"),
        ("{{ length }}", "uncalled_function"),
        ("{% include 'x' %}", "expression_statement"),
        ("{% set now = 1 %}", "expression_name"),
        ("{{ '" + "x" * 20_000 + "' }}", "expression_too_long"),
    ],
)
def test_each_mistake_has_its_code(text: str, code: str) -> None:
    """Invalid syntax is a finding with a stable code."""
    assert code_of(text) == code


def test_what_depends_on_the_site_is_checked_when_it_is_read() -> None:
    """`item` outside a fan-out, and `result()` outside a transition, are findings with a hint."""
    assert code_of("{{ item }}", Site()) == "item_outside_with_items"
    assert code_of("{{ index + 1 }}", Site(completion=True)) == "item_outside_with_items"
    for function in ("result", "succeeded", "failed", "timed_out", "cancelled"):
        (finding,) = findings_in(f"{{{{ {function}() }}}}", Site(items=True))
        assert (finding.code, "task.NAME" in finding.hint) == ("no_completion", True)
    assert not findings_in("{% for item in [1] %}{{ item }}{% endfor %}", Site())


@pytest.mark.parametrize(
    ("text", "hint"), [("{{ uper('a') }}", "upper"), ("{{ 1|lenght }}", "length"), ("{{ 1 is defind }}", "defined")]
)
def test_the_nearest_name_is_offered(text: str, hint: str) -> None:
    """A function, filter or test that does not exist comes with the nearest one that does."""
    (finding,) = findings_in(text)
    assert f"did you mean '{hint}'?" in finding.hint


def condition(text: str, **variables: Any) -> Any:
    """Evaluate a `when`."""
    found: list[Any] = []
    template = compile_condition(text, lambda _: Place("test.yaml", 1, 1), Site(completion=True), found.append)
    assert not found
    return template.evaluate(snapshot_of(variables), Moment(0.0, "seed"))


def test_a_condition_needs_no_braces() -> None:
    """A `when` without braces is an expression; with them it is the same one."""
    assert condition("n > 3", n=4) is condition("{{ n > 3 }}", n=4) is True
    assert condition("'{' in s", s="{}") is True


@pytest.mark.parametrize("text", ["false }}", "{{ false }} and {{ false }}"])
def test_a_condition_that_is_no_single_expression_is_a_finding(text: str) -> None:
    """A `when` that would be a text, and so always true, is a mistake."""
    found: list[Any] = []
    compile_condition(text, lambda _: Place("test.yaml", 1, 1), Site(completion=True), found.append)
    assert found


def test_python_errors_become_expression_errors_with_the_languages_words() -> None:
    """Whatever evaluation raises is an ExpressionError; frozen classes are called object and list."""
    for text in ("{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}", "{{ [1][::0] }}", "{{ 1 is divisibleby(0) }}"):
        assert isinstance(failure_of(text), ExpressionError)
    reason = failure_of("{{ workflow.o + workflow.l }}", o={}, l=[]).reason
    assert "Frozen" not in reason
    assert "object" in reason


def test_templates_can_be_evaluated_from_many_threads_at_once() -> None:
    """A compiled template holds nothing of an evaluation."""
    template = compiled("{% for i in range(50) %}{{ workflow.v }}{% endfor %}-{{ uuid() }}")
    scopes = [snapshot_of({"v": number}) for number in range(20)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda scope: template.evaluate(scope, Moment(0.0, "s")), scopes * 5))
    assert [result.split("-")[0] for result in map(str, results)] == [str(number) * 50 for number in range(20)] * 5
    assert len({str(result).split("-", 1)[1] for result in results}) == 1


def test_results_are_frozen_and_share_frozen_members() -> None:
    """A made list is frozen, and what it holds of the context is the context's own object."""
    big = frozen_object({"a": [1, 2]})
    result = evaluate("{{ [workflow.big, workflow.big.a] }}", big=big)
    assert type(result) is FrozenList
    assert result[0] is big
    assert result[1] is big["a"]


def test_line_breaks_of_literal_text_become_newlines() -> None:
    """Jinja reads every line break as a newline; what an expression gives is left as it is."""
    assert evaluate("a\r\n{% if true %}b{% endif %}") == "a\nb"
    assert evaluate("a\r\n{{ 'b\\r\\n' }}") == "a\nb\r\n"
