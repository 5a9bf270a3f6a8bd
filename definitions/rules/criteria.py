"""A criterion of StackStorm's or Attune's: a field of the event, an operator, and a pattern."""

from typing import TYPE_CHECKING, Any, Final

from stretto.definitions.data import FrozenDict, FrozenList
from stretto.definitions.errors import Place, StrettoError
from stretto.definitions.expressions import ABSENT, Constant, Moment, RequiredText, Scope, Source, Template
from stretto.definitions.rules.operators import EQUALITIES, OPERATORS
from stretto.definitions.rules.payload_paths import PayloadPath

if TYPE_CHECKING:
    from collections.abc import Callable

_SHOWN: Final = 200
"""Characters of a value that are shown."""


class NotComparable(StrettoError):
    """A criterion's operator cannot compare the value that an event has."""

    code = "not_comparable"


class Comparison:
    """A field that is compared with a pattern."""

    __slots__ = ("_operator", "_path", "_pattern", "place", "text")

    def __init__(self, path: PayloadPath, operator: str, pattern: Template, place: Place) -> None:
        self._path = path
        self._operator = operator
        self._pattern = pattern
        self.place = place
        self.text = f"{path.text} {operator}"

    def holds(self, scope: Scope, moment: Moment) -> bool:
        """Return whether the operator holds. Raises `NotComparable` or `ExpressionError`."""
        return self.holds_for(scope.resolve(self._path.base), scope, moment)

    def holds_for(self, base: Any, scope: Scope, moment: Moment) -> bool:
        """Return whether the operator holds for the field below a value."""
        found = None if base is ABSENT else self._path.first(base)
        pattern = self._pattern.evaluate(scope, moment)
        return compare(self._operator, None if found is ABSENT else found, pattern, moment.at)

    def found(self, scope: Scope) -> str:
        """Return the value that the event has."""
        base = scope.resolve(self._path.base)
        found = None if base is ABSENT else self._path.first(base)
        return repr(None if found is ABSENT else found)[:_SHOWN]

    def required(self) -> RequiredText | None:
        """Return the text that the field must have, if it must equal one."""
        names, pattern = self._path.names, self._pattern
        if self._operator not in EQUALITIES or names is None or not isinstance(pattern, Constant):
            return None
        return RequiredText(names, pattern.value) if isinstance(pattern.value, str) else None

    def expressions(self) -> tuple[Source, ...]:
        """Return the expressions of the pattern."""
        return tuple(self._pattern.expressions())


class Search:
    """A list whose members are compared with patterns: StackStorm's operator `search`."""

    __slots__ = ("_condition", "_path", "_patterns", "place", "text")

    def __init__(self, path: PayloadPath, condition: str, patterns: tuple[Comparison, ...], place: Place) -> None:
        self._path = path
        self._condition = condition
        self._patterns = patterns
        self.place = place
        self.text = f"{path.text} search {condition}"

    def holds(self, scope: Scope, moment: Moment) -> bool:
        """Return whether the members meet the patterns. Raises as `Comparison.holds`."""
        base = scope.resolve(self._path.base)
        found = ABSENT if base is ABSENT else self._path.first(base)
        members = [found] if isinstance(found, FrozenDict) else found
        if not isinstance(members, list | FrozenList):
            raise NotComparable(f"{self._path.text} must be a list or an object")
        of_members = any if self._condition in {"any", "any2any"} else all
        of_patterns = any if self._condition in {"all2any", "any2any"} else all
        return of_members(
            of_patterns(_meets(each, member, scope, moment) for each in self._patterns) for member in members
        )

    def found(self, scope: Scope) -> str:
        """Return the value that the event has."""
        base = scope.resolve(self._path.base)
        found = None if base is ABSENT else self._path.first(base)
        return repr(None if found is ABSENT else found)[:_SHOWN]

    def required(self) -> RequiredText | None:
        """Return None: it compares the members of a list."""
        return None

    def expressions(self) -> tuple[Source, ...]:
        """Return the expressions of all patterns."""
        return tuple(each for pattern in self._patterns for each in pattern.expressions())


def compare(operator: str, value: Any, pattern: Any, now: float) -> bool:
    """Return whether an operator holds. Raises `NotComparable`."""
    decide: Callable[[Any, Any, float], bool] = OPERATORS[operator]
    try:
        return decide(value, pattern, now)
    except (TypeError, ValueError, OverflowError) as error:
        raise NotComparable(f"{operator} cannot compare them: {error}") from None


def _meets(pattern: Comparison, member: Any, scope: Scope, moment: Moment) -> bool:
    """Return whether a member of a list meets a pattern. One that cannot be compared does not."""
    try:
        return pattern.holds_for(member, scope, moment)
    except NotComparable:
        return False
