"""Regular expressions: all matches, and replacements."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.evaluating import SOME, evaluate, failure_of, plain

VALUES: list[tuple[str, Any]] = [
    ("regex_findall('a1b22', '[0-9]+')", ["1", "22"]),
    ("'a1b22'|regex_findall('([a-z])([0-9]+)')", [["a", "1"], ["b", "22"]]),
    ("regex_findall('ab', '(a)|b')", ["a", ""]),
    ("regex_findall('ab', 'c')", []),
    ("regex_replace('a1b22', '[0-9]+', '#')", "a#b#"),
    ("'a-b'|regex_replace('(?P<left>.)-(.)', '\\\\2-\\\\g<left>')", "b-a"),
    ("regex_replace('Ab', '(?i)a', '')", "b"),
]

REFUSALS = [
    ("regex_findall('a', '(')", "regex_findall() cannot read the pattern: missing )"),
    ("regex_findall('a', '(?=a)')", "regex_findall() cannot read the pattern: "),
    ("regex_findall(1, 'a')", "regex_findall() takes a value of type string, got number"),
    ("regex_replace('a', 1, '')", "regex_replace() takes a value of type string, got number"),
    ("regex_replace('a', 'a', null)", "regex_replace() takes a value of type string, got null"),
    ("regex_replace('a', 'a', '\\\\2')", "regex_replace() cannot use the replacement: bad group index"),
    ("regex_replace('a', 'a')", "regex_replace() takes (value, pattern, replacement), got 2 arguments"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_function_gives_its_value(text: str, value: Any) -> None:
    """In either form."""
    assert plain(evaluate(f"{{{{ {text} }}}}")) == value


@pytest.mark.parametrize(("text", "reason"), REFUSALS)
def test_a_refusal_names_the_function_and_what_is_wrong(text: str, reason: str) -> None:
    """So that the author finds it."""
    assert reason in failure_of(f"{{{{ {text} }}}}").reason


@given(st.text("ab1", max_size=8), st.sampled_from(["a", "a+", "[ab]1", "(a)(b)?", "b|1"]))
@SOME
def test_matches_are_those_of_python(text: str, pattern: str) -> None:
    """For patterns that mean the same in both."""
    found = [list(each) if isinstance(each, tuple) else each for each in re.findall(pattern, text)]
    assert plain(evaluate("{{ regex_findall(workflow.t, workflow.p) }}", t=text, p=pattern)) == found
    assert evaluate("{{ workflow.t | regex_replace(workflow.p, '-') }}", t=text, p=pattern) == re.sub(
        pattern, "-", text
    )
