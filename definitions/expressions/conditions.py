"""Combined conditions for the legacy forms."""

from collections.abc import Iterator
from typing import Any

from stretto.definitions.errors import Place
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import Scope
from stretto.definitions.expressions.compiled import Quick, never_quick
from stretto.definitions.expressions.templates import Source, Template


class AllOf:
    """True if all conditions are true. Evaluation is in order and stops at the first false one."""

    __slots__ = ("_conditions", "place")
    quick: Quick[Any] = staticmethod(never_quick)

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
    """True if no condition is true."""

    __slots__ = ("_conditions", "place")
    quick: Quick[Any] = staticmethod(never_quick)

    def __init__(self, conditions: tuple[Template, ...], place: Place) -> None:
        self._conditions = conditions
        self.place = place

    def evaluate(self, scope: Scope, moment: Moment) -> bool:
        """Return whether all are false; raise `ExpressionError`."""
        return not any(condition.evaluate(scope, moment) for condition in self._conditions)

    def expressions(self) -> Iterator[Source]:
        """Yield nothing, because each condition is reported at its own transition."""
        return iter(())
