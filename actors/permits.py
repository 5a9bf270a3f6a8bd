"""Who may have how many items in flight: the engine-wide bound, shared out fairly between runs.

Pure bookkeeping; the engine turns what it says into messages. What is free is computed from what is held, never
counted up and down.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grant:
    """`run_id` may start `count` more items."""

    run_id: str
    count: int


@dataclass(frozen=True, slots=True)
class Reclaim:
    """`run_id` is to give back `count` permits as its items end, for others to have their turn."""

    run_id: str
    count: int


class PermitLedger:
    """Permits held and wanted, by run. Waiting runs are served round robin, and none can keep the others out."""

    def __init__(self, total: int) -> None:
        """Share out `total` permits, at least 1."""
        self.total = total
        self._held: dict[str, int] = {}
        self._wanted: dict[str, int] = {}
        self._reclaimed: dict[str, int] = {}

    @property
    def free(self) -> int:
        """Permits that nobody holds."""
        return self.total - sum(self._held.values())

    def held(self, run_id: str) -> int:
        """Permits that a run holds."""
        return self._held.get(run_id, 0)

    def request(self, run_id: str, count: int) -> list[Grant | Reclaim]:
        """Note that a run wants `count` permits beyond those it holds; a later request replaces an earlier one."""
        if count > 0:
            self._wanted[run_id] = count
        else:
            self._wanted.pop(run_id, None)
        return list(self._share_out())

    def give_back(self, run_id: str, count: int) -> list[Grant | Reclaim]:
        """Take permits back from a run."""
        left = self._held.get(run_id, 0) - count
        if left > 0:
            self._held[run_id] = left
        else:
            self._held.pop(run_id, None)
        owed = self._reclaimed.pop(run_id, 0) - count
        if owed > 0 and left > 0:
            self._reclaimed[run_id] = min(owed, left)
        return list(self._share_out())

    def forget(self, run_id: str) -> list[Grant | Reclaim]:
        """Take everything back from a run that has ended."""
        for table in (self._held, self._wanted, self._reclaimed):
            table.pop(run_id, None)
        return list(self._share_out())

    def _share_out(self) -> Iterator[Grant | Reclaim]:
        if not self._wanted:
            return
        granted: dict[str, int] = {}
        fair = self._fair_share()
        free = self.free
        # First everybody up to the fair share, in the order of the line, then whatever is left.
        for run_id in list(self._wanted) if free else ():
            free -= self._grant(run_id, min(fair - self.held(run_id), free), granted)
        while self._wanted and free:
            portion = max(free // len(self._wanted), 1)
            for run_id in list(self._wanted):
                free -= self._grant(run_id, min(portion, free), granted)
        for run_id, count in granted.items():
            yield Grant(run_id, count)
        if self._wanted:
            yield from self._reclaim(fair)

    def _fair_share(self) -> int:
        return max(self.total // len(self._held.keys() | self._wanted.keys()), 1)

    def _grant(self, run_id: str, most: int, granted: dict[str, int]) -> int:
        count = max(min(most, self._wanted[run_id]), 0)
        if count:
            granted[run_id] = granted.get(run_id, 0) + count
            self._held[run_id] = self.held(run_id) + count
            # Whoever has been served goes to the end of the line.
            left = self._wanted.pop(run_id) - count
            if left:
                self._wanted[run_id] = left
        return count

    def _reclaim(self, fair: int) -> Iterator[Reclaim]:
        """Ask those above their fair share for what those below it wait for."""
        missing = sum(min(wanted, max(fair - self.held(run), 0)) for run, wanted in self._wanted.items())
        missing -= sum(self._reclaimed.values())
        if missing <= 0:
            return
        # With more runs than permits, nobody is above the fair share of one: then turns are taken.
        for floor in (1, 0) if fair == 1 else (fair,):
            for run_id in sorted(self._held, key=lambda each: -self._held[each]):
                spare = self._held[run_id] - self._reclaimed.get(run_id, 0) - floor
                count = min(missing, spare)
                if count > 0:
                    missing -= count
                    self._reclaimed[run_id] = self._reclaimed.get(run_id, 0) + count
                    yield Reclaim(run_id, count)
