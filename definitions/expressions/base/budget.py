"""The budget that all expressions of one event share, so that no event keeps a dispatcher busy for long.

An event that renders the inputs of many items may take longer than a turn. It pauses between items, so it has three
bounds: on its evaluations except for those of items, on those of each item, and on all of them together.

    fuel                                   an evaluation of the event
    pays                                   an evaluation whose cost is known before it is made
    begin_item, fuel, fuel, end_item       the evaluations of one item
    portion_is_used, begin_portion         where to pause
"""

from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.limits import (
    ITEM_BYTES,
    ITEM_UNITS,
    PORTION_UNITS,
    RENDERED_ITEM_UNITS,
    ExpressionLimits,
)


class _Share:
    """The rest of the units, or of the bytes.

    Attributes:
        left: The amount that the next evaluation may use.
        for_items: The amount that items use up before they use what all evaluations share.
    """

    __slots__ = ("_allowed", "_shared", "_total", "for_items", "left")

    def __init__(self, total: int) -> None:
        self.left = self._total = total
        self.for_items = self._shared = self._allowed = 0

    def begin_item(self) -> None:
        """Let the next evaluations use what is left to items, but no more than an event has."""
        self._shared = self.left
        self.left = self._allowed = min(self._shared + self.for_items, self._total)

    def end_item(self) -> None:
        """Let the next evaluations use what is left to the event."""
        used = self._allowed - self.left
        self.left = self._shared - max(used - self.for_items, 0)
        self.for_items = max(self.for_items - used, 0)


class Budget:
    """The units of work and bytes that are left to the expressions of one event.

    Evaluations follow one another. The use of each is subtracted when the next one begins, so an evaluation must have
    one fuel for everything that it does.
    """

    __slots__ = ("_bytes", "_last", "_limits", "_portion_began", "_spent", "_units")

    def __init__(self, limits: ExpressionLimits, last: Fuel | None = None) -> None:
        """Take the run's limits, and the fuel of the evaluation that came before the budget was needed."""
        self._limits = limits
        self._units = _Share(limits.event_total(limits.max_cost))
        self._bytes = _Share(limits.event_total(limits.max_bytes))
        self._spent = self._portion_began = 0
        self._last = last

    def fuel(self) -> Fuel:
        """Return the fuel of the next evaluation."""
        self._settle()
        self._last = Fuel(self._limits, self._units.left, self._bytes.left)
        return self._last

    def pays(self, units: int, size: int) -> bool:
        """Pay for an evaluation that needs no fuel of its own.

        Args:
            units: Its units of work.
            size: Its bytes.

        Returns:
            False, and nothing is paid, if it needs more than its limit or than is left to the event.
        """
        self._settle()
        limits = self._limits
        if min(self._units.left, limits.max_cost) < units or min(self._bytes.left, limits.max_bytes) < size:
            return False
        self._units.left -= units
        self._bytes.left -= size
        self._spent += units
        return True

    def spent(self) -> int:
        """Return the units of work that the event's expressions have used so far."""
        self._settle()
        return self._spent

    # ---- items

    def add_items(self, count: int) -> None:
        """Allow for the rendered inputs of `count` items."""
        self._units.for_items += count * ITEM_UNITS
        self._bytes.for_items += count * ITEM_BYTES

    def begin_item(self) -> None:
        """Begin the evaluations of one item."""
        self._settle()
        self._units.begin_item()
        self._bytes.begin_item()

    def end_item(self) -> None:
        """End the evaluations of one item."""
        self._settle()
        self._units.end_item()
        self._bytes.end_item()
        self._portion_began -= RENDERED_ITEM_UNITS

    def portion_is_used(self) -> bool:
        """Return whether the evaluations since the last pause have taken about the time of a turn."""
        return self.spent() - self._portion_began >= PORTION_UNITS

    def begin_portion(self) -> None:
        """Go on after a pause."""
        self._portion_began = self.spent()

    def _settle(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            cost, size = last.spent()
            self._units.left -= cost
            self._bytes.left -= size
            self._spent += cost
