"""The functions of the language: meanings, refusals, and as filters."""

from typing import Any

import pytest

from tests.support.evaluating import evaluate, failure_of

VALUES: list[tuple[str, Any]] = [
    ("string(null)", "null"),
    ("string(true)", "true"),
    ("string(1.5)", "1.5"),
    ("string([1, null])", "[1,null]"),
    ("string('a')", "a"),
    ("number('42')", 42),
    ("number('4.5')", 4.5),
    ("number(true)", 1),
    ("number(3)", 3),
    ("int('6.9')", 6),
    ("int(6.9)", 6),
    ("int(0 - 6.9)", -6),
    ("int('-3')", -3),
    ("int(true)", 1),
    ("int('1e3')", 1000),
    ("int('x', 7)", 7),
    ("'x'|int(default=7)", 7),
    ("bool('')", False),
    ("bool('false')", True),
    ("bool([0])", True),
    ("type_of(null)", "null"),
    ("type_of(true)", "bool"),
    ("type_of(1)", "number"),
    ("type_of('')", "string"),
    ("type_of([])", "array"),
    ("type_of({})", "object"),
    ("length('äö😀')", 3),
    ("length({'a': 1})", 1),
    ("[1, 2]|length", 2),
    ("[1, 2]|count", 2),
    ("keys({'b': 1, 'a': 2})", ["b", "a"]),
    ("values({'a': 2})", [2]),
    ("abs(0 - 3)", 3),
    ("floor(1.9)", 1),
    ("floor(0 - 1.1)", -2),
    ("ceil(1.1)", 2),
    ("round(2.5)", 3),
    ("round(0 - 2.5)", -3),
    ("round(0.5)", 1),
    ("round(1.005, 2)", 1.01),
    ("round(2.675, digits=2)", 2.68),
    ("round(1234, 0 - 2)", 1200),
    ("2.4|round", 2),
    ("2.45|round(1)", 2.5),
    ("2.41|round(1, 'ceil')", 2.5),
    ("min(3, 1, 2)", 1),
    ("max([3, 1])", 3),
    ("[3, 1]|min", 1),
    ("sum([1, 2.5])", 3.5),
    ("[]|sum", 0),
    ("[{'a': 1}, {'a': 2}]|sum(attribute='a')", 3),
    ("sum([1], start=5)", 6),
    ("lower('ÄB')", "äb"),
    ("upper('äb')", "ÄB"),
    ("trim('  a ')", "a"),
    ("trim('xax', 'x')", "a"),
    ("split('a b  c')", ["a", "b", "c"]),
    ("split('a,b,,c', ',')", ["a", "b", "", "c"]),
    ("join(['a', 1, null, true], '-')", "a-1--true"),
    ("[1, [2]]|join", "1[2]"),
    ("[{'n': 'x'}]|join(attribute='n')", "x"),
    ("replace('aXa', 'a', 'b')", "bXb"),
    ("replace('aaa', 'a', 'b', 2)", "bba"),
    ("starts_with('abc', 'ab')", True),
    ("ends_with('abc', 'ab')", False),
    ("match('b+', 'abbc')", True),
    ("match('^b', 'abc')", False),
    ("contains('abc', 'b')", True),
    ("contains([1], 1)", True),
    ("contains({'k': 1}, 'k')", True),
    ("reversed('abc')", "cba"),
    ("reversed([1, 2])", [2, 1]),
    ("sort(['b', 'B', 'a'])", ["B", "a", "b"]),
    ("sort(['b', 'A'], case_sensitive=false)", ["A", "b"]),
    ("[3, 1]|sort(reverse=true)", [3, 1]),
    ("sort([{'a': 2}, {'a': 1}], attribute='a')", [{"a": 1}, {"a": 2}]),
    ("unique(['a', 'A', 'a'])", ["a", "A"]),
    ("unique([[1], [1], {'a': 1}, {'a': 1}])", [[1], {"a": 1}]),
    ("['a', 'A']|unique(case_sensitive=false)", ["a"]),
    ("flat([[1], 2, [[3]]])", [1, 2, [3]]),
    ("zip([1, 2], ['a', 'b'], [true])", [[1, "a", True]]),
    ("range(3)", [0, 1, 2]),
    ("range(1, 6, 2)", [1, 3, 5]),
    ("slice('abcd', 1, 3)", "bc"),
    ("slice([1, 2, 3], 1)", [2, 3]),
    ("index_of('abc', 'c')", 2),
    ("index_of([1], 2)", -1),
    ("count([1, 1, 2], 1)", 2),
    ("count('aab', 'a')", 2),
    ("merge({'a': 1}, {'a': 2, 'b': 3})", {"a": 2, "b": 3}),
    ("chunks([1, 2, 3], 2)", [[1, 2], [3]]),
    ("{'a': null}|tojson", '{"a":null}'),
    ("'<&>'|tojson", '"<&>"'),
    ("'4.5'|float", 4.5),
    ("'x'|float(0)", 0),
    ("[1, 2, 3]|batch(2)", [[1, 2], [3]]),
    ("[1, 2, 3]|slice(2)", [[1, 2], [3]]),
    ("[1, 2]|map('string')", ["1", "2"]),
    ("[1, 2, 3]|select('odd')", [1, 3]),
    ("[1, 2]|reject('odd')", [2]),
    ("[{'a': 1}, {'a': 0}]|selectattr('a')", [{"a": 1}]),
    ("[{'a': 1}]|map(attribute='a')", [1]),
    ("[{'a': 1}, {'a': 1}]|groupby('a')|length", 1),
    ("{'b': 1, 'a': 2}|dictsort", [["a", 2], ["b", 1]]),
    ("[1, 2]|first", 1),
    ("[1, 2]|last", 2),
    ("null|default(1)", None),
    ("null|default(1, true)", 1),
    ("'a b'|title", "A B"),
    ("'a'|center(3)", " a "),
    ("'a\\nb'|indent(2)", "a\n  b"),
    ("'a b'|urlencode", "a%20b"),
    ("'abc'|truncate(2, true, '')", "abc"),
    ("'a b c'|wordcount", 3),
    ("{'a': 1}|items", [["a", 1]]),
    ("'abc'.upper()", "ABC"),
    ("'a,b'.split(',')", ["a", "b"]),
    ("{'a': 1}.get('b', 2)", 2),
    ("[1, 2].index(2)", 1),
    ("'-'.join([1, 2])", "1-2"),
    ("'aa'.replace('a', 'b')", "bb"),
    ("'a'.startswith('a') and 'a'.isalpha() and '1'.isdigit()", True),
    ("' a '.strip()", "a"),
    ("'aXb'.find('X')", 1),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_each_function_gives_its_value(text: str, value: Any) -> None:
    """Functions, filters and methods mean what the language says, types included."""
    result = evaluate(f"{{{{ {text} }}}}")
    assert result == value
    assert isinstance(value, list | dict) or type(result) is type(value)


REFUSALS = [
    ("lower(5)", "lower() takes a value of type string, got number"),
    ("int('abc')", "int() cannot convert this text of 3 characters"),
    ("int(' 42 ')", "int() cannot convert"),
    ("int('1_0')", "cannot convert"),
    ("int(null)", "got null"),
    ("int([])", "got array"),
    ("number('')", "cannot convert"),
    ("number('nan')", "cannot convert"),
    ("number('inf')", "cannot convert"),
    ("'x'|int", "cannot convert"),
    ("'x'|float", "cannot convert"),
    ("split('s', '')", "empty separator"),
    ("flat('abc')", "flat() takes a list"),
    ("length(5)", "length() takes a list"),
    ("length(null)", "takes a list"),
    ("keys([])", "keys() takes a value of type object"),
    ("abs('1')", "got string"),
    ("abs(true)", "got bool"),
    ("round('1')", "got string"),
    ("round(1, 'x')", "digits"),
    ("round(1, 99)", "digits"),
    ("min([])", "empty list"),
    ("min()", "takes a list"),
    ("sum(['a'])", "got string"),
    ("sum([null])", "got null"),
    ("join('abc')", "join() takes a list"),
    ("join([1], 5)", "got number"),
    ("match('[', 'a')", "cannot read the pattern"),
    ("match('a', 5)", "got number"),
    ("contains(5, 1)", "got a value of type number"),
    ("sort([1, 'a'])", "not supported"),
    ("zip(1)", "takes a list"),
    ("range('a')", "integers"),
    ("range(1.5)", "integers"),
    ("range(1, 2, 0)", "must not be zero"),
    ("range()", "integers"),
    ("range(true)", "integers"),
    ("merge({}, 1)", "merge() takes"),
    ("chunks([1], 0)", "at least 1"),
    ("upper()", "upper() takes"),
    ("upper('a', 'b')", "got 2 arguments"),
    ("lower(x='a')", "lower() takes"),
    ("floor(1e308 * 10)", "too large"),
    ("'a'|center(20000)", "width"),
    ("[1]|first|upper", "got number"),
    ("5|map('string')|list", "got a int"),
    ("sort([{'a': 1}], attribute='b')", "attribute 'b' is missing"),
    ("{'a': 1}.get([])", "unhashable"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSALS)
def test_a_wrong_argument_is_reported(text: str, reason: str) -> None:
    """An argument that a function does not take is an error in the definition's words."""
    assert reason in failure_of(f"{{{{ {text} }}}}").reason


ROUNDINGS = [
    ("round(9007199254740993)", 9007199254740993),
    ("round(18446744073709551615)", 2**64 - 1),
    ("round(1e20, 10)", 1e20),
]


@pytest.mark.parametrize(("text", "value"), ROUNDINGS)
def test_rounding_what_is_round_gives_it_back(text: str, value: float) -> None:
    """An integer rounded is itself, and a large float does not fail."""
    assert evaluate(f"{{{{ {text} }}}}") == value


def test_a_namespace_is_no_array() -> None:
    """type_of(workflow) is the error that taking a whole namespace is."""
    failure_of("{{ type_of(workflow) }}")


def test_functions_do_not_change_what_they_are_given() -> None:
    """Sorting, reversing, merging and flattening leave the context's data as it was."""
    for text in ("sort(v)", "reversed(v)", "flat([v, v])", "unique(v)", "v|reverse|list", "v|sort|list"):
        assert sorted(evaluate(f"{{{{ {text} }}}}", v=[3, 1, 2]))
    assert evaluate("{{ [merge(o, {'b': 2}), o] }}", o={"a": 1}) == [{"a": 1, "b": 2}, {"a": 1}]
    assert evaluate("{{ [sort(v), v] }}", v=[3, 1]) == [[1, 3], [3, 1]]
