"""Replacements for YAQL's regular expressions, which use RE2 in place of Python's backtracking `re`."""

from collections.abc import Callable, Iterator
from typing import Any

from yaql.language import specs, yaqltypes
from yaql.standard_library import regex as std_regex

from stretto.definitions.expressions.orquesta.regular import Pattern, pattern_of
from stretto.definitions.expressions.orquesta.yaql_metering import fuel_of


@specs.parameter("pattern", yaqltypes.String())
def _regex(
    context: Any,
    pattern: str,
    ignore_case: bool = False,  # noqa: FBT001, FBT002 - YAQL's parameters
    multi_line: bool = False,  # noqa: FBT001, FBT002
    dot_all: bool = False,  # noqa: FBT001, FBT002
) -> Pattern:
    flags = {"i": ignore_case, "m": multi_line, "s": dot_all}
    return pattern_of(fuel_of(context), pattern, "".join(flag for flag, wanted in flags.items() if wanted))


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.method
def _matches(context: Any, regexp: Pattern, string: str) -> bool:
    return regexp.is_in(fuel_of(context), string)


@specs.parameter("string", yaqltypes.String())
@specs.parameter("regexp", yaqltypes.String())
@specs.method
@specs.name("matches")
def _matches_string(context: Any, string: str, regexp: str) -> bool:
    return pattern_of(fuel_of(context), regexp).is_in(fuel_of(context), string)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.name("#operator_=~")
def _matches_operator_regex(context: Any, string: str, regexp: Pattern) -> bool:
    return regexp.is_in(fuel_of(context), string)


@specs.parameter("pattern", yaqltypes.String())
@specs.parameter("string", yaqltypes.String())
@specs.name("#operator_=~")
def _matches_operator_string(context: Any, string: str, pattern: str) -> bool:
    return pattern_of(fuel_of(context), pattern).is_in(fuel_of(context), string)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.name("#operator_!~")
def _not_matches_operator_regex(context: Any, string: str, regexp: Pattern) -> bool:
    return not regexp.is_in(fuel_of(context), string)


@specs.parameter("pattern", yaqltypes.String())
@specs.parameter("string", yaqltypes.String())
@specs.name("#operator_!~")
def _not_matches_operator_string(context: Any, string: str, pattern: str) -> bool:
    return not pattern_of(fuel_of(context), pattern).is_in(fuel_of(context), string)


def _publish(context: Any, match: Any) -> None:
    for index, value in enumerate((match.group(), *match.groups())):
        context[f"${index + 1}"] = {"value": value, "start": match.start(index), "end": match.end(index)}


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("selector", yaqltypes.Lambda(with_context=True))
@specs.method
def _search(context: Any, regexp: Pattern, string: str, selector: Any = None) -> Any:
    match = regexp.first(fuel_of(context), string)
    if match is None:
        return None
    if selector is None:
        return match.group()
    inner = context.create_child_context()
    _publish(inner, match)
    return selector(inner)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("selector", yaqltypes.Lambda(with_context=True))
@specs.method
def _search_all(context: Any, regexp: Pattern, string: str, selector: Any = None) -> Iterator[Any]:
    for match in regexp.matches(fuel_of(context), string):
        if selector is None:
            yield match.group()
        else:
            inner = context.create_child_context()
            _publish(inner, match)
            yield selector(inner)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("max_split", int)
@specs.method
@specs.name("split")
def _split_by(context: Any, regexp: Pattern, string: str, max_split: int = 0) -> list[Any]:
    return regexp.split(fuel_of(context), string, max_split)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("max_split", int)
@specs.method
@specs.name("split")
def _split_string(context: Any, string: str, regexp: Pattern, max_split: int = 0) -> list[Any]:
    return regexp.split(fuel_of(context), string, max_split)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("repl", yaqltypes.String())
@specs.parameter("count", int)
@specs.method
@specs.name("replace")
def _replace_by_pattern(context: Any, regexp: Pattern, string: str, repl: str, count: int = 0) -> str:
    return regexp.replaced(fuel_of(context), string, repl, count)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("repl", yaqltypes.String())
@specs.parameter("count", int)
@specs.method
@specs.name("replace")
def _replace_string(context: Any, string: str, regexp: Pattern, repl: str, count: int = 0) -> str:
    return regexp.replaced(fuel_of(context), string, repl, count)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("repl", yaqltypes.Lambda(with_context=True))
@specs.parameter("count", int)
@specs.method
def _replace_by(context: Any, regexp: Pattern, string: str, repl: Any, count: int = 0) -> str:
    def replacement(match: Any) -> str:
        inner = context.create_child_context()
        _publish(inner, match)
        return str(repl(inner))

    return regexp.replaced(fuel_of(context), string, replacement, count)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("repl", yaqltypes.Lambda(with_context=True))
@specs.parameter("count", int)
@specs.method
@specs.name("replaceBy")
def _replace_by_string(context: Any, string: str, regexp: Pattern, repl: Any, count: int = 0) -> str:
    return _replace_by(context, regexp, string, repl, count)  # type: ignore[no-any-return]


def _is_regex(value: Any) -> bool:
    return isinstance(value, Pattern)


REPLACED_REGEX: dict[Callable[..., Any], Callable[..., Any]] = {
    std_regex.regex: _regex,
    std_regex.matches: _matches,
    std_regex.matches_: _matches_string,
    std_regex.matches_operator_regex: _matches_operator_regex,
    std_regex.matches_operator_string: _matches_operator_string,
    std_regex.not_matches_operator_regex: _not_matches_operator_regex,
    std_regex.not_matches_operator_string: _not_matches_operator_string,
    std_regex.search: _search,
    std_regex.search_all: _search_all,
    std_regex.split: _split_by,
    std_regex.split_string: _split_string,
    std_regex.replace: _replace_by_pattern,
    std_regex.replace_string: _replace_string,
    std_regex.replace_by: _replace_by,
    std_regex.replace_by_string: _replace_by_string,
    std_regex.is_regex: _is_regex,
}
"""The replacement of each function of the standard library, with the same name and parameters."""
