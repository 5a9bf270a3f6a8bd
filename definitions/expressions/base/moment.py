"""The time, randomness and budget of expressions, which come from the current event, so that a replay agrees."""

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any, Protocol

from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.budget import Budget
from stretto.definitions.expressions.base.guarding import Source
from stretto.definitions.expressions.base.limits import DEFAULT_LIMITS, ExpressionLimits


class Keys(Protocol):
    """The key-value store as the expressions of an event read it."""

    def find(self, place: str, at: float, event: object) -> Any:
        """Return a key, which is the same during one event."""


class Moment:
    """The time of an event's evaluations, the seed of their `uuid()` and `random()`, and their budget.

    Their calls are counted over all expressions of a moment, so that each returns another value.

    Args:
        at: The time in seconds since the epoch.
        seed: Identifies this evaluation within all runs: the run's id and the event's number, and for an item's input
            also the task, visit and index.
        limits: The run's limits on expressions.
        keys: The keys that the expressions of this event read. None in an item's input, which has a snapshot's.

    Attributes:
        sources: The sources of secrets that the current expression has read, or None.
    """

    __slots__ = (
        "_budget",
        "_calls",
        "_first",
        "_limits",
        "_paid_bytes",
        "_paid_units",
        "at",
        "keys",
        "seed",
        "sources",
    )

    def __init__(
        self, at: float, *seed: str | int, limits: ExpressionLimits = DEFAULT_LIMITS, keys: Keys | None = None
    ) -> None:
        self.at = at
        self.seed = seed
        self.keys = keys
        self._calls = 0
        self.sources: list[Source] | None = None
        self._limits = limits
        # One evaluation needs no budget: its own limit is lower.
        self._first: Fuel | None = None
        self._budget: Budget | None = None
        # The cost of plain evaluations before the first one that had a fuel.
        self._paid_units = self._paid_bytes = 0

    @property
    def budget(self) -> Budget:
        """The budget of all expressions of this moment, made on demand."""
        budget = self._budget
        if budget is None:
            budget = self._budget = Budget(self._limits, self._first)
            if self._paid_units:
                budget.pays(self._paid_units, self._paid_bytes)
        return budget

    def spent(self) -> int:
        """Return the units of work of all expressions so far."""
        return self._paid_units if self._budget is None and self._first is None else self.budget.spent()

    def fuel(self) -> Fuel:
        """Return the fuel of the next evaluation."""
        if self._first is None and self._budget is None and not self._paid_units:
            self._first = fuel = Fuel(self._limits)
            return fuel
        return self.budget.fuel()

    def pays(self, units: int, size: int) -> bool:
        """Pay for an evaluation whose cost is known, as it would have paid with a fuel of its own.

        Args:
            units: Its units of work.
            size: Its bytes.

        Returns:
            False, and nothing is paid, if it needs more than it may use.
        """
        if self._first is None and self._budget is None:
            units_paid, bytes_paid, limits = self._paid_units + units, self._paid_bytes + size, self._limits
            # All of them together are less than one evaluation may use, so no sum needs to be looked at.
            if units_paid <= limits.max_cost and bytes_paid <= limits.max_bytes:
                self._paid_units, self._paid_bytes = units_paid, bytes_paid
                return True
        return self.budget.pays(units, size)

    def note(self, source: Source) -> None:
        """Record that the current expression has read a secret."""
        if self.sources is None:
            self.sources = []
        self.sources.append(source)

    def learn(self, value: Any) -> None:
        """End an expression: its secret sources learn its value."""
        sources, self.sources = self.sources or (), None
        read = list({id(source): source for source in sources}.values())
        for source in read:
            source.learn(value, read)

    def now(self) -> str:
        """Return the time as RFC 3339 in UTC, with microseconds."""
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def uuid(self) -> str:
        """Return the next id of this moment as a version 4 UUID."""
        return str(uuid.UUID(bytes=self._drawn(16), version=4))

    def random(self) -> float:
        """Return the next number of this moment, at least 0 and less than 1."""
        return (int.from_bytes(self._drawn(8)) >> 11) / 2**53

    def _drawn(self, size: int) -> bytes:
        """Return the next bytes, which are the same in each replay."""
        self._calls += 1
        seed = "/".join(map(str, (*self.seed, self._calls)))
        return hashlib.blake2b(seed.encode(), digest_size=size).digest()
