"""Where a text's expressions begin and end, as Orquesta cuts them: by pattern, before anything is parsed.

YAQL stands in `<% %>`, Jinja in `{{ }}`, and in `{% %}` for statements. An expression ends at the first closing
delimiter, in a quoted text too, and never goes over a line's end: what does is plain text. That is Orquesta's meaning
(`orquesta/expressions/yql.py` and `jinja.py` of 1.6), so it is kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["yaql", "jinja"]

_EXPRESSIONS: dict[Language, re.Pattern[str]] = {
    "yaql": re.compile(r"<%(?:[^%\n]|%(?!>))*%>"),
    "jinja": re.compile(r"\{\{(?:[^}\n]|\}(?!\}))*\}\}"),
}
_STATEMENT = re.compile(r"\{%(?:[^%\n]|%(?!\}))*%\}")
_DELIMITERS: dict[Language, str] = {"yaql": "<%>", "jinja": "{}"}


@dataclass(frozen=True, slots=True)
class Cut:
    """An expression in a text: its source without delimiters, and from where to where it stands with them."""

    source: str
    start: int
    end: int


def cuts_of(text: str, language: Language) -> Iterator[Cut]:
    """Yield the expressions of a language in a text, in order."""
    for match in _EXPRESSIONS[language].finditer(text):
        yield Cut(match.group().strip(_DELIMITERS[language]).strip(), match.start(), match.end())


def has_statements(text: str) -> bool:
    """Return whether a text has Jinja statements (`{% %}`)."""
    return "{%" in text and _STATEMENT.search(text) is not None


def has_expressions(text: str, language: Language) -> bool:
    """Return whether a text has an expression of a language."""
    if language == "yaql":
        return "<%" in text and _EXPRESSIONS["yaql"].search(text) is not None
    return ("{{" in text and _EXPRESSIONS["jinja"].search(text) is not None) or has_statements(text)


def languages_of(text: str) -> tuple[Language, ...]:
    """Return the languages of which a text has expressions."""
    languages: tuple[Language, ...] = ("jinja", "yaql")
    return tuple(language for language in languages if has_expressions(text, language))
