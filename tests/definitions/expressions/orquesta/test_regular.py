"""Patterns written for Python's `re`, matched by RE2."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.matching import MAX_PATTERN_LENGTH
from stretto.definitions.expressions.orquesta.regular import pattern_of
from tests.support.evaluating import SOME

PATTERNS = [
    "a+b", "^a.*b$", r"\d+", r"\w+", r"\s", r"\W", r"[\w-]+", r"[^\d]", r"(a)(b)?", r"(?P<n>a)b", "[]a]", "[^]a]",
    r"a{,2}b", r"\bab\b", r"a\Z", r"\Aab", "a|b", r"\u00e4", "(?i)AB", r"[\]a]", r"\$", "[$]", r"\\", "a{2,3}", "x*",
]  # fmt: skip
TEXTS = st.text(st.sampled_from("ab1 -_[]$\\äé٣\nAB"), max_size=12)


@given(st.sampled_from(PATTERNS), TEXTS)
@SOME
def test_they_match_what_python_matches(source: str, text: str) -> None:
    """At the beginning, anywhere, before a last line break; letters and digits are those of Unicode."""
    pattern = pattern_of(Fuel(), source)
    if r"\b" not in source or text.isascii():
        assert pattern.is_in(Fuel(), text) == bool(re.search(source, text))
        assert pattern.begins(Fuel(), text) == bool(re.match(source, text))


@given(st.sampled_from([each for each in PATTERNS if each not in {"x*", "^a.*b$", r"\bab\b", r"a{,2}b"}]), TEXTS)
@SOME
def test_they_find_split_and_replace_what_python_does(source: str, text: str) -> None:
    """Groups, too."""
    pattern, fuel = pattern_of(Fuel(), source), Fuel()
    assert pattern.all_of(fuel, text) == re.findall(source, text)
    assert pattern.split(fuel, text) == re.split(source, text)
    assert pattern.replaced(fuel, text, r"<\g<0>>") == re.sub(source, r"<\g<0>>", text)
    assert pattern.replaced(fuel, text, "!", 1) == re.sub(source, "!", text, count=1)
    assert pattern.replaced(fuel, text, lambda match: match.group() * 2) == re.sub(
        source, lambda m: m.group() * 2, text
    )


def test_a_bracket_in_a_class_stands_for_itself() -> None:
    """Python warns that it may mean something else one day; RE2 wants it escaped."""
    assert pattern_of(Fuel(), "[[]").is_in(Fuel(), "[")
    assert pattern_of(Fuel(), "[[ab]+]").begins(Fuel(), "[a]")


def test_flags() -> None:
    """Those of YAQL's `regex()`."""
    assert pattern_of(Fuel(), "AB", "i").is_in(Fuel(), "xab")
    assert pattern_of(Fuel(), "^b$", "m").is_in(Fuel(), "a\nb\nc")
    assert pattern_of(Fuel(), "a.b", "s").is_in(Fuel(), "a\nb")
    assert not pattern_of(Fuel(), "a.b").is_in(Fuel(), "a\nb")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a(?=b)", "look-ahead"),
        ("a(?!b)", "look-ahead"),
        ("(?<=a)b", "look-behind"),
        ("(?<!a)b", "look-behind"),
        (r"(a)\1", "backreference"),
        ("(?P<n>a)(?P=n)", "backreference"),
        ("(", "invalid regular expression"),
        ("a" * (MAX_PATTERN_LENGTH + 1), "at most"),
    ],
)
def test_what_cannot_be_matched_in_linear_time_is_refused(source: str, said: str) -> None:
    """It says what it is."""
    with pytest.raises(ValueError, match=said):
        pattern_of(Fuel(), source)


def test_matches_and_replacements_are_paid_for() -> None:
    """Neither many matches nor long replacements get through."""
    with pytest.raises(LimitExceeded):
        pattern_of(Fuel(), "a").replaced(Fuel(), "a" * 100_000, "b" * 1_000)
    with pytest.raises(LimitExceeded):
        pattern_of(Fuel(), "(a+)").replaced(Fuel(), "a" * 100_000, r"\1" * 1_000)
    with pytest.raises(LimitExceeded):
        pattern_of(Fuel(), "").all_of(Fuel(), "a" * 2_000_000)
