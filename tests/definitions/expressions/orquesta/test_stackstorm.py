"""StackStorm's functions, as functions of both languages and as filters."""

from typing import Any

import pytest

from stretto.definitions.expressions.orquesta.stackstorm import FUNCTIONS
from tests.support.evaluating_orquesta import error_of, value_of

DATA: dict[str, Any] = {
    "o": {"b": [1, None], "a": "ä"},
    "j": '{"k": [1, 2.5, null]}',
    "y": "k: [1, yes]\nd: 2020-01-02",
    "n": {"n": None},
}
VALUES: list[tuple[str, Any]] = [
    ("decrypt_kv(ctx('j'))", '{"k": [1, 2.5, null]}'),
    ("from_json_string(ctx('j'))", {"k": [1, 2.5, None]}),
    ("json_parse(ctx('j'))", {"k": [1, 2.5, None]}),
    ("from_yaml_string(ctx('y'))", {"k": [1, True], "d": "2020-01-02"}),
    ("yaml_parse(ctx('y')).k", [1, True]),
    ("to_json_string(ctx('o'))", '{"b": [1,null],"a": "\\u00e4"}'),
    ("json_dump(ctx('o'))", '{"b": [1,null],"a": "\\u00e4"}'),
    ("to_json_string([1], 1)", "[\n 1\n]"),
    ("to_yaml_string(ctx('o'))", "a: ä\nb:\n- 1\n- null\n"),
    ("yaml_dump([1])", "- 1\n"),
    ("to_complex(ctx('o'))", '{"b": [1, null], "a": "\\u00e4"}'),
    ("json_escape('a\"b')", 'a\\"b'),
    ("jsonpath_query(ctx('o'), 'b[*]')", [1, None]),
    ("jsonpath_query(ctx('o'), 'nope')", None),
    ("regex_match('abc', 'b')", False),
    ("regex_match('abc', 'A', true)", True),
    ("regex_search('abc', 'b')", True),
    ("regex_search(123, '2')", True),
    ("regex_replace('a1b22', '[0-9]+', '<>')", "a<>b<>"),
    ("regex_substring('a1b22', '[0-9]+')", "1"),
    ("regex_substring('a1b22', '[0-9]+', 1)", "22"),
    ("regex_substring('a1b22', '[0-9]+', -1)", "22"),
    ("to_human_time_from_seconds(12345)", "3h25m45s"),
    ("to_human_time_from_seconds(0)", "0s"),
    ("to_human_time_from_seconds(5)", "5s"),
    ("to_human_time_from_seconds(0.5)", "0.5μs"),
    ("to_human_time_from_seconds(100000.4)", "1d3h46m40s"),
    ("version_compare('1.2.3', '1.10.0')", -1),
    ("version_more_than('1.2.3', '1.1.0')", True),
    ("version_less_than('1.2.3', '1.1.0')", False),
    ("version_equal('1.2.3', '1.2.3')", True),
    ("version_match('1.2.3', '>1.0.0')", True),
    ("version_bump_major('1.2.3')", "2.0.0"),
    ("version_bump_minor('1.2.3')", "1.3.0"),
    ("version_bump_patch('1.2.3')", "1.2.4"),
    ("version_strip_patch('1.2.3')", "1.2"),
    ("basename('/a/b.c')", "b.c"),
    ("dirname('/a/b.c')", "/a"),
    ("use_none(ctx('n').n)", "%*****__%NONE%__*****%"),
    ("use_none(1)", 1),
]


@pytest.mark.parametrize(("call", "value"), VALUES)
def test_they_mean_the_same_in_both_languages(call: str, value: Any) -> None:
    """Each is a function in YAQL and in Jinja."""
    assert value_of(f"<% {call} %>", DATA) == value
    assert value_of(f"{{{{ {call} }}}}", DATA) == value


def test_every_function_is_tested() -> None:
    """None is left out above."""
    assert {call.split("(")[0] for call, _value in VALUES} | {"st2kv"} == set(FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ 'abc' | regex_replace('b', 'x') }}", "axc"),
        ("{{ ctx('j') | from_json_string }}", {"k": [1, 2.5, None]}),
        ("{{ ctx('n') | to_json_string(indent=2, sort_keys=true) }}", '{\n  "n": null\n}'),
        ("{{ ctx('o') | jsonpath_query('a') }}", ["ä"]),
        ("{{ '1.2.3' | version_bump_minor }}", "1.3.0"),
        ("{{ ['a/b', 'c/d'] | map('basename') | list }}", ["b", "d"]),
        ("<% to_json_string(ctx(o), indent => 0).len() > 10 %>", True),
    ],
)  # fmt: skip
def test_they_are_filters_too(text: str, value: Any) -> None:
    """With the arguments that StackStorm's have."""
    assert value_of(text, DATA) == value


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("from_json_string('nope')", "Expecting value"),
        ("from_json_string('NaN')", "NaN is not a JSON number"),
        ("from_yaml_string('a: [')", "cannot parse the text"),
        ("from_yaml_string('x: !!python/object:os.system {}')", "cannot parse the text"),
        ("jsonpath_query([1], '$[')", "cannot parse"),
        ("regex_substring('a', 'b')", "found 0 matches"),
        ("regex_match('a', '(')", "invalid regular expression"),
        ("regex_match('a', '(?=a)')", "look-ahead"),
        ("version_compare('nope', '1.0.0')", "nope"),
        ("to_human_time_from_seconds('a')", "takes a number"),
        ("basename(1)", "takes text"),
        ("to_json_string([1], 1000)", "indent"),
        ("st2kv('a', decrypt=true)", "there is no key 'system.a'"),
        ("st2kv(1)", "takes text"),
        ("st2kv('user.a')", "not of the user who started the run: name one as in user.NAME.KEY"),
        ("st2kv('a', decrypt=1)", "takes true or false as decrypt"),
        ("st2kv('a', scope='user')", "takes the options default and decrypt, got 'scope'"),
    ],
)
def test_wrong_arguments_are_errors_that_say_so(call: str, said: str) -> None:
    """Never a traceback, never silence."""
    assert said in error_of(f"{{{{ {call} }}}}")


def test_yaml_that_stands_for_more_than_it_is_long_is_refused() -> None:
    """Aliases that multiply, by nesting or by merging."""
    nested = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    assert "aliases" in error_of("<% from_yaml_string(ctx(y)) %>", {"y": nested})
    merged = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
    assert "aliases" in error_of("<% from_yaml_string(ctx(y)) %>", {"y": merged})
