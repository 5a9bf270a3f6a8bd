"""The rates of keys: how many items with a common key may start in a time, in all engines of a store together.

    supervisor --wait--> RatePool --PermitsGranted at the next time--> supervisor --take--> RatePool
                         RatePool --no time is left--> the store --RatePortion--> RatePool

An item takes its time in the turn in which it starts. Runs that wait for a key take turns. Alone, an engine has all
times of a key. Several engines have those that the store gives each of them.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Final, NamedTuple

from stretto.actors.dispatch import Recipient, Timers
from stretto.actors.journal import MAX_LEAD_SECONDS, RateNeed, RatePortion, portion_of
from stretto.actors.runs.messages import PermitsGranted
from stretto.actors.runs.rate_slots import OwnSlots, PortionSlots
from stretto.actors.runs.weighted_shares import NO_WEIGHTS
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.model import NORMAL_WEIGHT, RateLimit

MAX_RATE_KEYS: Final = 100_000
"""Keys of rates that an engine remembers: those of its runs, and if it is alone those whose next time is to come."""
RATE_PREFIX: Final = "rate "
"""How the name of a key's rate begins in a `PermitsGranted`, followed by the key; see `KEY_PREFIX`."""
_SWEEP_AT: Final = 1024


class RateUse(NamedTuple):
    """The state of a rate, for people.

    Attributes:
        limit: How many items start in `per` seconds.
        per: The seconds.
        seconds: After how many seconds the next item of the run may start. None while the store is asked.
    """

    limit: int
    per: float
    seconds: float | None


class _Waiter(NamedTuple):
    items: int
    inbox: Recipient


class RateClock(NamedTuple):
    """How pools know the time, wait for another one, and get more.

    Attributes:
        now: The clock of all times.
        timers: Sends reminders.
        ask: Called with a key of which the store has to give times.
        weights: The weights of runs that are not normal.
    """

    now: Callable[[], float]
    timers: Timers
    ask: Callable[[str], None]
    weights: Mapping[str, int]


class RatePool:
    """The times of one key in this engine. Thread-safe.

    Attributes:
        key: The key.
        runs: The runs that use it.
        slots: The times.
    """

    def __init__(self, key: str, rate: RateLimit, slots: OwnSlots | PortionSlots, clock: RateClock) -> None:
        """Create the times.

        Args:
            key: The key.
            rate: The rate.
            slots: Its times.
            clock: Tells the time, and gets more.
        """
        self.key = key
        self.runs: set[str] = set()
        self.slots = slots
        self._rate = rate
        self._now, self._timers, self._ask, self._weights = clock
        self._asked = False
        self._lead = 0.0
        self._waiting: dict[str, _Waiter] = {}
        """The runs that wait, the next one first."""
        self._turn_left = 0
        self._reminder: tuple[str, float, int] | None = None
        """Which run is reminded, when, and the key of the reminder."""
        self._lock = threading.Lock()

    def use_rate(self, rate: RateLimit) -> None:
        """Use the rate of the item that came last."""
        with self._lock:
            self._rate = rate
            self.slots.interval, self.slots.burst = rate.interval, rate.burst

    def usable(self, run_id: str) -> int:
        """Return how many items of a run may start now. It is 0 unless it is the run's turn."""
        with self._lock:
            if self._waiting and next(iter(self._waiting)) != run_id:
                return 0
            return self._of_turn(self.slots.usable(self._now()))

    def take(self, run_id: str) -> bool:
        """Use a time for an item of a run that starts now. Return False if it may not start."""
        with self._lock:
            if self._waiting and next(iter(self._waiting)) != run_id:
                return False
            now = self._now()
            usable = self.slots.usable(now)
            if not usable:
                return False
            if self._waiting:
                self._turn_left = (self._turn_left or self._new_turn(usable)) - 1
                if not self._turn_left:
                    self._waiting[run_id] = self._waiting.pop(run_id)  # to the end of the queue
            self.slots.take(now)
            return True

    def wait(self, run_id: str, count: int, inbox: Recipient) -> None:
        """Let a run wait for the times of `count` items, or no more with 0. It keeps its place in the queue."""
        with self._lock:
            if count:
                self._waiting[run_id] = _Waiter(count, inbox)
                self._remind()
            else:
                self._remove(run_id)

    def rang(self) -> None:
        """Note that the reminder has come. `wait` follows, at the latest at the end of the turn."""
        with self._lock:
            self._reminder = None

    def forget(self, run_id: str) -> None:
        """Let a run wait no more: it has ended."""
        with self._lock:
            self._remove(run_id)

    def use(self, run_id: str) -> RateUse:
        """Return the state for people."""
        with self._lock:
            now = self._now()
            opens_at = self.slots.opens_at(now)
            before = list(self._waiting).index(run_id) if run_id in self._waiting else 0
            seconds = None if opens_at == inf else opens_at - now + before * self.slots.interval
            return RateUse(self._rate.limit, self._rate.per, seconds)

    @property
    def items_waiting(self) -> int:
        """How many items wait."""
        with self._lock:
            return sum(each.items for each in self._waiting.values())

    # ---- called by the thread that asks the store

    def need(self) -> RateNeed:
        """Return the times that are needed. None is needed while some are left."""
        with self._lock:
            wanted = sum(each.items for each in self._waiting.values())
            if not wanted or self.slots.opens_at(self._now()) < inf:
                self._asked = False
                return RateNeed(self.key, self.slots.interval, 0)
            return RateNeed(self.key, self.slots.interval, portion_of(wanted, self.slots.interval), self._lead)

    def settle(self, portion: RatePortion) -> None:
        """Use the times that the store has given."""
        with self._lock:
            self._asked = False
            if isinstance(self.slots, PortionSlots):
                self.slots.fill(portion, self._now())
                # The next one begins so much later that it comes in time, however far the store is.
                self._lead = min(max(2 * self.slots.late, self._lead / 2), MAX_LEAD_SECONDS)
            self._remind()

    # ---- under the lock

    def _of_turn(self, usable: int) -> int:
        """Return how many of the usable times the next run has before it is the turn of another one."""
        if not self._waiting:
            return usable
        return min(usable, self._turn_left or self._new_turn(usable))

    def _new_turn(self, usable: int) -> int:
        """Return how many items the first run starts before it is the turn of another one."""
        length = -(-usable // len(self._waiting))
        if not self._weights:
            return length
        weights = [self._weights.get(run_id, NORMAL_WEIGHT) for run_id in self._waiting]
        return max(length, weights[0] // min(weights))

    def _remove(self, run_id: str) -> None:
        if run_id in self._waiting:
            if next(iter(self._waiting)) == run_id:
                self._turn_left = 0
            del self._waiting[run_id]
            self._remind()

    def _remind(self) -> None:
        """Remind the first run that waits of the next time, or ask the store for more."""
        first = next(iter(self._waiting), None)
        now = self._now()
        opens_at = inf if first is None else self.slots.opens_at(now)
        if first is not None and opens_at == inf and not self._asked:
            self._asked = True
            self._ask(self.key)
        if self._reminder is not None:
            run_id, at, reminder = self._reminder
            if run_id == first and at <= opens_at < inf:
                return  # it comes, and then this is called again
            self._timers.forget(reminder)
            self._reminder = None
        if first is not None and opens_at < inf:
            inbox = self._waiting[first].inbox
            reminder = self._timers.remind_after(opens_at - now, inbox, PermitsGranted(1, RATE_PREFIX + self.key))
            self._reminder = (first, opens_at, reminder)


class RateLimits:
    """The rates of all keys that runs of an engine use. Implements `journal.rates.RateUser`. Thread-safe.

    Attributes:
        keys: The keys of the runs that use some.
    """

    def __init__(self, timers: Timers, weights: Mapping[str, int] = NO_WEIGHTS) -> None:
        """Create no key. The engine is alone until `connect`."""
        self._timers = timers
        self._weights = weights
        self._now = timers.monotonic
        self._ask: Callable[[Iterable[str]], None] | None = None
        self._pools: dict[str, RatePool] = {}
        self.keys: dict[str, set[str]] = {}
        self._later: dict[str, float] = {}
        """The next times of keys that no run uses, if this engine is alone."""
        self._sweep_at = _SWEEP_AT
        self._unused: dict[str, tuple[float, float]] = {}
        """The times that the store gave to this engine, and which it does not use."""
        self._lock = threading.Lock()

    def connect(self, ask: Callable[[Iterable[str]], None], now: Callable[[], float]) -> None:
        """Share times with other engines from now on. Called before the first run.

        Args:
            ask: Lets the store give the times of keys.
            now: The clock of the store's server, which may be set back.
        """
        self._ask, self._now = ask, now

    def join(self, run_id: str, key: str, rate: RateLimit) -> RatePool:
        """Return the times of a key for a run that uses them until `leave` or `forget`.

        Raises:
            LimitExceeded: There are too many keys.
        """
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                pool = self._pools[key] = self._new_pool(key, rate)
            pool.runs.add(run_id)
            self.keys.setdefault(run_id, set()).add(key)
        pool.use_rate(rate)
        return pool

    def leave(self, run_id: str, key: str) -> None:
        """Note that a run, of which no item waits for a key, does not use the key any more."""
        with self._lock:
            self.keys.get(run_id, set()).discard(key)
            pool = self._pools.get(key)
            if pool is None:
                return
            pool.forget(run_id)
            pool.runs.discard(run_id)
            if pool.runs:
                return
            del self._pools[key]
            slots = pool.slots
            if isinstance(slots, OwnSlots):
                if slots.next_at > self._now():
                    self._later[key] = slots.next_at
                return
            unused = slots.unused()
            if unused is not None:
                self._unused[key] = unused
        if unused is not None:
            self._ask_for(key)

    def forget(self, run_id: str) -> None:
        """Note that a run has ended."""
        with self._lock:
            keys = self.keys.pop(run_id, ())
        for key in tuple(keys):
            self.leave(run_id, key)

    def items_waiting(self) -> int:
        """Return how many items wait for the time of their key."""
        with self._lock:
            pools = list(self._pools.values())
        return sum(pool.items_waiting for pool in pools)

    def _new_pool(self, key: str, rate: RateLimit) -> RatePool:
        if len(self._later) > self._sweep_at or len(self._pools) + len(self._later) >= MAX_RATE_KEYS:
            now = self._now()
            self._later = {each: at for each, at in self._later.items() if at > now}
            self._sweep_at = max(2 * len(self._later), _SWEEP_AT)
        if len(self._pools) + len(self._later) >= MAX_RATE_KEYS:
            raise LimitExceeded(f"{MAX_RATE_KEYS:,} keys of rates are in use, no more may be (MAX_RATE_KEYS)")
        slots: OwnSlots | PortionSlots
        if self._ask is None:
            slots = OwnSlots(rate.interval, rate.burst, self._later.pop(key, -inf))
        else:
            slots = PortionSlots(rate.interval, rate.burst)
        return RatePool(key, rate, slots, RateClock(self._now, self._timers, self._ask_for, self._weights))

    def _ask_for(self, key: str) -> None:
        if self._ask is not None:
            self._ask((key,))

    # ---- called by the thread that asks the store

    def needs(self, keys: Iterable[str]) -> list[RateNeed]:
        """Return the times that are needed of keys, or returned; see `RateUser.needs`."""
        with self._lock:
            asked = [(key, self._pools.get(key), self._unused.pop(key, None)) for key in keys]
        needs = []
        for key, pool, unused in asked:
            need = RateNeed(key, 1.0, 0) if pool is None else pool.need()
            needs.append(need._replace(unused=unused))
        return needs

    def settle(self, portions: Iterable[RatePortion]) -> None:
        """Use the times that the store has given; see `RateUser.settle`."""
        for portion in portions:
            with self._lock:
                pool = self._pools.get(portion.key)
                if pool is None:
                    self._unused[portion.key] = (portion.first_at, portion.end)
            if pool is not None:
                pool.settle(portion)
            else:
                self._ask_for(portion.key)
