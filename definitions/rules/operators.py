"""The operators of criteria: StackStorm's, and those of Attune, which are among them.

Each takes the value that an event has, the pattern of the rule, and the present time. A type that an operator cannot
compare raises `TypeError` or `ValueError`: the criterion is then not met, as in StackStorm.
"""

import fnmatch
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias

from stretto.definitions.data import compiled

Operator: TypeAlias = Callable[[Any, Any, float], bool]


def _texts(value: Any, pattern: Any) -> tuple[str, str]:
    if not isinstance(value, str) or not isinstance(pattern, str):
        raise TypeError(f"both must be text, got {type(value).__name__} and {type(pattern).__name__}")
    return value, pattern


def _is_in(member: Any, whole: Any) -> bool:
    """Return whether a text, list or object contains a value."""
    if isinstance(whole, str) and not isinstance(member, str):
        raise TypeError("a text contains text only")
    if not isinstance(whole, str | list | dict):
        raise TypeError(f"only a text, a list or an object contains something, got {type(whole).__name__}")
    return member in whole


def _lower(value: Any, pattern: Any) -> tuple[str, str]:
    texts = _texts(value, pattern)
    return texts[0].lower(), texts[1].lower()


def _icontains(value: Any, pattern: Any) -> bool:
    lowered = _lower(value, pattern)
    return lowered[1] in lowered[0]


def _search(flags: str, pattern: Any, value: Any) -> bool:
    text, expression = _texts(value, pattern)
    return compiled(f"{flags}{expression}").search(text) is not None


def _ordered(value: Any, pattern: Any) -> bool:
    """Return whether two values are of kinds that can be ordered."""
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (value, pattern))
    if not numbers and not (isinstance(value, str) and isinstance(pattern, str)):
        raise TypeError(f"{type(value).__name__} and {type(pattern).__name__} have no order")
    return True


def _age(value: Any, now: float) -> float:
    """Return the seconds since an instant."""
    if not isinstance(value, str):
        raise TypeError(f"an instant must be text, got {type(value).__name__}")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = parsedate_to_datetime(value)
    return now - (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def equals(value: Any, pattern: Any, _now: float) -> bool:
    """Return whether both are equal. Null equals nothing."""
    return pattern is not None and bool(value == pattern)


def _unless_null(decide: Callable[[Any, Any, float], bool]) -> Operator:
    """Return an operator that no event meets if its pattern is null."""
    return lambda value, pattern, now: pattern is not None and decide(value, pattern, now)


_WITH_PATTERN: Final[Mapping[str, Operator]] = {
    "iequals": lambda value, pattern, _now: _lower(value, pattern)[0] == pattern.lower(),
    "contains": lambda value, pattern, _now: _is_in(pattern, value),
    "icontains": lambda value, pattern, _now: _icontains(value, pattern),
    "ncontains": lambda value, pattern, _now: not _is_in(pattern, value),
    "incontains": lambda value, pattern, _now: not _icontains(value, pattern),
    "startswith": lambda value, pattern, _now: str.startswith(*_texts(value, pattern)),
    "istartswith": lambda value, pattern, _now: str.startswith(*_lower(value, pattern)),
    "endswith": lambda value, pattern, _now: str.endswith(*_texts(value, pattern)),
    "iendswith": lambda value, pattern, _now: str.endswith(*_lower(value, pattern)),
    "lessthan": lambda value, pattern, _now: _ordered(value, pattern) and value < pattern,
    "greaterthan": lambda value, pattern, _now: _ordered(value, pattern) and value > pattern,
    "matchwildcard": lambda value, pattern, _now: fnmatch.fnmatchcase(*_texts(value, pattern)),
    "matchregex": lambda value, pattern, _now: _search("(?s)^", f"(?:{pattern})", value),
    "regex": lambda value, pattern, _now: _search("", pattern, value),
    "iregex": lambda value, pattern, _now: _search("(?i)", pattern, value),
    "timediff_lt": lambda value, pattern, now: _age(value, now) < float(pattern),
    "timediff_gt": lambda value, pattern, now: _age(value, now) > float(pattern),
    "inside": lambda value, pattern, _now: _is_in(value, pattern),
    "ninside": lambda value, pattern, _now: not _is_in(value, pattern),
}
SEARCH: Final = "search"
"""The operator that compares the members of a list."""
REGULAR: Final = frozenset({"matchregex", "regex", "iregex"})
"""The operators whose pattern is a regular expression."""
WITHOUT_PATTERN: Final = frozenset({"exists", "nexists"})
"""The operators that take no pattern."""
_LONG: Final[Mapping[str, Operator]] = {
    "equals": equals,
    "nequals": lambda value, pattern, _now: value != pattern,
    "exists": lambda value, _pattern, _now: value is not None,
    "nexists": lambda value, _pattern, _now: value is None,
    **{name: _unless_null(operator) for name, operator in _WITH_PATTERN.items()},
}
EQUALITIES: Final = frozenset({"equals", "eq"})
"""The names of the operator that only an equal value meets."""
SHORT: Final[Mapping[str, str]] = {
    "eq": "equals", "neq": "nequals", "ieq": "iequals", "lt": "lessthan", "gt": "greaterthan", "td_lt": "timediff_lt",
    "td_gt": "timediff_gt", "in": "inside", "nin": "ninside",
}  # fmt: skip
"""The short names of operators."""
OPERATORS: Final[Mapping[str, Operator]] = {**_LONG, **{short: _LONG[long] for short, long in SHORT.items()}}
"""The operators by their names."""
CONDITIONS: Final = ("any", "all", "all2any", "any2any")
"""The conditions of `search`."""
