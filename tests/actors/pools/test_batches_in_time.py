"""How long a fan-out takes with the batches that a pool makes, in virtual time: workers must neither wait nor end late.

Each worker computes one call after the other, and reports ends as `Gatherer` does: five times a second while calls
wait, and sooner if that is most of what it has. A message takes two milliseconds.
"""

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count

import pytest

from stretto.actors.pools.batching import BATCH_SECONDS
from stretto.actors.pools.gathering import BUSY_GATHER_SECONDS, GATHER_SECONDS, MAX_GATHERED
from stretto.actors.pools.messages import Perform
from tests.actors.pools.test_scheduler import Room, ended

SLOTS = 2
MESSAGE_SECONDS = 0.002


class Simulated:
    """A worker.

    Args:
        speed: How many seconds of a call's computing it does in a second.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.waiting: deque[int] = deque()
        self.running = 0
        self.ends: list[int] = []
        self.since = 0.0
        self.sent = -BUSY_GATHER_SECONDS
        self.gatherings = 0

    @property
    def must_report(self) -> bool:
        """Whether its ends are enough to be sent before their time."""
        return not self.running or len(self.ends) >= MAX_GATHERED

    def gathers(self, now: float) -> float:
        """Return for how long it gathers ends from now on."""
        return max(self.sent + BUSY_GATHER_SECONDS - now, GATHER_SECONDS) if self.waiting else GATHER_SECONDS

    def is_nearly_done(self, now: float) -> bool:
        """Return whether the ends gathered for some time are as many as the calls left."""
        return len(self.ends) >= len(self.waiting) + 1 and now - self.since >= GATHER_SECONDS


class FanOut:
    """A fan-out over workers.

    Args:
        items: How many items it has.
        seconds: How long each computes.
        speeds: The speeds of the workers.
        concurrency: How many items are in flight at most.

    Attributes:
        messages: How many were sent, there and back.
    """

    def __init__(self, items: int, seconds: float, speeds: tuple[float, ...], concurrency: int = 1_000) -> None:
        self._items, self._seconds, self._concurrency = items, seconds, concurrency
        self._room = Room()
        self._workers = {f"w-{number}": Simulated(speed) for number, speed in enumerate(speeds)}
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self._started = self._ended = 0
        self._took = 0.0
        self.messages = 0

    def seconds(self) -> float:
        """Run it. Return its seconds: the pool knows how long a call takes from earlier ones."""
        for name in self._workers:
            self._room.join(name, SLOTS)
        (known,) = self._room.make(-1)
        self._room.scheduler._durations.add(known.call.ref, SLOTS * self._seconds, 1_000)
        self._start_items(0.0)
        while self._events:
            now, _, event = heapq.heappop(self._events)
            event(now)
        assert self._ended == self._items
        return self._took

    def _at(self, when: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), event))

    def _start_items(self, now: float) -> None:
        most = min(self._concurrency, self._room.scheduler.capacity) - (self._started - self._ended)
        more = min(most, self._items - self._started)
        self._room.add(*range(self._started, self._started + more))
        self._started += max(more, 0)
        for name, message in self._room.sent:
            if isinstance(message, Perform):
                self._send(now, name, [each.number for each in message.sendings])
        self._room.sent.clear()

    def _send(self, now: float, name: str, numbers: list[int]) -> None:
        self.messages += 1
        self._at(now + MESSAGE_SECONDS, lambda then: self._arrive(then, name, numbers))

    def _arrive(self, now: float, name: str, numbers: list[int]) -> None:
        self._workers[name].waiting += numbers
        self._compute(now, name)

    def _compute(self, now: float, name: str) -> None:
        worker = self._workers[name]
        if worker.running or not worker.waiting:
            return
        worker.running = worker.waiting.popleft()
        if not worker.ends:
            worker.since = now
            gathering = worker.gatherings
            self._at(now + worker.gathers(now), lambda then: self._report(then, name, gathering))
        self._at(now + self._seconds / worker.speed, lambda then: self._end(then, name))

    def _end(self, now: float, name: str) -> None:
        worker = self._workers[name]
        worker.ends.append(worker.running)
        worker.running = 0
        self._compute(now, name)
        if worker.must_report or worker.is_nearly_done(now):
            self._report(now, name, worker.gatherings)

    def _report(self, now: float, name: str, gathering: int) -> None:
        worker = self._workers[name]
        if gathering != worker.gatherings or not worker.ends:
            return
        worker.gatherings += 1
        worker.sent = now
        self.messages += 1
        numbers, worker.ends = worker.ends, []
        self._at(now + MESSAGE_SECONDS, lambda then: self._take(then, name, numbers))

    def _take(self, now: float, name: str, numbers: list[int]) -> None:
        self._ended += len(numbers)
        self._took = now
        seconds = SLOTS * self._seconds / self._workers[name].speed
        self._room.scheduler.received(name, ended(*numbers, seconds=seconds), now)
        self._start_items(now)


@pytest.mark.parametrize("speeds", [(1.0, 1.0), (1.0, 0.8)])
@pytest.mark.parametrize(("items", "milliseconds"), [(2_000, 1.0), (10_000, 1.0), (2_000, 5.0), (500, 50.0)])
def test_two_workers_are_busy_to_the_end(items: int, milliseconds: float, speeds: tuple[float, ...]) -> None:
    """Short calls travel in large batches, and yet a worker hardly waits for the other one at the end."""
    seconds = milliseconds / 1_000
    took = FanOut(items, seconds, speeds).seconds()
    assert took < 1.03 * items * seconds / sum(speeds), took


@pytest.mark.parametrize(("items", "milliseconds"), [(10_000, 1.0), (2_000, 10.0), (500, 50.0)])
def test_many_workers_wait_for_one_batch_at_the_end_at_most(items: int, milliseconds: float) -> None:
    """As long as items wait for a permit, the pool cannot know how many there are."""
    seconds = milliseconds / 1_000
    took = FanOut(items, seconds, (1.0,) * 8).seconds()
    assert took < items * seconds / 8 + BATCH_SECONDS, took


@pytest.mark.parametrize(("items", "milliseconds", "most"), [(2_500, 1.0, 80), (10_000, 1.0, 200), (2_000, 5.0, 60)])
def test_busy_workers_send_and_get_few_messages(items: int, milliseconds: float, most: int) -> None:
    """On Ray each takes a millisecond of processor time from the calls that compute. The last batches are small."""
    fan_out = FanOut(items, milliseconds / 1_000, (1.0, 1.0))
    fan_out.seconds()
    assert fan_out.messages <= most
