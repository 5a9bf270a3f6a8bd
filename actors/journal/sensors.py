"""Which engine of a store runs each sensor: the protocols that claim sensors and read that."""

from collections.abc import Collection
from typing import Protocol


class SensorReader(Protocol):
    """Reads sensors. Thread-safe. Every method may raise StoreUnavailable."""

    def owner(self, ref: str) -> int | None:
        """Return the number of the engine that runs a sensor, or None."""


class SensorClaims(Protocol):
    """Claims sensors, on the writer's thread."""

    def claim(self, refs: Collection[str]) -> frozenset[str]:
        """Claim the sensors that no engine runs, in one transaction, and give up those that are not named.

        Args:
            refs: The sensors that this engine can run.

        Returns:
            Those among them that are this engine's.

        Raises:
            StoreUnavailable: The store cannot be written now; the call can be repeated.
            StoreLost: Another process has taken over the store.
        """
