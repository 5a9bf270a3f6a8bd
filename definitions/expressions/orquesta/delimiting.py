"""Finds the expressions in a text by pattern, before parsing, as Orquesta does.

YAQL is in `<% %>`, Jinja in `{{ }}`, and Jinja statements in `{% %}`. An expression ends at the first closing
delimiter, even within a quoted text. An expression that does not end on its line is plain text. This is how
`orquesta/expressions/yql.py` and `jinja.py` of release 1.6 do it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["yaql", "jinja"]

_ENCLOSED: dict[Language, tuple[str, str]] = {"yaql": ("<%", "%>"), "jinja": ("{{", "}}")}
_STATEMENT = ("{%", "%}")
_DELIMITERS: dict[Language, str] = {"yaql": "<%>", "jinja": "{}"}


@dataclass(frozen=True, slots=True)
class Cut:
    """An expression in a text: its source without delimiters, and its start and end with them."""

    source: str
    start: int
    end: int


def cuts_of(text: str, language: Language) -> Iterator[Cut]:
    """Yield the expressions of a language in a text, in order."""
    for start, end in _enclosed(text, *_ENCLOSED[language]):
        yield Cut(text[start:end].strip(_DELIMITERS[language]).strip(), start, end)


def _enclosed(text: str, opening: str, closing: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each enclosed part in linear time, which a pattern could not do."""
    start = text.find(opening)
    line_end = -2
    while start >= 0:
        if line_end != -1 and line_end < start:
            line_end = text.find("\n", start)
        end = text.find(closing, start + len(opening), len(text) if line_end < 0 else line_end)
        if end >= 0:
            end += len(closing)
            yield start, end
        elif line_end < 0:
            return
        start = text.find(opening, end if end >= 0 else line_end)


def has_statements(text: str) -> bool:
    """Return whether a text has Jinja statements (`{% %}`)."""
    return any(_enclosed(text, *_STATEMENT))


def has_expressions(text: str, language: Language) -> bool:
    """Return whether a text has an expression of a language."""
    # Most texts are values without any, which costs one search.
    if language == "yaql":
        return "<%" in text and any(_enclosed(text, *_ENCLOSED["yaql"]))
    return "{" in text and (any(_enclosed(text, *_ENCLOSED["jinja"])) or has_statements(text))


def languages_of(text: str) -> tuple[Language, ...]:
    """Return the languages of a text's expressions."""
    languages: tuple[Language, ...] = ("jinja", "yaql")
    return tuple(language for language in languages if has_expressions(text, language))
