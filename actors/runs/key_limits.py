"""The permits of keys: how many items with a common key may be in flight, in all engines of a store together.

    supervisor --request, release--> KeyPool --its need has changed--> the store --KeyShare--> KeyPool --> engine: Grant

Alone, an engine has all permits of a key. Several engines have those that the store gives each of them: nothing starts
with others. A pool of a key is there while a run of this engine uses the key.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from stretto.actors.journal import KeyNeed, KeyShare
from stretto.actors.runs.permits import Grant, PermitLedger, Reclaim
from stretto.actors.runs.weighted_shares import NO_WEIGHTS

KEY_PREFIX: Final = "key "
"""How the name of a key's pool begins, followed by the key. The name of a pool of workers has no space."""


class KeyUse(NamedTuple):
    """Who has the permits of a key, for people.

    Attributes:
        limit: How many there are.
        runs: The runs of this engine that have some.
        others: The other engines that have some, each with their number, as of the last answer of the store.
        fair: How many this engine keeps as items end, because other engines wait. None if none waits.
    """

    limit: int
    runs: tuple[str, ...]
    others: tuple[tuple[int, int], ...]
    fair: int | None


class KeyPool:
    """The permits of one key in this engine. Thread-safe.

    Attributes:
        pool: Its name in messages.
        runs: The runs that use it.
    """

    def __init__(
        self, key: str, limit: int, asks: Callable[["KeyPool"], object], share: Callable[[str], None] | None
    ) -> None:
        """Create the permits.

        Args:
            key: The key.
            limit: How many there are in all engines together.
            asks: Called when `share_out` has something to do.
            share: Called when the needs of the key have changed. None for an engine that is alone.
        """
        self.pool = KEY_PREFIX + key
        self.runs: set[str] = set()
        self._key = key
        self._limit = limit
        self._asks = asks
        self._asked = False
        self._share = share
        self._ledger = PermitLedger(limit if share is None else 0)
        self._lock = threading.Lock()
        self._fair: int | None = None
        self._others: tuple[tuple[int, int], ...] = ()

    def use_weights(self, weights: Mapping[str, int]) -> None:
        """Share out by the weights of runs. Called before the first run."""
        self._ledger.use_weights(weights)

    def use_limit(self, limit: int) -> None:
        """Use the limit of the item that came last."""
        with self._lock:
            self._limit = limit
            if self._share is None:
                self._ledger.total = limit

    def take(self, run_id: str, count: int) -> int:
        """Take up to `count` more permits, and return their number; see `PermitPool.take`."""
        with self._lock:
            return self._ledger.take(run_id, count)

    def request(self, run_id: str, count: int) -> bool:
        """Request `count` more permits, or withdraw the request with 0. Return whether to share out."""
        with self._lock:
            self._ledger.request(run_id, count)
            return self._changed()

    def release(self, run_id: str, count: int) -> bool:
        """Return `count` permits of a run. Return whether to share out."""
        with self._lock:
            self._ledger.release(run_id, count)
            return self._changed(returned=self._give_others_theirs(count))

    def forget(self, run_id: str) -> bool:
        """Return all permits of a run. Return whether to share out."""
        with self._lock:
            held = self._ledger.held(run_id)
            self._ledger.forget(run_id)
            return self._changed(returned=self._give_others_theirs(held))

    def share_out(self) -> list[Grant | Reclaim]:
        """Return the changes for the engine to send."""
        with self._lock:
            self._asked = False
            changes = self._ledger.share_out()
            if self._fair is not None:
                changes += self._ledger.reclaim(self._fair)
            return changes

    def need(self) -> KeyNeed:
        """Return what this engine needs. Nothing more is given out until `settle`."""
        with self._lock:
            self._ledger.total = self._ledger.in_use
            return KeyNeed(self._key, self._limit, self._ledger.in_use, self._ledger.wanted)

    def settle(self, share: KeyShare) -> bool:
        """Give out the permits that the store has given to this engine. Return whether to share out."""
        with self._lock:
            self._ledger.total, self._fair, self._others = share.held, share.fair, share.others
            return self._changed(is_answer=True)

    def use(self) -> KeyUse:
        """Return who has the permits."""
        with self._lock:
            return KeyUse(self._limit, self._ledger.holders(), self._others, self._fair)

    def figures(self) -> tuple[int, int]:
        """Return how many permits are in use here, and how many are wanted."""
        with self._lock:
            return self._ledger.in_use, self._ledger.wanted

    def is_unused_by(self, run_id: str) -> bool:
        """Return whether a run has no permit, wants none, and none is on its way to the run."""
        with self._lock:
            return not self._ledger.held(run_id) and not self._ledger.is_waiting(run_id)

    @property
    def is_waited_for(self) -> bool:
        """Whether items of this engine wait for permits."""
        with self._lock:
            return self._ledger.waited_for

    def _give_others_theirs(self, released: int) -> bool:
        """Give up what was released above the fair share, if other engines wait. Return whether there was any.

        Permits that the store has just given to this engine stay here, also if they are not in use yet.
        """
        total = self._ledger.total
        if self._fair is not None:
            self._ledger.total -= max(min(released, total - max(self._ledger.in_use, self._fair)), 0)
        return self._ledger.total < total

    def _changed(self, *, returned: bool = False, is_answer: bool = False) -> bool:
        """Let the store share out the permits if needed. Return whether this engine has some to share out.

        Args:
            returned: Whether this engine has returned some to the others.
            is_answer: Whether the store has just answered. If it had too few, others notify this engine of more.
        """
        wanted, free = self._ledger.wanted, self._ledger.free
        if self._share is not None and (returned or free > wanted or (wanted > free and not is_answer)):
            self._share(self._key)
        reclaims = self._fair is not None and self._ledger.to_reclaim(self._fair) > 0
        asks = (self._ledger.waited_for or reclaims) and not self._asked
        if asks:
            self._asked = True
            self._asks(self)
        return asks


class KeyLimits:
    """The permits of all keys that runs of an engine use. Implements `journal.limits.KeyUser`. Thread-safe.

    Attributes:
        asking: The pools that the engine has to share out.
        keys: The keys of the runs that use some.
        weights: The weights of runs that are not normal. Set before the first run.
    """

    def __init__(self) -> None:
        """Create no key. The engine is alone until `connect`."""
        self._pools: dict[str, KeyPool] = {}
        self.keys: dict[str, set[str]] = {}
        self._lock = threading.Lock()
        self.asking: deque[KeyPool] = deque()
        self.weights: Mapping[str, int] = NO_WEIGHTS
        self._share: Callable[[Iterable[str]], None] | None = None
        self._wake: Callable[[], object] | None = None

    def connect(self, share: Callable[[Iterable[str]], None], wake: Callable[[], object]) -> None:
        """Share permits with other engines from now on. Called before the first run.

        Args:
            share: Lets the store share out the permits of keys.
            wake: Lets the engine call `share_out`.
        """
        self._share, self._wake = share, wake

    def join(self, run_id: str, key: str, limit: int) -> KeyPool:
        """Return the permits of a key for a run that uses them until `leave` or `forget`."""
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                share = self._share
                pool = KeyPool(key, limit, self.asking.append, None if share is None else lambda key: share((key,)))
                pool.use_weights(self.weights)
                self._pools[key] = pool
            pool.runs.add(run_id)
            self.keys.setdefault(run_id, set()).add(key)
        pool.use_limit(limit)
        return pool

    def leave(self, run_id: str, key: str) -> None:
        """Note that a run, which has no permit of a key, does not use the key any more."""
        with self._lock:
            self.keys.get(run_id, set()).discard(key)
            pool = self._pools.get(key)
            if pool is None:
                return
            pool.runs.discard(run_id)
            if pool.runs:
                return
            del self._pools[key]
        if self._share is not None:
            self._share((key,))

    def forget(self, run_id: str) -> bool:
        """Return all permits of a run. Return whether the engine has to share some out."""
        with self._lock:
            pools = [self._pools[key] for key in self.keys.pop(run_id, ()) if key in self._pools]
        asks = [pool.forget(run_id) for pool in pools]
        for pool in pools:
            self.leave(run_id, pool.pool.removeprefix(KEY_PREFIX))
        return any(asks)

    def use(self, key: str) -> KeyUse:
        """Return who has the permits of a key."""
        with self._lock:
            pool = self._pools.get(key)
        return KeyUse(0, (), (), None) if pool is None else pool.use()

    def figures(self) -> tuple[int, int]:
        """Return how many permits items have, and how many items wait for one."""
        with self._lock:
            figures = [pool.figures() for pool in self._pools.values()]
        return sum(each[0] for each in figures), sum(each[1] for each in figures)

    def share_out(self) -> Iterator[tuple[str, list[Grant | Reclaim]]]:
        """Yield the names of pools, and the changes for the engine to send."""
        while self.asking:
            pool = self.asking.popleft()
            yield pool.pool, pool.share_out()

    # ---- called by the thread that asks the store

    def needs(self, keys: Iterable[str]) -> list[KeyNeed]:
        """Return what is needed of keys; see `KeyUser.needs`. A key that no run uses needs nothing."""
        with self._lock:
            pools = [(key, self._pools.get(key)) for key in keys]
            return [KeyNeed(key, 1, 0, 0) if pool is None else pool.need() for key, pool in pools]

    def settle(self, shares: Iterable[KeyShare]) -> None:
        """Give out the permits that the store has given; see `KeyUser.settle`."""
        asks = False
        for share in shares:
            with self._lock:
                pool = self._pools.get(share.key)
            if pool is not None:
                asks = pool.settle(share) or asks
        if asks and self._wake is not None:
            self._wake()

    def waiting(self) -> list[str]:
        """Return the keys for whose permits items wait; see `KeyUser.waiting`."""
        with self._lock:
            return [key for key, pool in self._pools.items() if pool.is_waited_for]
