"""The budget that all expressions of one event share, so that no event keeps a dispatcher busy for long."""

from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.limits import ITEM_BYTES, ITEM_UNITS, ExpressionLimits


class Budget:
    """The units of work and bytes that are left to the expressions of one event.

    Evaluations follow one another. The use of each is subtracted when the next one begins, so an evaluation must have
    one fuel for everything that it does.
    """

    __slots__ = ("_bytes_left", "_cost_left", "_cost_spent", "_last", "_limits")

    def __init__(self, limits: ExpressionLimits, last: Fuel | None = None) -> None:
        """Take the run's limits, and the fuel of the evaluation that came before the budget was needed."""
        self._limits = limits
        self._cost_spent = 0
        self._cost_left = limits.event_total(limits.max_cost)
        self._bytes_left = limits.event_total(limits.max_bytes)
        self._last = last

    def fuel(self) -> Fuel:
        """Return the fuel of the next evaluation."""
        self._settle()
        self._last = Fuel(self._limits, self._cost_left, self._bytes_left)
        return self._last

    def add_items(self, count: int) -> None:
        """Allow for the rendered inputs of `count` items."""
        self._cost_left += count * ITEM_UNITS
        self._bytes_left += count * ITEM_BYTES

    def spent(self) -> int:
        """Return the units of work that the event's expressions have used so far."""
        self._settle()
        return self._cost_spent

    def _settle(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            cost, size = last.spent()
            self._cost_left -= cost
            self._cost_spent += cost
            self._bytes_left -= size
