"""Which expressions are plain."""

import pytest

from stretto.definitions.expressions import Expression, ListTemplate, ObjectTemplate, Template, Text
from stretto.definitions.expressions.base.plain_values import Joined, Listed, Literal, Members, Path
from tests.support.evaluating import compiled


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("{{ item }}", Path("item")),
        ("{{ index }}", Path("index")),
        ("{{ region }}", Path("region")),
        ("{{ item.a.b }}", Path("item", ("a", "b"))),
        ("{{ item.items }}", Path("item", ("items",))),
        ("{{ item['a']['é \"'] }}", Path("item", ("a", 'é "'))),
        ("{{ item[0][-1] }}", Path("item", (0, -1))),
        ("{{ item.0 }}", Path("item", (0,))),
        ("{{ (item).a }}", Path("item", ("a",))),
        ("{{ parameters.x }}", Path("parameters", ("x",))),
        ("{{ task.load.result.rows[3].name }}", Path("task", ("load", "result", "rows", 3, "name"))),
        (" {{- workflow.x -}} ", Path("workflow", ("x",))),
        ("{{ null }}", Literal(None)),
        ("{{ true }}", Literal(True)),
        ("{{ 1.5 }}", Literal(1.5)),
        ("{{ 'a' 'b' }}", Literal("ab")),
    ],
)
def test_paths_and_literals_are_plain(text: str, plain: Path | Literal) -> None:
    """Names, fields with a dot or in brackets, indices from either end, and literals."""
    template = compiled(text)
    assert isinstance(template, Expression)
    assert template.plain == plain


@pytest.mark.parametrize(
    "text",
    [
        "{{ item + 1 }}",
        "{{ -item }}",
        "{{ item ~ 'a' }}",
        "{{ item | upper }}",
        "{{ item.upper() }}",
        "{{ uuid() }}",
        "{{ result() }}",
        "{{ result().a }}",
        "{{ item[index] }}",
        "{{ item[item.a] }}",
        "{{ item[1:] }}",
        "{{ item[1.0] }}",
        "{{ item[true] }}",
        "{{ item[null] }}",
        "{{ item[-'a'] }}",
        "{{ item[- -1] }}",
        "{{ item['a' ~ 'b'] }}",
        "{{ 'abc'[0] }}",
        "{{ [1][0] }}",
        "{{ {'a': 1}.a }}",
        "{{ [item] }}",
        "{{ {'a': item} }}",
        "{{ -1 }}",
        "{{ item is defined }}",
        "{{ item.a | default(1) }}",
        "{{ item if index else 1 }}",
        "{{ not item }}",
        "{{ item == 1 }}",
        "{{ 18446744073709551616 }}",
        "{{ '\\ud800' }}",
    ],
)
def test_what_is_computed_is_not_plain(text: str) -> None:
    """An operator, a call, a filter, a test, a list or an object that is made, a key that is computed."""
    template = compiled(text)
    assert isinstance(template, Expression)
    assert template.plain is None


def test_a_text_of_plain_expressions_is_plain() -> None:
    """One expression in it that is computed makes the whole text one that is."""
    template = compiled("a {{ item.x }}{{ 1 }}\n")
    assert isinstance(template, Text)
    assert template.plain == Joined(("a ", Path("item", ("x",)), Literal(1), "\n"))
    assert compiled("a {{ item.x }}{{ 1 + 1 }}").plain is None  # type: ignore[attr-defined]
    assert compiled("{% if true %}{{ item }}{% endif %}").plain is None  # type: ignore[attr-defined]


def test_an_object_or_a_list_is_plain_when_all_its_members_are() -> None:
    """At any depth; its keys are never rendered."""
    one, two = compiled("{{ item }}"), compiled("<{{ index }}>")
    members: dict[str, Template] = {"{{ k }}": one, "list": ListTemplate([two, compiled("c")], one.place)}
    listed = Listed((Joined(("<", Path("index"), ">")), Literal("c")))
    assert ObjectTemplate(members, one.place).plain == Members({"{{ k }}": Path("item"), "list": listed})
    assert ObjectTemplate({"a": one, "b": compiled("{{ uuid() }}")}, one.place).plain is None
    assert ListTemplate([one, compiled("{{ uuid() }}")], one.place).plain is None
