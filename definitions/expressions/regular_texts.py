"""Functions over texts that match regular expressions of RE2, with the text first as in Ansible."""

from collections.abc import Callable
from typing import Any

from stretto.definitions.data import compiled
from stretto.definitions.expressions.arguments import text_argument
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.matching import (
    is_unbounded,
    matches_of,
    pay_for_pattern,
    replaced,
    texts_of,
)


def read_pattern(fuel: Fuel, name: str, pattern: Any) -> tuple[Any, int]:
    """Return a compiled pattern of RE2 and its positions, and pay for them.

    Args:
        fuel: The budget of the evaluation.
        name: The function that takes the pattern, for errors.
        pattern: The pattern, whose type is checked.

    Raises:
        TypeError: The pattern is not text.
        ValueError: The pattern is invalid.
    """
    source = text_argument(name, pattern)
    try:
        positions = pay_for_pattern(fuel, source)
        return compiled(source), positions
    except ValueError as error:
        raise ValueError(f"{name}() cannot read the pattern: {error}") from None


def _regex_replace(fuel: Fuel, value: Any, pattern: Any, replacement: Any) -> str:
    text, put = text_argument("regex_replace", value), text_argument("regex_replace", replacement)
    regex, positions = read_pattern(fuel, "regex_replace", pattern)
    matches = matches_of(fuel, regex, positions, text, far=is_unbounded(pattern))
    try:
        return replaced(fuel, text, matches, put)
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"regex_replace() cannot use the replacement: {error}") from None


def _regex_findall(fuel: Fuel, value: Any, pattern: Any) -> list[Any]:
    text = text_argument("regex_findall", value)
    regex, positions = read_pattern(fuel, "regex_findall", pattern)
    return texts_of(matches_of(fuel, regex, positions, text, far=is_unbounded(pattern)))


REGULAR_FUNCTIONS: dict[str, Callable[..., Any]] = {"regex_findall": _regex_findall, "regex_replace": _regex_replace}
