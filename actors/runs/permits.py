"""Who may have how many items in flight: the engine-wide bound, shared out fairly between runs.

    supervisor --take, give_back, request--> PermitPool: at once, on the supervisor's thread, whatever others do
    supervisor --SharePermits--> engine --share_out--> Grant, Reclaim, to be told: while anybody waits for permits

With a thousand runs that want permits, noting what one of them wants or gives back costs the same as with one; what
sharing out costs is paid once for all that has been noted.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec


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


class PermitPool:
    """The permits of an engine, for its supervisors on any thread, and for the engine itself.

    Permits that are free and that nobody waits for are taken without a message. Where somebody waits, the engine shares
    out: what then returns True wants it to be told `SharePermits`, unless that is on its way.
    """

    def __init__(self, total: int) -> None:
        """Hand out `total` permits, at least 1."""
        self._ledger = PermitLedger(total)
        self._lock = threading.Lock()
        self._asked = False

    @property
    def free(self) -> int:
        """Permits that nobody holds."""
        with self._lock:
            return self._ledger.free

    def take(self, run_id: str, count: int) -> int:
        """Take up to `count` permits beyond those held; return how many. While anybody waits, it is none."""
        with self._lock:
            return self._ledger.take(run_id, count)

    def request(self, run_id: str, count: int) -> bool:
        """Wait for `count` permits beyond those held; 0: wait no more."""
        with self._lock:
            self._ledger.request(run_id, count)
            return self._ask()

    def give_back(self, run_id: str, count: int) -> bool:
        """Take permits back from a run."""
        with self._lock:
            self._ledger.give_back(run_id, count)
            return self._ask()

    def forget(self, run_id: str) -> bool:
        """Take everything back from a run that has ended, now and again if need be."""
        with self._lock:
            self._ledger.forget(run_id)
            return self._ask()

    def share_out(self) -> list[Grant | Reclaim]:
        """Share out, for the engine."""
        with self._lock:
            self._asked = False
            return self._ledger.share_out()

    def _ask(self) -> bool:
        asks = self._ledger.waited_for and not self._asked
        self._asked = self._asked or asks
        return asks


class PermitLedger:
    """Permits held and wanted, by run. Waiting runs are served round robin, and none can keep the others out.

    `request`, `give_back` and `forget` note, `share_out` acts on what has been noted.
    """

    def __init__(self, total: int) -> None:
        """Share out `total` permits, at least 1."""
        self.total = total
        self._held: dict[str, int] = {}
        self._out = 0
        # Who waits, in the order of the line, for how many; and those of them that hold none.
        self._wanted: dict[str, int] = {}
        self._starving: dict[str, None] = {}
        self._reclaimed: dict[str, int] = {}
        self._owed = 0

    @property
    def free(self) -> int:
        """Permits that nobody holds."""
        return self.total - self._out

    def held(self, run_id: str) -> int:
        """Permits that a run holds."""
        return self._held.get(run_id, 0)

    @property
    def waited_for(self) -> bool:
        """Whether any run waits for permits."""
        return bool(self._wanted)

    def take(self, run_id: str, count: int) -> int:
        """Let a run have up to `count` more permits, if any are free and nobody waits for them; return how many."""
        taken = 0 if self._wanted else min(count, self.free)
        if taken:
            self._hold(run_id, self.held(run_id) + taken)
        return taken

    def request(self, run_id: str, count: int) -> None:
        """Note that a run wants `count` permits beyond those it holds; a later request replaces an earlier one."""
        self._want(run_id, count)

    def give_back(self, run_id: str, count: int) -> None:
        """Take permits back from a run."""
        left = max(self.held(run_id) - count, 0)
        self._hold(run_id, left)
        self._reclaim_no_more_than(run_id, min(self._reclaimed.get(run_id, 0) - count, left))

    def forget(self, run_id: str) -> None:
        """Take everything back from a run that has ended."""
        self._want(run_id, 0)
        self._hold(run_id, 0)
        self._reclaim_no_more_than(run_id, 0)

    def share_out(self) -> list[Grant | Reclaim]:
        """Give away what is free, and ask back what those hold too much of whom others wait for."""
        if not self._wanted:
            return []
        fair = max(self.total // (len(self._held) + len(self._starving)), 1)
        changes: list[Grant | Reclaim] = [Grant(run_id, count) for run_id, count in self._grant_all(fair).items()]
        if self._wanted:
            changes += self._reclaim(fair)
        return changes

    # ---- what is noted: each of these changes one thing, with what is counted of it

    def _want(self, run_id: str, count: int) -> None:
        if count > 0:
            self._wanted[run_id] = count
            if run_id not in self._held:
                self._starving[run_id] = None
        else:
            self._wanted.pop(run_id, None)
            self._starving.pop(run_id, None)

    def _hold(self, run_id: str, count: int) -> None:
        self._out += count - self._held.pop(run_id, 0)
        if count > 0:
            self._held[run_id] = count
            self._starving.pop(run_id, None)
        elif run_id in self._wanted:
            self._starving[run_id] = None

    def _reclaim_no_more_than(self, run_id: str, count: int) -> None:
        self._owed -= self._reclaimed.pop(run_id, 0)
        if count > 0:
            self._reclaimed[run_id] = count
            self._owed += count

    # ---- sharing out

    def _grant_all(self, fair: int) -> dict[str, int]:
        """Grant what is free: first to everybody up to the fair share, in the order of the line, then what is left."""
        granted: dict[str, int] = {}
        for run_id in list(self._starving) if self.free else ():
            if not self.free:
                break
            self._grant(run_id, fair, granted)
        for run_id in list(self._wanted) if self.free and fair > 1 else ():
            if not self.free:
                break
            self._grant(run_id, fair - self.held(run_id), granted)
        while self._wanted and self.free:
            portion = max(self.free // len(self._wanted), 1)
            for run_id in list(self._wanted):
                if not self.free:
                    break
                self._grant(run_id, portion, granted)
        return granted

    def _grant(self, run_id: str, most: int, granted: dict[str, int]) -> None:
        count = min(most, self._wanted[run_id], self.free)
        if count > 0:
            granted[run_id] = granted.get(run_id, 0) + count
            self._hold(run_id, self.held(run_id) + count)
            # Whoever has been served goes to the end of the line.
            self._want(run_id, self._wanted.pop(run_id) - count)

    def _reclaim(self, fair: int) -> Iterator[Reclaim]:
        """Ask those above their fair share for what those below it wait for."""
        if fair == 1:
            missing = len(self._starving)
        else:
            missing = sum(min(wanted, max(fair - self.held(run), 0)) for run, wanted in self._wanted.items())
        missing -= self._owed
        if missing <= 0:
            return
        # With more runs than permits, nobody is above the fair share of one: then turns are taken.
        for floor in (1, 0) if fair == 1 else (fair,):
            for run_id in sorted(self._held, key=lambda each: -self._held[each]):
                owed = self._reclaimed.get(run_id, 0)
                count = min(missing, self._held[run_id] - owed - floor)
                if count > 0:
                    missing -= count
                    self._reclaimed[run_id] = owed + count
                    self._owed += count
                    yield Reclaim(run_id, count)


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
