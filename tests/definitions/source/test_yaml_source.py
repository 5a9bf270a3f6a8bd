"""YAML as its author means it: YAML 1.2 scalars, places, bounds, and no way to run or blow up anything."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stretto.definitions import Finding
from stretto.definitions.source.yaml_source import MapNode, ScalarNode, compose, to_data
from tests.support.evaluating import JSON, SOME


def composed(text: str) -> tuple[Any, list[Finding]]:
    """Return (data, findings) of a document."""
    found: list[Finding] = []
    node = compose(text, "test.yaml", found.append)
    return (None if node is None else to_data(node)), found


def code(text: str) -> str:
    """Return the code of the first finding in a document."""
    found = composed(text)[1]
    assert found
    return found[0].code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("y", "y"),
        ("12:30:45", "12:30:45"),
        ("1:30", "1:30"),
        ("2024-01-02", "2024-01-02"),
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("017", 17),
        ("08", 8),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("+1", 1),
        ("-0", 0),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1E-2", 0.01),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("none", "none"),
        ("None", "None"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("! 1", "1"),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("<<", "<<"),
        ("2%", "2%"),
        ("١٢", "١٢"),
        ("|\n  a\n  b", "a\nb\n"),
        (">-\n  a\n  b", "a b"),
        ("0.1", 0.1),
        ("0o8", "0o8"),
        ("nan", "nan"),
    ],
)
def test_plain_scalars_are_read_by_yaml_1_2(text: str, value: Any) -> None:
    """on, NO, dates and times are texts; 017 is seventeen; only true, false and null are words."""
    data, found = composed(f"a: {text}\n")
    assert (data, found) == ({"a": value}, [])
    assert type(data["a"]) is type(value)


@given(JSON)
@SOME
def test_json_is_yaml(value: Any) -> None:
    """A JSON document is read as JSON reads it, but for pairs of surrogates, which YAML knows no escape for."""
    text = json.dumps({"value": value})
    assume("\\ud8" not in text and "\\ud9" not in text and "\\uda" not in text and "\\udb" not in text)
    data, found = composed(text)
    assert not found
    assert data == json.loads(text)


LONG = "x" * 100_000

REFUSED = {
    "alias bomb": (
        "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(12)),
        "yaml_too_many_values",
    ),
    "object bomb": (
        "a: &a {x: 1, y: 2}\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} {{x: *{chr(97 + n)}, y: *{chr(97 + n)}}}\n" for n in range(20)),
        "yaml_too_many_values",
    ),
    "alias in itself": ("a: &a [*a]", "yaml_alias"),
    "alias in itself, deeper": ("a: &a {b: [{c: *a}]}", "yaml_alias"),
    "alias without anchor": ("a: *nothing", "yaml_alias"),
    "deep lists": ("a: " + "[" * 10_000, "yaml_too_deep"),
    "deep objects": ("a: " + "{a: " * 10_000, "yaml_too_deep"),
    "deep blocks": ("".join(" " * n + "a:\n" for n in range(1000)), "yaml_too_deep"),
    "deep block lists": ("- " * 10_000 + "1", "yaml_too_deep"),
    "many values": ("a: [" + "1," * 200_001 + "]", "yaml_too_many_values"),
    "too large": ("a: " + "x" * (4 * 1024 * 1024), "yaml_too_large"),
    "python tag": ("a: !!python/object/apply:os.system [ls]", "yaml_tag"),
    "python name": ("a: !!python/name:os.system", "yaml_tag"),
    "own tag": ("a: !mine 1", "yaml_tag"),
    "standard tag": ("a: !!str 1", "yaml_tag"),
    "binary": ("a: !!binary aGk=", "yaml_tag"),
    "set": ("a: !!set {b}", "yaml_tag"),
    "duplicate key": ("a: 1\na: 2", "yaml_duplicate_key"),
    "duplicate key, quoted": ("a: 1\n'a': 2", "yaml_duplicate_key"),
    "number as key": ("1: a", "yaml_key"),
    "boolean as key": ("true: a", "yaml_key"),
    "null as key": ("~: a", "yaml_key"),
    "list as key": ("? [a]\n: 1", "yaml_key"),
    "float as key": ("1.5: a", "yaml_key"),
    "unquoted braces": ("a: {{ b }}", "yaml_unquoted_expression"),
    "unquoted braces in a list": ("a: [{{ b }}]", "yaml_unquoted_expression"),
    "unquoted braces and text": ("a: {{ b }} c", "yaml_unquoted_expression"),
    "tab": ("a:\n\t- b", "yaml_syntax"),
    "colon": ("a: b: c", "yaml_syntax"),
    "percent": ("a: %x", "yaml_syntax"),
    "at sign": ("a: @x", "yaml_syntax"),
    "open quote": ('a: "b', "yaml_syntax"),
    "open list": ("a: [1", "yaml_syntax"),
    "statement": ("a: {% if x %}", "yaml_syntax"),
    "NUL": ("a: \0", "yaml_syntax"),
    "bell": ("a: \x07", "yaml_syntax"),
    "surrogate escape": ('a: "\\ud800"', "yaml_syntax"),
    "bad escape": ('a: "\\q"', "yaml_syntax"),
    "infinity": ("a: .inf", "yaml_number"),
    "not a number": ("a: .NaN", "yaml_number"),
    "minus infinity": ("a: -.INF", "yaml_number"),
    "large float": ("a: 1e999", "yaml_number"),
    "65 bits": ("a: 18446744073709551616", "yaml_number"),
    "huge integer": ("a: " + "9" * 100_000, "yaml_number"),
    "huge hexadecimal": ("a: 0x" + "f" * 100_000, "yaml_number"),
    "huge exponent": ("a: 1e" + "9" * 100_000, "yaml_number"),
    "long key": (f"{LONG}: 1", "yaml_syntax"),
    "two documents": ("a: 1\n---\nb: 2", "yaml_documents"),
    "nothing": ("", "yaml_empty"),
    "a comment": ("# x", "yaml_empty"),
    "long anchor": (f"a: *{LONG}", "yaml_alias"),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_or_too_large_is_a_finding(text: str, expected: str) -> None:
    """Bombs, tags, bad keys, bad numbers and bad characters are findings with a code, at once."""
    assert code(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column", "path"),
    [
        ("a: 1\nb:\n  c: !!set x\n", 3, 6, "b.c"),
        ("a:\n- 1\n- .inf\n", 3, 3, "a[1]"),
        ("äö: 1\nb: ['😀', .nan]\n", 2, 10, "b[1]"),
        ("a: 1\nb: 2\n  \na: 3\n", 4, 1, "a"),
        ("a: {b: 1, b: 2}", 1, 11, "a.b"),
        ("x: {{ y }}", 1, 5, "x"),
    ],
)
def test_a_finding_tells_line_column_and_path(text: str, line: int, column: int, path: str) -> None:
    """Places count from one, in characters, and name the way in the document."""
    place = composed(text)[1][0].place
    assert (place.line, place.column, place.path) == (line, column, path)


def test_all_mistakes_are_reported_at_once() -> None:
    """Errors that do not stop the parser are reported together."""
    assert [each.code for each in composed("a: .inf\nb: !x 1\na: 1\n2: 3\n")[1]] == [
        "yaml_number",
        "yaml_tag",
        "yaml_duplicate_key",
        "yaml_key",
    ]


@pytest.mark.parametrize(
    ("text", "offset", "line", "column"),
    [
        ('a: "{{ x }}"', 0, 1, 5),
        ('a: "b {{ x }} {{ y }}"', 10, 1, 15),
        ("a: |\n  b\n  {{ x }}\n", 2, 3, 3),
        ("a: >\n  b {{ x }}\n  c {{ y }}\n", 12, 3, 5),
        ("a: {b: '{{ x }}'}", 0, 1, 9),
    ],
)
def test_an_expression_is_located_within_its_scalar(text: str, offset: int, line: int, column: int) -> None:
    """Folded, literal and quoted texts tell where in the file an expression's braces open."""
    node = compose(text, "test.yaml", lambda finding: pytest.fail(str(finding)))
    while isinstance(node, MapNode):
        (node,) = node.members.values()
    assert isinstance(node, ScalarNode)
    place = node.locate(node.text.index("{{", offset))
    assert (place.line, place.column) == (line, column)


BREAKS = {"CR": "\r", "NEL": "\x85", "LS": "\u2028", "PS": "\u2029"}


@pytest.mark.parametrize("line_break", BREAKS.values(), ids=BREAKS)
def test_every_line_break_of_yaml_can_be_read(line_break: str) -> None:
    """A file with unusual line breaks is read, or reported, like any other."""
    composed(f'a: "{line_break * 3}"\nb: "{{{{ x }}}}"\n')


def test_a_surrogate_in_the_text_is_a_finding() -> None:
    """A lone surrogate (a file read with surrogateescape) is reported like any bad character."""
    assert code("a: '\ud800'") == "yaml_syntax"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x85\u2028\u2029"), max_size=60))
@SOME
def test_any_text_is_data_or_findings(text: str) -> None:
    """Whatever the text, compose returns a node or reports, and raises nothing."""
    data, found = composed(text)
    assert data is None or isinstance(data, str | int | float | list | dict)
    assert all(each.code.startswith("yaml_") for each in found)


def test_a_tab_is_reported_as_one() -> None:
    """PyYAML's own message about tokens does not help the author."""
    findings: list[Finding] = []
    compose("tasks:\n\t- name: a\n", "x.yaml", findings.append)
    ((code, hint),) = [(each.code, each.hint) for each in findings]
    assert (code, hint) == ("yaml_syntax", "indent YAML with spaces, not tabs")
