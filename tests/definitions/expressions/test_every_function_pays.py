"""Every function, filter, test and method of all languages pays for large operands, or is known to take constant time.

A new one is called here with operands of many kinds, without a word in this file.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from stretto.definitions import ExpressionError
from stretto.definitions.expressions import Moment, Scope, sandbox, scope
from stretto.definitions.expressions import filters as native_filters
from stretto.definitions.expressions.orquesta import jinja_filters, jinja_sandbox, yaql_engine
from tests.support import evaluating, evaluating_orquesta

LARGE, SMALL = 20_000, 200
LEAST_UNITS = 15
"""The least difference between the cost of large and of small operands: that of a copied text of `LARGE` characters."""

PRESENCE = "it looks at the kind of the operand, or whether there is one"
CLOCK = "it reads the time or the seed of the event"
ENDED = "it reads the end of the task, the item or a variable, which is in memory"
PASSES = "it returns an operand, one member, or a length that is known"
NUMBER = "it takes numbers and short texts, whose size is bounded"
VERSION = "it refuses versions that are longer than a bound"
REFUSED = "it always fails"

TIME = "it refuses texts that are longer than a bound, and pays a fixed price"

_TIMES = ["date_add", "date_diff", "duration", "strftime", "timestamp", "to_datetime"]
_NUMBERS = ["abs", "round", "to_human_time_from_seconds"]
_ENDED = ["result", "succeeded", "failed", "timed_out", "cancelled", "completed", "ctx", "item", "task_status"]
_KINDS = [
    "boolean", "callable", "defined", "escaped", "false", "float", "integer", "iterable", "mapping", "none", "number",
    "sameas", "sequence", "string", "true", "undefined",
]  # fmt: skip
_VERSIONS = [
    "version_bump_major", "version_bump_minor", "version_bump_patch", "version_compare", "version_equal",
    "version_less_than", "version_match", "version_more_than", "version_strip_patch",
]  # fmt: skip
CONSTANT: dict[str, dict[str, str]] = {
    "function": dict.fromkeys(["now", "uuid"], CLOCK)
    | dict.fromkeys(_ENDED, ENDED)
    | dict.fromkeys([*_NUMBERS, "bool", "ceil", "floor", "number"], NUMBER)
    | dict.fromkeys(_VERSIONS, VERSION)
    | dict.fromkeys(_TIMES, TIME)
    | dict.fromkeys(["length", "type_of"], PASSES)
    | dict.fromkeys(["lipsum", "st2kv"], REFUSED)
    | {"decrypt_kv": PASSES, "task": ENDED},
    "filter": dict.fromkeys(["first", "last", "length", "count"], PASSES)
    | dict.fromkeys(_NUMBERS, NUMBER)
    | dict.fromkeys(_VERSIONS, VERSION)
    | dict.fromkeys(_TIMES, TIME)
    | dict.fromkeys(["attr", "st2kv"], REFUSED)
    | {"decrypt_kv": PASSES, "random": PASSES},
    "test": dict.fromkeys(_KINDS, PRESENCE),
    "method": {},
}
"""The names that take the same time for all operands, by their kind, with the reason."""


def variables(size: int) -> dict[str, Any]:
    """Return operands of many kinds, whose sizes depend on `size`."""
    numbers = list(range(size))
    return {
        "B": "ab" * (size // 2),
        "C": "ab" * (size // 2 - 1) + "".join(["a", "b"]),
        "L": numbers,
        "M": [*numbers],
        "S": [f"s{number}" for number in numbers],
        "R": [{"a": number} for number in numbers],
        "Q": [{"a": number} for number in numbers],
        "P": [[f"k{number}", number] for number in numbers],
        "O": {f"k{number}": number for number in numbers},
        "D": "1" * size,
        "E": "YWFh" * (size // 4),
        "I": [{"key": f"k{number}", "value": number} for number in numbers],
        "J": "[" + ",".join(map(str, numbers)) + "]",
        "N": size,
        "V": "1.0.0-" + "a" * size,
    }


NAMES = frozenset(variables(SMALL))


@functools.cache
def scope_of(size: int) -> Scope:
    """Return a scope with the variables. Only a process that runs these tests makes the large ones."""
    return evaluating.snapshot_of(variables(size))


VALUES = ["B", "L", "S", "R", "P", "O", "D", "E", "I", "J", "N", "V", "1.5", "(@L|list)", "dict(@O)"]
MORE = [
    "",
    "B",
    "L",
    "O",
    "N",
    "'a'",
    "1",
    "'a', 'b'",
    "'eq', 3",
    "'k1', 1",
    "attribute='a'",
    "2, 3",
    "[@B]",
    "'$..a'",
    "V",
    "'1.0.0'",
]


def units(text: str, language: str) -> int | None:
    """Return how many more units large operands take than small ones, or None if the call is invalid."""
    text = text.replace("@", "workflow." if language == "native" else "ctx().")
    support: Any = evaluating if language == "native" else evaluating_orquesta
    try:
        template = support.compiled(f"{{{{ {text} }}}}")
    except (AssertionError, ExpressionError):
        return None
    spent = []
    for size in (SMALL, LARGE):
        moment = Moment(0.0, "seed")
        try:
            template.evaluate(scope_of(size), moment)
        except ExpressionError as error:
            if error.code != "limit_exceeded":
                return None
        spent.append(moment.spent())
    return spent[1] - spent[0]


def marked(arguments: str) -> str:
    """Return arguments with the variables marked."""
    return ", ".join(f"@{each}" if each in NAMES else each for each in arguments.split(", "))


def calls(kind: str, name: str) -> Iterator[str]:
    """Yield calls of a function, filter, test or method."""
    for value, more in itertools.product(map(marked, VALUES), map(marked, MORE)):
        arguments = f"({more})" if more else ""
        if kind == "function":
            yield f"{name}({value}{', ' if more else ''}{more})"
            yield f"{name}({more}{', ' if more else ''}{value})"
        elif kind == "filter":
            yield f"({value}|{name}{arguments})|string|length"
        elif kind == "test":
            yield f"{value} is {name} {more}"
        else:
            yield f"{value}.{name}({more})"


def dearest(kind: str, name: str, language: str) -> int:
    """Return the units of the dearest call, up to `LEAST_UNITS`."""
    most = -1
    for text in calls(kind, name):
        found = units(text, language)
        if found is not None:
            most = max(most, found)
            if most >= LEAST_UNITS:
                break
    return most


def registered() -> list[tuple[str, str, str]]:
    """Return (language, kind, name) of everything that an expression can call."""
    found = {("native", "function", name) for name in scope.FUNCTION_NAMES}
    found |= {("native", "filter", name) for name in native_filters.FILTERS}
    found |= {("native", "test", name) for name in native_filters.ALLOWED_TESTS if name[0].isalpha()}
    found |= {("native", "method", name) for methods in sandbox.METHODS.values() for name in methods}
    found |= {("jinja", "function", name) for name in jinja_sandbox.FUNCTION_NAMES}
    found |= {("jinja", "filter", name) for name in jinja_filters.FILTER_NAMES}
    found |= {("jinja", "test", name) for name in jinja_filters.TEST_NAMES if name[0].isalpha()}
    found |= {("jinja", "method", name) for methods in jinja_sandbox.METHODS.values() for name in methods}
    return sorted(found)


@pytest.mark.parametrize("language", ["native", "jinja"])
@pytest.mark.parametrize("kind", ["function", "filter", "test", "method"])
def test_every_function_pays_or_takes_constant_time(language: str, kind: str) -> None:
    """To add one that takes constant time, give the reason above. Any other must burn fuel before it runs."""
    free = [
        f"{name}: {dearest(kind, name, language)} units"
        for of_language, of_kind, name in registered()
        if (of_language, of_kind) == (language, kind) and name not in CONSTANT[kind]
        if dearest(kind, name, language) < LEAST_UNITS
    ]
    assert not free


def test_the_list_of_constant_functions_is_up_to_date() -> None:
    """It names nothing that does not exist."""
    known = {(kind, name) for _language, kind, name in registered()}
    assert {(kind, name) for kind, names in CONSTANT.items() for name in names} <= known


def test_every_function_of_yaql_is_metered() -> None:
    """A definition that is registered pays for its call, its arguments and its result, without a word in its code."""
    definitions = [each for functions in yaql_engine._ROOT._functions.values() for each in functions]
    assert len(definitions) > 150
    assert all(isinstance(each, yaql_engine.MeteredDefinition) for each in definitions)
