"""Decides what a pool sends to which worker, and what the worker's messages mean. It has no thread, clock or wire.

    add, cancel, received, gone, tick  -->  Scheduler  -->  send(worker, message), and the ends of calls

A call waits, is sent, begins and ends. Each sending has a new number, so an end of an earlier sending is recognized and
dropped. When a worker is lost, its calls wait again, except those that must not be sent twice.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, count
from typing import Final, Protocol

from stretto.actors.pools.batching import BATCHES_IN_FLIGHT, Durations
from stretto.actors.pools.calls import PooledCall
from stretto.actors.pools.ending import report_ends
from stretto.actors.pools.held import HeldCalls, count_waiting
from stretto.actors.pools.messages import (
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
    Output,
    Stop,
    ToPool,
    ToWorker,
    ValueMissing,
    Values,
    Welcome,
)
from stretto.actors.pools.picking import BatchPicker, joined
from stretto.actors.pools.travelling import batch_message, finished_of
from stretto.actors.pools.values import texts_of
from stretto.actors.pools.workers import MISSED_BEATS, Worker
from stretto.actors.runners import Finished
from stretto.definitions.model import Resources

MAX_LOSSES: Final = 3
"""A call during which so many workers were lost has failed: it may be what ends them."""
NO_RESOURCES: Final = Resources()


class Notes(Protocol):
    """Takes what metrics count."""

    def sent(self, arrivals: Sequence[float]) -> None:
        """Note a batch: when each of its calls has come into the pool."""

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
        self.held = HeldCalls()
        self._engine = engine
        self._welcome = welcome
        self._send = send
        self._notes = notes
        self._numbers = count(1)
        self._durations = Durations()
        self._picker = BatchPicker(self.workers, self.waiting, self.held, self._durations, offers)

    # ---- what the pool shows

    @property
    def slots(self) -> int:
        """How many calls all workers run at a time."""
        return sum(each.joined.slots for each in list(self.workers.values()) if not each.draining)

    @property
    def capacity(self) -> int:
        """How many calls the workers can have: two batches each, of the recent calls' duration."""
        return self._picker.capacity

    @property
    def in_flight(self) -> int:
        """How many calls are at workers."""
        return self._picker.in_flight

    @property
    def waits(self) -> int:
        """How many calls wait."""
        return len(self.waiting) + len(self.held)

    def waiting_of(self, run_id: str) -> dict[str, int]:
        """Return how many calls of a run wait, by the ref of an action that no worker has, or "" if one has it."""
        return dict(count_waiting(run_id, tuple(self.waiting), self.held, tuple(self.workers.values())))

    # ---- calls

    def add(self, calls: Iterable[PooledCall]) -> None:
        """Let calls wait for a worker."""
        self.waiting.extend(calls)

    def cancel(self, pooled: PooledCall) -> None:
        """End a call that waits, or stop it at its worker."""
        if pooled.ended:
            return
        pooled.cancelled = True
        if pooled.batch is None:
            if not self.held.remove(pooled):
                self.waiting.remove(pooled)
            self._end(pooled, Finished("cancelled", None, "the call was cancelled", "cancelled"))
        else:
            self._send(pooled.batch.worker, Stop((pooled.sending,)))

    def withdraw(self, pooled: PooledCall) -> None:
        """End a call that waits. One at a worker continues."""
        if pooled.batch is None:
            self.cancel(pooled)

    def cancel_all(self, reason: str) -> None:
        """End all calls because the pool stops. Those at workers are not stopped: the workers end, too."""
        pending = [self.waiting, self.held.clear(), *(each.in_flight.values() for each in self.workers.values())]
        for pooled in chain.from_iterable(pending):
            self._end(pooled, Finished("cancelled", None, reason, "cancelled"))
        self.waiting.clear()
        for worker in self.workers.values():
            worker.in_flight.clear()

    # ---- messages

    def received(self, worker_id: str, message: ToPool, now: float) -> None:
        """Handle a message of a worker."""
        worker = self.workers.get(worker_id)
        if isinstance(message, Joined):
            if worker is None:
                worker = self.workers[worker_id] = Worker(worker_id, message, now, self._welcome.cache_bytes)
                self._send(worker_id, self._welcome)
                self.waiting.extendleft(reversed(self.held.take(worker)))
        elif worker is not None:
            worker.last_heard = now
            self._handle(worker, message, now)

    def heard(self, worker_id: str, now: float) -> None:
        """Take note that a worker is alive, though its message has not come as a whole."""
        worker = self.workers.get(worker_id)
        if worker is not None:
            worker.last_heard = now

    def _handle(self, worker: Worker, message: ToPool, now: float) -> None:
        if isinstance(message, Beat):
            self._send(worker.id, Acknowledged())
        elif isinstance(message, Leaving):
            self.gone(worker.id, "left")
        elif isinstance(message, ValueMissing):
            self._send_missing(worker, frozenset(message.digests))
        elif isinstance(message, Begun | Output | Logged | Ended):
            self._of_calls(worker, message, now)

    def _of_calls(self, worker: Worker, message: Begun | Output | Logged | Ended, now: float) -> None:
        if message.engine != self._engine:
            # A number of an earlier engine means another call.
            for _ in message.ends if isinstance(message, Ended) else ():
                self._notes.late()
        elif isinstance(message, Ended):
            self._ended(worker, message.ends, now)
        else:
            _note_progress(worker, message, now)

    def _ended(self, worker: Worker, ends: tuple[End, ...], now: float) -> None:
        """Report the ends of a message. Durations are noted once for all of one action: a call less for each."""
        ref, seconds, calls = "", 0.0, 0
        ended: list[tuple[PooledCall, Finished]] = []
        for pooled, end in zip(worker.take([each.number for each in ends]), ends, strict=True):
            if pooled is None:
                self._notes.late()
                continue
            if end.status == "succeeded":
                if pooled.call.ref != ref:
                    self._note_durations(ref, seconds, calls)
                    ref, seconds, calls = pooled.call.ref, 0.0, 0
                seconds += end.seconds
                calls += 1
            if end.printed:
                pooled.prints(end.printed, end.cut)
            if pooled.began is None:
                pooled.begins(now - end.seconds)
            ended.append((pooled, finished_of(end)))
        report_ends(ended)
        self._note_durations(ref, seconds, calls)
        if not worker.in_flight:
            worker.suspect = False

    def _note_durations(self, ref: str, seconds: float, calls: int) -> None:
        if calls:
            self._durations.add(ref, seconds / calls, calls)

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
        report_ends([(pooled, finished)])

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
            pooled.batch, pooled.sending = None, 0
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

    def is_worth_sending(self, new: int, seconds: float) -> bool:
        """Return whether calls that wait should be sent before others have come.

        They should if they are the full share of a batch, or keep a worker busy for some time that has none.

        Args:
            new: How many calls have come that were not added yet.
            seconds: The time. Calls that are over sooner had better travel with those that follow.
        """
        ready = [each for each in self.workers.values() if each.has_room]
        waiting, mean = new + len(self.waiting), self._durations.recent
        if not ready or not waiting:
            return False
        if waiting * BATCHES_IN_FLIGHT * len(self.workers) >= waiting + self.in_flight:
            return True
        return any(not each.in_flight for each in ready) and (mean is None or waiting * mean >= seconds)

    def dispatch(self) -> None:
        """Send waiting calls to workers that have room: a batch to each, the least busy ones first, then a second."""
        ready = list(self.workers.values())
        batches: dict[Worker, list[list[PooledCall]]] = {}
        while self.waiting and ready:
            ready = [each for each in ready if each.has_room]
            ready.sort(key=lambda each: len(each.in_flight))
            ready = [each for each in ready if self._takes_batch(each, batches)]
        for worker, picked in batches.items():
            for batch in joined(picked):
                self._send_batch(worker, batch)

    def _takes_batch(self, worker: Worker, batches: dict[Worker, list[list[PooledCall]]]) -> bool:
        """Pick a batch for a worker, or return False if no waiting call is for it now."""
        batch = self._picker.next_batch(worker) if self.waiting else []
        if batch:
            worker.take_in(batch, self._numbers)
            batches.setdefault(worker, []).append(batch)
        return bool(batch)

    def _send_batch(self, worker: Worker, batch: list[PooledCall]) -> None:
        message = batch_message(batch, worker.values)
        values = message.values
        self._notes.sent([each.arrived for each in batch])
        self._notes.put(len(values))
        try:
            self._send(worker.id, message)
        except InvalidMessage as error:  # the input of a single call: several together have at most `MAX_BATCH_BYTES`
            worker.values.forget(digest for digest, _ in values)
            worker.take([each.sending for each in batch])
            for pooled in batch:
                text = f"the input is too large for a worker: {error}"
                self._end(pooled, Finished("failed", None, text, "not_data"))


def _note_progress(worker: Worker, message: Begun | Output | Logged, now: float) -> None:
    """Hand what a worker says of running calls to those that are still there."""
    calls = worker.in_flight
    if isinstance(message, Begun):
        for number in message.numbers:
            if number in calls:
                calls[number].begins(now)
    elif isinstance(message, Output):
        for output in message.outputs:
            if output.number in calls:
                calls[output.number].writes(output)
    else:
        for record in message.records:
            if record.number in calls:
                calls[record.number].logs(record.level, record.logger, record.text)
