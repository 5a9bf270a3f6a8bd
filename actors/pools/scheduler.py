"""Decides what a pool sends to which worker, and what the worker's messages mean. It has no thread, clock or wire.

    add, cancel, received, gone, tick  -->  Scheduler  -->  send(worker, message), and the ends of calls

A call waits, is sent, begins and ends. Each sending has a new number, so an end of an earlier sending is recognized and
dropped. When a worker is lost, its calls wait again, except those that must not be sent twice.
"""

from collections import Counter, deque
from collections.abc import Callable
from itertools import count
from typing import Final, Protocol

from stretto.actors.pools.batching import BATCHES_IN_FLIGHT, Durations, batch_size, largest_batch
from stretto.actors.pools.calls import PooledCall
from stretto.actors.pools.messages import (
    MAX_MESSAGE_BYTES,
    Acknowledged,
    Beat,
    Begun,
    Drain,
    End,
    Ended,
    InvalidMessage,
    Joined,
    Leaving,
    Logged,
    Stop,
    ToPool,
    ToWorker,
    ValueMissing,
    Values,
    Welcome,
)
from stretto.actors.pools.travelling import batch_message, finished_of
from stretto.actors.pools.values import texts_of
from stretto.actors.pools.workers import MISSED_BEATS, Load, Worker
from stretto.actors.runners import Finished, append_printed
from stretto.definitions.model import Resources

MAX_LOSSES: Final = 3
"""A call during which so many workers were lost has failed: it may be what ends them."""
ALONE_AFTER: Final = 2
"""A call during which so many workers were lost runs alone on its worker, so that it harms no other."""
MAX_PASSED: Final = 1_000
"""How many waiting calls are looked at that a worker cannot run, before it gets what was found so far."""
NO_RESOURCES: Final = Resources()
MAX_BATCH_BYTES: Final = MAX_MESSAGE_BYTES
"""The bytes of the inputs and new values of one batch, unless a single call has more."""


class Notes(Protocol):
    """Takes what metrics count."""

    def sent(self, calls: int) -> None:
        """Note a batch."""

    def put(self, count: int) -> None:
        """Note large values that were sent."""

    def lost(self, worker: str, reason: str, calls: int) -> None:
        """Note a lost worker and the calls it had."""

    def late(self) -> None:
        """Note an end that was dropped."""


class Scheduler:
    """The waiting calls and the workers of one pool.

    Args:
        engine: The number of this engine's pool. Answers to another one are dropped.
        welcome: The answer to each worker that joins.
        send: Sends a message to a worker. It must not wait.
        notes: Takes what metrics count.
        offers: What each worker has for calls with needs.
    """

    def __init__(
        self, engine: int, welcome: Welcome, send: Callable[[str, ToWorker], None], notes: Notes,
        offers: Resources = NO_RESOURCES,
    ) -> None:  # fmt: skip
        self.workers: dict[str, Worker] = {}
        self.waiting: deque[PooledCall] = deque()
        self._engine = engine
        self._welcome = welcome
        self._send = send
        self._notes = notes
        self._offers = offers
        self._numbers = count(1)
        self._durations = Durations()
        self._where: dict[PooledCall, Worker] = {}

    # ---- what the pool shows

    @property
    def slots(self) -> int:
        """How many calls all workers run at a time."""
        return sum(each.joined.slots for each in list(self.workers.values()) if not each.draining)

    @property
    def capacity(self) -> int:
        """How many calls the workers can have: two batches each, of the recent calls' duration."""
        return sum(
            BATCHES_IN_FLIGHT * largest_batch(self._durations.recent, each.joined.slots, len(self.workers))
            for each in list(self.workers.values())
            if not each.draining
        )

    @property
    def in_flight(self) -> int:
        """How many calls are at workers."""
        return sum(len(each.in_flight) for each in list(self.workers.values()))

    def waiting_of(self, run_id: str) -> dict[str, int]:
        """Return how many calls of a run wait, by the ref of an action that no worker has, or "" if one has it."""
        workers, found = tuple(self.workers.values()), Counter[str]()
        for pooled in tuple(self.waiting):
            if pooled.call.ids.run_id == run_id:
                there = not workers or any(each.can_run(pooled.action) for each in workers)
                found["" if there else pooled.call.ref] += 1
        return found

    # ---- calls

    def add(self, pooled: PooledCall) -> None:
        """Let a call wait for a worker."""
        self.waiting.append(pooled)

    def cancel(self, pooled: PooledCall) -> None:
        """End a call that waits, or stop it at its worker."""
        if pooled.ended:
            return
        pooled.cancelled = True
        worker = self._where.get(pooled)
        if worker is None:
            self.waiting.remove(pooled)
            self._end(pooled, Finished("cancelled", None, "the call was cancelled", "cancelled"))
        else:
            self._send(worker.id, Stop((pooled.sending,)))

    def withdraw(self, pooled: PooledCall) -> None:
        """End a call that waits. One at a worker continues."""
        if pooled not in self._where:
            self.cancel(pooled)

    def cancel_all(self, reason: str) -> None:
        """End all calls because the pool stops. Those at workers are not stopped: the workers end, too."""
        for pooled in (*self.waiting, *self._where):
            self._end(pooled, Finished("cancelled", None, reason, "cancelled"))
        self.waiting.clear()
        self._where.clear()

    # ---- messages

    def received(self, worker_id: str, message: ToPool, now: float) -> None:
        """Handle a message of a worker."""
        worker = self.workers.get(worker_id)
        if isinstance(message, Joined):
            if worker is None:
                self.workers[worker_id] = Worker(worker_id, message, now, self._welcome.cache_bytes)
                self._send(worker_id, self._welcome)
        elif worker is not None:
            worker.last_heard = now
            self._handle(worker, message)

    def heard(self, worker_id: str, now: float) -> None:
        """Take note that a worker is alive, though its message has not come as a whole."""
        worker = self.workers.get(worker_id)
        if worker is not None:
            worker.last_heard = now

    def _handle(self, worker: Worker, message: ToPool) -> None:
        if isinstance(message, Beat):
            self._send(worker.id, Acknowledged())
        elif isinstance(message, Leaving):
            self.gone(worker.id, "left")
        elif isinstance(message, ValueMissing):
            self._send_missing(worker, frozenset(message.digests))
        elif isinstance(message, Begun | Logged | Ended):
            self._of_calls(worker, message)

    def _of_calls(self, worker: Worker, message: Begun | Logged | Ended) -> None:
        if message.engine != self._engine:
            # A number of an earlier engine means another call.
            for _ in message.ends if isinstance(message, Ended) else ():
                self._notes.late()
        elif isinstance(message, Ended):
            self._ended(worker, message.ends)
        elif isinstance(message, Begun):
            for number in message.numbers:
                if number in worker.in_flight:
                    worker.in_flight[number].begins()
        else:
            for record in message.records:
                if record.number in worker.in_flight:
                    worker.in_flight[record.number].logs(record.level, record.logger, record.text)

    def _ended(self, worker: Worker, ends: tuple[End, ...]) -> None:
        """Report the ends of a message. Durations are noted once for all of them: a call less for each."""
        durations: dict[str, tuple[float, int]] = {}
        for end in ends:
            pooled = worker.take(end.number)
            if pooled is None:
                self._notes.late()
                continue
            del self._where[pooled]
            if end.status == "succeeded":
                ref = pooled.call.ref
                seconds, calls = durations.get(ref, (0.0, 0))
                durations[ref] = seconds + end.seconds, calls + 1
            if end.printed:
                append_printed(pooled.printed, end.printed)
            pooled.begins()
            self._end(pooled, finished_of(end))
        for ref, (seconds, calls) in durations.items():
            self._durations.add(ref, seconds / calls, calls)
        if not worker.in_flight:
            worker.suspect = False

    def _send_missing(self, worker: Worker, digests: frozenset[bytes]) -> None:
        found: dict[bytes, bytes] = {}
        for pooled in worker.in_flight.values():
            found.update(texts_of(pooled.split.values, lambda each: each in digests and each not in found))
        self._notes.put(len(found))
        # Together they may have more than a message may have, and one by one they do not: each has been sent before.
        for each in found.items():
            self._send(worker.id, Values((each,)))

    @staticmethod
    def _end(pooled: PooledCall, finished: Finished) -> None:
        if not pooled.ended:
            pooled.ended = True
            pooled.done(finished)

    # ---- workers that go

    def gone(self, worker_id: str, reason: str) -> None:
        """Give the calls of a lost worker to others, as far as they may be sent again.

        Args:
            worker_id: The worker.
            reason: "left", "closed" (its connection ended), "silent" (it missed its beats) or "garbage" (it sent what
                is not a message).
        """
        worker = self.workers.pop(worker_id, None)
        if worker is None:
            return
        if reason != "left" or worker.in_flight:
            self._notes.lost(worker_id, reason, len(worker.in_flight))
        again: list[PooledCall] = []
        suspects = worker.may_run()
        for number, pooled in worker.in_flight.items():
            del self._where[pooled]
            pooled.sending = 0
            if pooled.cancelled:
                self._end(pooled, Finished("cancelled", None, "the call was cancelled", "cancelled"))
                continue
            if pooled.once:
                text = f"the worker {worker.joined.name} was lost ({reason}) after the start, so that it may have run"
                self._end(pooled, Finished("failed", None, text, "may_have_run"))
                continue
            pooled.losses += number in suspects
            pooled.began = None
            if pooled.losses >= MAX_LOSSES:
                text = f"{MAX_LOSSES} workers were lost while it ran, the last one {worker.joined.name} ({reason})"
                self._end(pooled, Finished("failed", None, text, "worker_lost"))
            else:
                again.append(pooled)
        self.waiting.extendleft(reversed(again))

    @property
    def silent_at(self) -> float | None:
        """When the first worker has missed its beats if it stays silent, or None without workers."""
        heard = [each.last_heard for each in self.workers.values()]
        return min(heard) + self._welcome.beat * MISSED_BEATS if heard else None

    def silent(self, now: float) -> list[str]:
        """Return the workers that have missed their beats."""
        most = self._welcome.beat * MISSED_BEATS
        return [each.id for each in self.workers.values() if now - each.last_heard >= most]

    def drain(self, worker_id: str | None) -> int:
        """Let a worker, or all of them, finish their calls and leave. Return how many were asked."""
        chosen = [each for each in self.workers.values() if worker_id in {None, each.id}]
        for worker in chosen:
            worker.draining = True
            self._send(worker.id, Drain())
        return len(chosen)

    # ---- batches

    @property
    def any_idle(self) -> bool:
        """Whether a worker that may get calls has none."""
        return any(not each.in_flight and not each.draining for each in self.workers.values())

    def dispatch(self) -> None:
        """Send waiting calls to workers that have room: a batch to each, the least busy ones first, then a second."""
        ready = list(self.workers.values())
        while self.waiting and ready:
            ready = [each for each in ready if each.has_room]
            ready.sort(key=lambda each: len(each.in_flight))
            ready = [each for each in ready if self._sends_batch(each)]

    def _sends_batch(self, worker: Worker) -> bool:
        """Send a batch to a worker, or return False if no waiting call is for it now."""
        batch = self._next_batch(worker) if self.waiting else []
        if batch:
            self._send_batch(worker, batch)
        return bool(batch)

    def _next_batch(self, worker: Worker) -> list[PooledCall]:
        """Take the calls of a batch from the waiting ones: those that the worker can run, in their order."""
        ready = sum(not each.draining for each in self.workers.values())
        batch: list[PooledCall] = []
        passed: list[PooledCall] = []
        size, load = 1, Load(worker)
        action, can_run = None, False
        while self.waiting and len(batch) < size:
            pooled = self.waiting.popleft()
            alone = pooled.losses >= ALONE_AFTER
            if pooled.action is not action:  # most calls that wait are of one task
                action, can_run = pooled.action, worker.can_run(pooled.action)
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
        self.waiting.extendleft(reversed(passed))
        return batch

    def _share(self, worker: Worker, taken: int) -> int:
        """Return a batch's share of the calls that wait now: as many as there are batches that workers can take."""
        places = sum(max(BATCHES_IN_FLIGHT - each.open_batches, 0) for each in self.workers.values() if each.has_room)
        return max(-(-(len(self.waiting) + taken) // max(places, 1)), worker.joined.slots)

    def _left(self, taken: int) -> int:
        """Return how many calls wait, or many if more follow: permits let only so many calls in at a time."""
        left, capacity = len(self.waiting) + taken, self.capacity
        return left if 4 * (left + self.in_flight) < 3 * capacity else max(left, 4 * capacity)

    def _send_batch(self, worker: Worker, batch: list[PooledCall]) -> None:
        worker.take_in(batch, self._numbers)
        for pooled in batch:
            self._where[pooled] = worker
        message = batch_message(batch, worker.values)
        values = message.values
        self._notes.sent(len(batch))
        self._notes.put(len(values))
        try:
            self._send(worker.id, message)
        except InvalidMessage as error:  # the input of a single call: several together have at most `MAX_BATCH_BYTES`
            worker.values.forget(digest for digest, _ in values)
            for pooled in batch:
                worker.take(pooled.sending)
                self._where.pop(pooled, None)
                text = f"the input is too large for a worker: {error}"
                self._end(pooled, Finished("failed", None, text, "not_data"))
