"""What people type, as values."""

from typing import Any

import pytest

from stretto.actors.gateway.pages.form_texts import (
    MAX_YAML_CHARACTERS,
    UnreadableText,
    container_of,
    lines_of,
    rows_of,
    scalar_of,
    text_of,
    type_of,
)

SERVERS = {"type": "object", "properties": {"host": {"type": "string"}, "port": {"type": ["integer", "null"]}}}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "7", "7"),
        ("integer", "7", 7),
        ("number", "7.5", 7.5),
        ("boolean", "true", True),
        ("any", "true", "true"),
        ("any", '{"a": 1}', {"a": 1}),
        ("any", "[broken", "[broken"),
    ],
)
def test_a_line_is_read_by_the_rules_of_the_command_line(kind: str, text: str, value: Any) -> None:
    """A value of any type is text, unless it is a list or an object."""
    assert scalar_of(kind, "p", text) == value


def test_an_error_does_not_quote_the_text() -> None:
    """It may be a secret."""
    with pytest.raises(UnreadableText, match="'p' must be a number, got other text") as refused:
        scalar_of("integer", "p", "hush")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[\n  "a",\n  "b" "c"\n]', "line 3: expected ',' or ']'"),
        ('{"a": 1\n "b": 2}', "line 2: expected ',' or '}'"),
        ("[1,\n2", "line 2: the text ends before its list or object does"),
        ("a: 1\na: 2", "line 2: duplicate key 'a'; the first is on line 1"),
        ("- a\n b: c", "line 2: mapping values are not allowed in this context"),
        ("7", "'p' must be a JSON object, got other text"),
        ('["ä", ä "b"\n, "c" "d"]', "line 1: "),
    ],
)
def test_an_error_in_a_list_or_an_object_has_its_line(text: str, error: str) -> None:
    """In the words of its language."""
    with pytest.raises(UnreadableText) as refused:
        container_of("object", "p", text)
    assert str(refused.value).startswith(error)


def test_lists_and_objects_are_json_or_yaml() -> None:
    """A long text is JSON, because YAML takes long."""
    assert container_of("array", "p", '["a", 1]') == ["a", 1]
    assert container_of("array", "p", "- a\n- {b: 1}") == ["a", {"b": 1}]
    assert container_of("object", "p", "a: 1") == {"a": 1}
    with pytest.raises(UnreadableText, match="line 1: invalid character"):
        container_of("array", "p", "- a\n" * (MAX_YAML_CHARACTERS // 4 + 1))


def test_a_list_is_written_one_a_line() -> None:
    """Each line by the type of the items."""
    assert lines_of("a\n\n  b \n", {}) == ["a", "b"]
    assert lines_of("1\n2", {"type": "integer"}) == [1, 2]
    assert lines_of('{"host": "a"}', SERVERS) == [{"host": "a"}]
    with pytest.raises(UnreadableText, match="line 2: expected a number, got other text"):
        lines_of("1\nb", {"type": "integer"})


def test_a_list_of_objects_is_written_as_csv() -> None:
    """Members have the types of the schema; an empty cell that is no text gives none."""
    assert rows_of('host,port,note\n"a, b",80,x\n,,\n', SERVERS) == [
        {"host": "a, b", "port": 80, "note": "x"}, {"host": ""},
    ]  # fmt: skip
    for text, error in (
        ("", "line 1: the header"),
        ("a,a\n1,2", "line 1: the header"),
        ("host,port\na", "line 2: expected 2 cells, got 1"),
        ("host,port\na,80\nb,x", "line 3: expected a number"),
        ('host\n"a', "line 2: unexpected end of data"),
    ):
        with pytest.raises(UnreadableText, match=error):
            rows_of(text, SERVERS)


def test_a_value_is_shown_as_it_is_typed() -> None:
    """What is read again is the same."""
    assert text_of("string", "a\nb") == "a\nb"
    assert text_of("array", [1, 2]) == "[1,2]"
    long = [{"host": "a" * 60}]
    assert text_of("array", long).count("\n") > 1
    assert container_of("array", "p", text_of("array", long)) == long
    assert type_of({"type": ["integer", "null"]}) == "integer"
    assert type_of({}) == "any"
