"""Where a text's expressions begin and end, as Orquesta cuts them: by pattern, before anything is parsed.

YAQL stands in `<% %>`, Jinja in `{{ }}`, and in `{% %}` for statements. An expression ends at the first closing
delimiter, in a quoted text too, and never goes over a line's end: what does is plain text. That is Orquesta's meaning
(`orquesta/expressions/yql.py` and `jinja.py` of 1.6), so it is kept.
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
    """An expression in a text: its source without delimiters, and from where to where it stands with them."""

    source: str
    start: int
    end: int


def cuts_of(text: str, language: Language) -> Iterator[Cut]:
    """Yield the expressions of a language in a text, in order."""
    for start, end in _enclosed(text, *_ENCLOSED[language]):
        yield Cut(text[start:end].strip(_DELIMITERS[language]).strip(), start, end)


def _enclosed(text: str, opening: str, closing: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where what is enclosed stands, in a time that grows with the text: no pattern does that."""
    start = text.find(opening)
    while start >= 0:
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
    if language == "yaql":
        return any(_enclosed(text, *_ENCLOSED["yaql"]))
    return any(_enclosed(text, *_ENCLOSED["jinja"])) or has_statements(text)


def languages_of(text: str) -> tuple[Language, ...]:
    """Return the languages of which a text has expressions."""
    languages: tuple[Language, ...] = ("jinja", "yaql")
    return tuple(language for language in languages if has_expressions(text, language))
