"""Conditions made of conditions, for the legacy forms: what a definition wrote in two places, or left unsaid."""

from collections.abc import Iterator

from stretto.definitions.errors import Place
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import Scope
from stretto.definitions.expressions.templates import Source, Template


class AllOf:
    """True when every condition is; evaluated in order, as far as needed."""

    __slots__ = ("_conditions", "place")

    def __init__(self, conditions: tuple[Template, ...], place: Place) -> None:
        self._conditions = conditions
        self.place = place

    def evaluate(self, scope: Scope, moment: Moment) -> bool:
        """Return whether all are true; raise `ExpressionError`."""
        return all(condition.evaluate(scope, moment) for condition in self._conditions)

    def expressions(self) -> Iterator[Source]:
        """Yield the expressions of all conditions."""
        for condition in self._conditions:
            yield from condition.expressions()


class NoneOf:
    """True when no condition is."""

    __slots__ = ("_conditions", "place")

    def __init__(self, conditions: tuple[Template, ...], place: Place) -> None:
        self._conditions = conditions
        self.place = place

    def evaluate(self, scope: Scope, moment: Moment) -> bool:
        """Return whether all are false; raise `ExpressionError`."""
        return not any(condition.evaluate(scope, moment) for condition in self._conditions)

    def expressions(self) -> Iterator[Source]:
        """Yield none: each condition is told where it stands."""
        return iter(())
