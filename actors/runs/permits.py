"""Permits: the engine-wide limit on items in flight, shared out fairly between runs.

    supervisor --take, release, request--> PermitPool     at once, on the supervisor's thread
    supervisor --SharePermits--> engine --share_out--> Grant, Reclaim     while a run waits for permits

A request or a release costs the same with a thousand waiting runs as with one. The cost of sharing out is paid once for
all changes since the last time.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import chain

import msgspec

from stretto.actors.runs.weighted_shares import NO_WEIGHTS, Turns


@dataclass(frozen=True, slots=True)
class Grant:
    """The run may start `count` more items."""

    run_id: str
    count: int


@dataclass(frozen=True, slots=True)
class Reclaim:
    """The run has to return `count` permits as its items end, because other runs wait."""

    run_id: str
    count: int


class PermitPool:
    """The permits of an engine, for supervisors on any thread and for the engine itself.

    Free permits are taken without a message unless a run waits for them. While a run waits, the engine shares them out:
    a method that returns True asks its caller to send `SharePermits` to the engine.

    Attributes:
        asked: Whether `share_out` has something to do.
    """

    def __init__(self, total: int, pool: str = "here") -> None:
        """Create `total` permits of a pool."""
        self.pool = pool
        self._ledger = PermitLedger(total)
        self._lock = threading.Lock()
        self.asked = False

    @property
    def free(self) -> int:
        """The number of permits that no run holds."""
        with self._lock:
            return self._ledger.free

    def use_weights(self, weights: Mapping[str, int]) -> None:
        """Share out by the weights of runs. Called before the first run."""
        self._ledger.use_weights(weights)

    def resize(self, total: int) -> bool:
        """Change the number of permits. If they are fewer, runs return the surplus as items end."""
        with self._lock:
            self._ledger.total = total
            return self._ask()

    def take(self, run_id: str, count: int) -> int:
        """Take up to `count` more permits, and return their number. It is 0 while a run waits for permits."""
        with self._lock:
            return self._ledger.take(run_id, count)

    def request(self, run_id: str, count: int) -> bool:
        """Request `count` more permits, or withdraw the request with 0."""
        with self._lock:
            self._ledger.request(run_id, count)
            return self._ask()

    def release(self, run_id: str, count: int) -> bool:
        """Return `count` permits of a run."""
        with self._lock:
            self._ledger.release(run_id, count)
            return self._ask()

    def forget(self, run_id: str) -> bool:
        """Return all permits of an ended run. Calling it again does nothing."""
        with self._lock:
            return self._ledger.forget(run_id) and self._ask()

    def share_out(self) -> list[Grant | Reclaim]:
        """Return the changes for the engine to send."""
        if not self.asked:
            return []  # a change that comes now asks for another call
        with self._lock:
            self.asked = False
            return self._ledger.share_out()

    def _ask(self) -> bool:
        asks = self._ledger.waited_for and not self.asked
        self.asked = self.asked or asks
        return asks


class PermitLedger:
    """The permits that runs hold and want. Waiting runs are served round robin, or by weight if one is not normal.

    `request`, `release` and `forget` only record changes, and `share_out` acts on them.
    """

    def __init__(self, total: int) -> None:
        """Create `total` permits. A pool without workers has none."""
        self.total = total
        self._held: dict[str, int] = {}
        self._out = 0
        # The runs that wait, in their order, with the number of permits; and those of them that hold none.
        self._wanted: dict[str, int] = {}
        self._starving: dict[str, None] = {}
        self._reclaimed: dict[str, int] = {}
        self._reclaimed_total = 0
        self._turns = Turns(NO_WEIGHTS)

    def use_weights(self, weights: Mapping[str, int]) -> None:
        """Share out by the weights of runs. Called before the first run."""
        self._turns = Turns(weights)

    @property
    def free(self) -> int:
        """The number of permits that no run holds. It is 0 if there are fewer permits than runs hold."""
        return max(self.total - self._out, 0)

    def held(self, run_id: str) -> int:
        """Return the number of permits that a run holds."""
        return self._held.get(run_id, 0)

    @property
    def in_use(self) -> int:
        """The number of permits that runs hold."""
        return self._out

    @property
    def wanted(self) -> int:
        """The number of permits that runs wait for."""
        return sum(self._wanted.values())

    def holders(self) -> tuple[str, ...]:
        """Return the runs that hold permits."""
        return tuple(self._held)

    def is_waiting(self, run_id: str) -> bool:
        """Return whether a run waits for permits."""
        return run_id in self._wanted

    @property
    def waited_for(self) -> bool:
        """Whether any run waits for permits."""
        return bool(self._wanted)

    def take(self, run_id: str, count: int) -> int:
        """Take up to `count` free permits, and return their number. It is 0 while a run waits for permits."""
        taken = 0 if self._wanted else min(count, max(self.total - self._out, 0))
        if taken:
            # As `_hold`, in a call less for each start: no run waits, so none starves.
            self._held[run_id] = self._held.pop(run_id, 0) + taken
            self._out += taken
        return taken

    def request(self, run_id: str, count: int) -> None:
        """Request `count` more permits. A later request replaces an earlier one."""
        self._want(run_id, count)

    def release(self, run_id: str, count: int) -> None:
        """Return `count` permits of a run."""
        left = max(self.held(run_id) - count, 0)
        self._hold(run_id, left)
        self._reclaim_no_more_than(run_id, min(self._reclaimed.get(run_id, 0) - count, left))

    def forget(self, run_id: str) -> bool:
        """Return all permits of an ended run. Return whether others wait for permits, if it had any or waited."""
        held = self._held.pop(run_id, 0)
        if self._turns.finish:  # a call less for each run
            self._turns.forget(run_id)
        if not held and run_id not in self._wanted:
            return False
        self._out -= held
        if self._wanted:
            self._want(run_id, 0)
        if run_id in self._reclaimed:
            self._reclaim_no_more_than(run_id, 0)
        return bool(self._wanted)

    def share_out(self) -> list[Grant | Reclaim]:
        """Grant free permits to waiting runs, and reclaim permits from runs that hold too many."""
        if not self._wanted:
            return []
        if self._turns.weights:
            return self._share_out_by_weight()
        fair = max(self.total // (len(self._held) + len(self._starving)), 1)
        changes: list[Grant | Reclaim] = [Grant(run_id, count) for run_id, count in self._grant_all(fair).items()]
        if self._wanted:
            changes += self._reclaim(fair)
        return changes

    def _share_out_by_weight(self) -> list[Grant | Reclaim]:
        fair = self._turns.shares(self.total, chain(self._held, self._starving))
        granted: dict[str, int] = {}
        if sum(fair.values()) <= self.total:
            for run_id in list(self._wanted):
                self._grant(run_id, fair[run_id] - self.held(run_id), granted)
        waiting = [(self._turns.start(run_id), number, run_id) for number, run_id in enumerate(self._wanted)]
        heapify(waiting)
        while self.free and waiting:
            _, number, run_id = heappop(waiting)
            self._grant(run_id, 1, granted)
            if run_id in self._wanted:
                heappush(waiting, (self._turns.start(run_id), number + len(self._wanted), run_id))
        changes: list[Grant | Reclaim] = [Grant(run_id, count) for run_id, count in granted.items()]
        return [*changes, *self._reclaim_by_weight(fair)] if self._wanted else changes

    def _reclaim_by_weight(self, fair: Mapping[str, int]) -> Iterator[Reclaim]:
        """Reclaim permits from runs above their fair share. If the shares are too many, all take turns."""
        missing = sum(min(wanted, max(fair[run] - self.held(run), 0)) for run, wanted in self._wanted.items())
        missing -= self._reclaimed_total
        holders = sorted(self._held, key=lambda each: -self._held[each] / self._turns.weight(each))
        for floors in (fair, NO_WEIGHTS) if sum(fair.values()) > self.total else (fair,):
            for run_id in holders:
                pending = self._reclaimed.get(run_id, 0)
                count = min(missing, self._held[run_id] - pending - floors.get(run_id, 0))
                if count > 0:
                    missing -= count
                    self._reclaim_no_more_than(run_id, pending + count)
                    yield Reclaim(run_id, count)

    def to_reclaim(self, most: int) -> int:
        """Return how many permits have to be reclaimed so that runs keep at most so many."""
        return max(self._out - self._reclaimed_total - most, 0)

    def reclaim(self, most: int) -> Iterator[Reclaim]:
        """Reclaim permits so that runs keep at most so many, first from those that hold the most."""
        missing = self.to_reclaim(most)
        for run_id in sorted(self._held, key=lambda each: -self._held[each]):
            pending = self._reclaimed.get(run_id, 0)
            count = min(missing, self._held[run_id] - pending)
            if count > 0:
                missing -= count
                self._reclaim_no_more_than(run_id, pending + count)
                yield Reclaim(run_id, count)

    # ---- records: each method changes one of them, with the counts that depend on it

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
        self._reclaimed_total -= self._reclaimed.pop(run_id, 0)
        if count > 0:
            self._reclaimed[run_id] = count
            self._reclaimed_total += count

    # ---- sharing out

    def _grant_all(self, fair: int) -> dict[str, int]:
        """Grant free permits: first up to the fair share in the order of waiting, then the rest."""
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
            if self._turns.weights:
                self._turns.served(run_id, count)
            granted[run_id] = granted.get(run_id, 0) + count
            self._hold(run_id, self.held(run_id) + count)
            # A run that was served goes to the end of the queue.
            self._want(run_id, self._wanted.pop(run_id) - count)

    def _reclaim(self, fair: int) -> Iterator[Reclaim]:
        """Reclaim permits from runs above their fair share."""
        if fair == 1:
            missing = len(self._starving)
        else:
            missing = sum(min(wanted, max(fair - self.held(run), 0)) for run, wanted in self._wanted.items())
        missing -= self._reclaimed_total
        if missing <= 0:
            return
        # With more runs than permits, no run is above the fair share of one: then they take turns.
        for floor in (1, 0) if fair == 1 else (fair,):
            for run_id in sorted(self._held, key=lambda each: -self._held[each]):
                pending = self._reclaimed.get(run_id, 0)
                count = min(missing, self._held[run_id] - pending - floor)
                if count > 0:
                    missing -= count
                    self._reclaimed[run_id] = pending + count
                    self._reclaimed_total += count
                    yield Reclaim(run_id, count)


class PermitUpdate(msgspec.Struct, frozen=True):
    """The permits to return, and the number to request, or None if the last request stands."""

    returned: int
    requested: int | None


UNCHANGED = PermitUpdate(0, None)


class RunPermits:
    """The permits of one run: held, requested and reclaimed."""

    __slots__ = ("_held", "_requested", "_to_return")

    def __init__(self) -> None:
        self._held = 0
        self._requested = 0
        self._to_return = 0

    @property
    def usable(self) -> int:
        """The number of items that may be in flight."""
        return self._held - self._to_return

    @property
    def requested(self) -> int:
        """The number of permits that were requested and not granted yet."""
        return self._requested

    def granted(self, count: int) -> None:
        """Add permits that the pool or the engine has granted."""
        self._held += count
        self._requested = max(self._requested - count, 0)

    def reclaimed(self, count: int) -> None:
        """Return `count` permits as items end."""
        # Not more than the run still holds: it may have returned some meanwhile.
        self._to_return = min(self._to_return + count, self._held)

    def reconcile(self, in_flight: int, waiting: int) -> PermitUpdate:
        """Compare the permits with the items. Return the change that is due."""
        wanted = in_flight + waiting
        # The usual case: all permits are in use, and the last request still fits.
        if not self._to_return and in_flight == self._held and self._requested // 2 < waiting <= self._requested:
            return UNCHANGED
        unneeded = max(self._held - wanted, 0)
        spare = self._held - in_flight
        returned = max(min(max(self._to_return, unneeded), spare), 0)
        self._held -= returned
        self._to_return = max(self._to_return - returned, 0)
        missing = max(wanted - self._held, 0)
        # A slightly smaller need is not worth a message: surplus permits come back later.
        changed = missing > self._requested or missing <= self._requested // 2 < self._requested
        if changed:
            self._requested = missing
        return PermitUpdate(returned, missing if changed else None)
