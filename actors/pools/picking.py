"""Picks the calls of a worker's next batch from those that wait."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from stretto.actors.pools.batching import BATCHES_IN_FLIGHT, Durations, batch_size, largest_batch
from stretto.actors.pools.calls import PooledCall
from stretto.actors.pools.held import HeldCalls
from stretto.actors.pools.messages import MAX_BATCH_ITEMS, MAX_MESSAGE_BYTES
from stretto.actors.pools.workers import Load, Worker
from stretto.definitions.model import Resources

ALONE_AFTER: Final = 2
"""A call during which so many workers were lost runs alone on its worker, so that it harms no other."""
MAX_PASSED: Final = 1_000
"""How many waiting calls are looked at that a worker cannot run, before it gets what was found so far."""
MAX_BATCH_BYTES: Final = MAX_MESSAGE_BYTES
"""The bytes of the inputs and new values of one batch, unless a single call has more."""


class BatchPicker:
    """Picks batches.

    Args:
        workers: The workers of the pool.
        waiting: The calls that wait, which those of a batch are taken from.
        held: Takes those that no worker can run.
        durations: How long calls take.
        offers: What each worker has for calls with needs.
    """

    def __init__(
        self, workers: Mapping[str, Worker], waiting: deque[PooledCall], held: HeldCalls, durations: Durations,
        offers: Resources,
    ) -> None:  # fmt: skip
        self._workers = workers
        self._waiting = waiting
        self._held = held
        self._durations = durations
        self._offers = offers

    @property
    def capacity(self) -> int:
        """How many calls the workers can have: two batches each, of the recent calls' duration."""
        return sum(
            BATCHES_IN_FLIGHT * largest_batch(self._durations.recent, each.joined.slots, len(self._workers))
            for each in list(self._workers.values())
            if not each.draining
        )

    @property
    def in_flight(self) -> int:
        """How many calls are at workers."""
        return sum(len(each.in_flight) for each in list(self._workers.values()))

    def next_batch(self, worker: Worker) -> list[PooledCall]:
        """Take the calls of a batch from the waiting ones: those that the worker can run, in their order."""
        ready = sum(not each.draining for each in self._workers.values())
        batch: list[PooledCall] = []
        passed: list[PooledCall] = []
        size, load = 1, Load(worker)
        action, can_run, others_can = None, False, False
        while self._waiting and len(batch) < size:
            pooled = self._waiting.popleft()
            alone = pooled.losses >= ALONE_AFTER
            if pooled.action is not action:  # most calls that wait are of one task
                action, can_run = pooled.action, worker.can_run(pooled.action)
                others_can = not can_run and any(each.can_run(action) for each in self._workers.values())
            if not can_run and not others_can:
                self._held.hold(pooled)
                continue
            if not can_run:
                passed.append(pooled)
                if len(passed) > MAX_PASSED:
                    break
                continue
            if (
                (alone and (batch or worker.in_flight))
                or not load.takes(pooled, MAX_BATCH_BYTES)
                or (pooled.needs is not None and not worker.reserve(pooled.needs, self._offers))
            ):
                # A worker takes nothing more until a call that must be alone has found an idle one. So does one that
                # needs more than is free now: small ones behind it would keep it waiting for ever.
                passed.append(pooled)
                break
            batch.append(pooled)
            if alone:
                worker.suspect = True
                break
            if len(batch) == 1:
                mean = self._durations.of(pooled.call.ref)
                left = self._left(len(passed) + 1)
                size = batch_size(mean, worker.joined.slots, left, max(ready, 1), self.in_flight)
                size = min(size, self._share(worker, len(passed) + 1))
            if not alone:
                self._take_alike(batch, size, load)
        self._waiting.extendleft(reversed(passed))
        return batch

    def _take_alike(self, batch: list[PooledCall], size: int, load: Load) -> None:
        """Take the calls that follow as long as they are like the batch's last one, and only their bytes count.

        Most batches consist of such calls, and the looks of `next_batch` at each would cost as much as its sending.
        """
        waiting, action, total = self._waiting, batch[-1].action, load.bytes
        for _ in range(min(size - len(batch), len(waiting))):
            pooled = waiting[0]
            split = pooled.split
            total += len(split.text)
            if (
                pooled.action is not action or pooled.losses or pooled.needs is not None or split.values
                or total > MAX_BATCH_BYTES
            ):  # fmt: skip
                return
            load.bytes = total
            batch.append(waiting.popleft())

    def _share(self, worker: Worker, taken: int) -> int:
        """Return a batch's share of the calls that wait now: as many as there are batches that workers can take."""
        places = sum(max(BATCHES_IN_FLIGHT - each.open_batches, 0) for each in self._workers.values() if each.has_room)
        return max(-(-(len(self._waiting) + taken) // max(places, 1)), worker.joined.slots)

    def _left(self, taken: int) -> int:
        """Return how many calls wait, or many if more follow: permits let only so many calls in at a time."""
        left, capacity = len(self._waiting) + taken, self.capacity
        return left if 4 * (left + self.in_flight) < 3 * capacity else max(left, 4 * capacity)


def joined(batches: Sequence[list[PooledCall]]) -> Iterator[list[PooledCall]]:
    """Yield the batches of one worker for a message each: a message costs as much as a hundred calls.

    Those with large values, and those that are together more than one message should have, travel by themselves: a
    message that is too large fails all of its calls.
    """
    if len(batches) == 1:
        yield batches[0]
        return
    whole: list[PooledCall] = []
    size = 0
    for batch in batches:
        splits = [each.split for each in batch]
        weight = sum([len(each.text) for each in splits])
        alone = any(each.values for each in splits)
        if whole and (alone or size + weight > MAX_BATCH_BYTES or len(whole) + len(batch) > MAX_BATCH_ITEMS):
            yield whole
            whole, size = [], 0
        if alone:
            yield batch
        else:
            whole = whole + batch if whole else batch
            size += weight
    if whole:
        yield whole
