"""The permits that a run holds of the engine-wide bound on items in flight, as its supervisor accounts for them."""

import msgspec


class Settled(msgspec.Struct, frozen=True):
    """What to tell the engine: so many permits come back, so many are wanted beyond those held (None: as told)."""

    returned: int
    requested: int | None


AS_TOLD = Settled(0, None)


class RunPermits:
    """Counts permits held, asked for, and asked back."""

    __slots__ = ("_held", "_requested", "_to_return")

    def __init__(self) -> None:
        self._held = 0
        self._requested = 0
        self._to_return = 0

    @property
    def usable(self) -> int:
        """How many items may be in flight."""
        return self._held - self._to_return

    @property
    def requested(self) -> int:
        """How many permits the engine has been asked for and has not granted."""
        return self._requested

    def granted(self, count: int) -> None:
        """The engine gives so many."""
        self._held += count
        self._requested = max(self._requested - count, 0)

    def asked_back(self, count: int) -> None:
        """The engine wants so many back as items end."""
        # What it has given back by itself meanwhile is not asked for twice.
        self._to_return = min(self._to_return + count, self._held)

    def settle(self, in_flight: int, waiting: int) -> Settled:
        """Give back what is asked for or not needed, and ask for what is missing."""
        wanted = in_flight + waiting
        # A run that goes on with what it has, while it waits for more, is what most turns find.
        if not self._to_return and in_flight == self._held and self._requested // 2 < waiting <= self._requested:
            return AS_TOLD
        unneeded = max(self._held - wanted, 0)
        spare = self._held - in_flight
        returned = max(min(max(self._to_return, unneeded), spare), 0)
        self._held -= returned
        self._to_return = max(self._to_return - returned, 0)
        missing = max(wanted - self._held, 0)
        # A little less than was asked for is not worth a message: what is granted beyond it comes back.
        changed = missing > self._requested or missing <= self._requested // 2 < self._requested
        if changed:
            self._requested = missing
        return Settled(returned, missing if changed else None)
