"""The limits on expressions that a run is accepted with, and the budget that all expressions of one event share.

A run keeps its limits for life, whatever the settings are later. So a replay ends up in the same state.

    ExpressionLimits --> Moment --> Budget of one event --> Fuel of each evaluation
"""

from typing import Final

import msgspec

FIRST_MAX_COST: Final = 5_000_000
"""The units of work of one evaluation by default: about half a second. Stored runs depend on it: it never changes."""
FIRST_MAX_BYTES: Final = 64 * 1024 * 1024
"""The bytes of new texts and containers of one evaluation by default. It never changes, either."""
LEAST_MAX_COST: Final = 10_000
LEAST_MAX_BYTES: Final = 65_536
"""The lowest limits that can be set. Below them, definitions without any costly expression would fail."""
MOST: Final = 2**50
"""The highest limit that can be set. Its multiples still fit in a column of a database."""
UNLIMITED: Final = 2**63
EVENT_FACTOR: Final = 2
"""An event's budget in limits of one evaluation: about a second of work by default."""
ITEM_UNITS: Final = 2_000
ITEM_BYTES: Final = 2_048
"""The addition to an event's budget for each item whose input it renders, if it renders those of all items."""
PORTION_UNITS: Final = 500_000
"""The units after which rendering pauses, so that other runs get their turns: about 50 ms.

The outcome of a run does not depend on it.
"""
RENDERED_ITEM_UNITS: Final = 20
"""The units that each item counts towards a portion besides its expressions."""


class ExpressionLimits(msgspec.Struct, frozen=True):
    """The limits on the expressions of a run.

    Attributes:
        max_cost: The units of work of one evaluation. A unit is about 0.1 us.
        max_bytes: The bytes of new texts, lists and objects of one evaluation.
        event_factor: How many times the limits all expressions of one event may use together. None is no bound.
    """

    max_cost: int = FIRST_MAX_COST
    max_bytes: int = FIRST_MAX_BYTES
    event_factor: int | None = EVENT_FACTOR

    def event_total(self, of_evaluation: int) -> int:
        """Return the event's budget for a limit of one evaluation."""
        return UNLIMITED if self.event_factor is None else self.event_factor * of_evaluation


DEFAULT_LIMITS: Final = ExpressionLimits()
UNRECORDED_LIMITS: Final = ExpressionLimits(event_factor=None)
"""The limits of runs that were accepted before limits were recorded. Their events had no budget."""
