"""A pool with a carrier of the test's own: what a worker may send, and what its end means."""

import sys
from collections import Counter
from collections.abc import Iterator
from queue import SimpleQueue
from types import FrameType

import pytest

from stretto.actors.actions import Action
from stretto.actors.pools import CarrierEvents, Pool
from stretto.actors.pools.announcing import announce
from stretto.actors.pools.messages import (
    Begun,
    End,
    Ended,
    InvalidMessage,
    Joined,
    Perform,
    ToPool,
    ToWorker,
    Welcome,
    decode_to_pool,
    decode_to_worker,
    encode,
)
from stretto.actors.runners import Call
from stretto.definitions.data import FrozenDict, freeze
from stretto.metrics import CallIds
from tests.support.pool_ends import Ends
from tests.support.waiting import PATIENCE

ENGINE = 3
WELCOME = Welcome(ENGINE, 60.0, (), (), 60.0, 10, 1 << 20)


def greet(text: str) -> str:
    """Return the text."""
    return text


GREET = Action("ops.greet", greet, "thread", takes_anything=True)


class HandCarrier:
    """A carrier whose workers are the test."""

    expected = 1
    keeps_secrets = True
    trouble = None

    def __init__(self) -> None:
        self.sent: SimpleQueue[tuple[str, ToWorker]] = SimpleQueue()
        self.discarded: SimpleQueue[str] = SimpleQueue()
        self.events: CarrierEvents | None = None

    def start(self, events: CarrierEvents) -> None:
        self.events = events

    def send(self, worker: str, data: bytes) -> None:
        self.sent.put((worker, decode_to_worker(data)))

    def discard(self, worker: str) -> None:
        self.discarded.put(worker)

    def stop(self) -> None:
        """Nothing runs."""

    def deliver(self, message: ToPool, worker: str = "w-1") -> None:
        """Let a worker send a message."""
        self.deliver_bytes(encode(message), worker)

    def deliver_bytes(self, data: bytes, worker: str = "w-1") -> None:
        """Let a worker send bytes."""
        assert self.events is not None
        self.events.received(worker, data)

    def join(self, worker: str = "w-1") -> None:
        """Let a worker join."""
        announced = announce(GREET)
        assert announced is not None
        self.deliver(Joined(worker, 1, 2, {}, (announced,)), worker)

    def batch(self) -> tuple[str, Perform]:
        """Return the next batch, and who got it."""
        while True:
            worker, message = self.sent.get(timeout=PATIENCE)
            if isinstance(message, Perform):
                return worker, message


@pytest.fixture
def carrier() -> HandCarrier:
    return HandCarrier()


@pytest.fixture
def capacities() -> "SimpleQueue[int]":
    return SimpleQueue()


@pytest.fixture
def pool(carrier: HandCarrier, capacities: "SimpleQueue[int]") -> Iterator[Pool]:
    pool = Pool("compute", carrier, WELCOME)
    pool.start(capacities.put)
    yield pool
    pool.stop()


def perform(pool: Pool, ends: Ends) -> None:
    given = freeze({"text": "hi"})
    assert isinstance(given, FrozenDict)
    pool.perform(GREET, Call("ops.greet", given, CallIds("run", "ops.flow", "task", 0), None, 1, 0, 1), ends, ends)


@pytest.mark.parametrize("data", [b"", b"\x00garbage", encode(WELCOME), b"\x92\xa5Ended\x01"])
def test_a_worker_that_sends_garbage_is_lost_and_its_calls_go_elsewhere(
    pool: Pool, carrier: HandCarrier, data: bytes
) -> None:
    """Its connection is ended."""
    ends = Ends()
    carrier.join("w-1")
    perform(pool, ends)
    assert carrier.batch()[0] == "w-1"
    carrier.join("w-2")
    carrier.deliver_bytes(data, "w-1")
    assert carrier.discarded.get(timeout=PATIENCE) == "w-1"
    worker, batch = carrier.batch()
    assert worker == "w-2"
    carrier.deliver(Ended(ENGINE, (End(batch.sendings[0].number, "succeeded", b'"done"', 1.0),)), "w-2")
    assert ends.get(timeout=PATIENCE).result == "done"
    assert pool.notes.losses() == {"garbage": 1}
    assert pool.figures().lost == {"closed": 0, "silent": 0, "garbage": 1, "left": 0, "gateway": 0}


def test_the_capacity_is_two_batches_of_each_worker(
    pool: Pool, carrier: HandCarrier, capacities: "SimpleQueue[int]"
) -> None:
    """It is 0 when the last worker has gone."""
    carrier.join()
    assert capacities.get(timeout=PATIENCE) == 4
    assert carrier.events is not None
    carrier.events.closed("w-1", "closed")
    assert capacities.get(timeout=PATIENCE) == 0
    assert pool.report()["workers"] == []


def test_a_call_that_begins_is_told_and_one_that_waits_ends_with_the_pool(carrier: HandCarrier) -> None:
    """Nobody waits for ever."""
    ends = Ends()
    pool = Pool("compute", carrier, WELCOME)
    pool.start(lambda _capacity: None)
    carrier.join()
    perform(pool, ends)
    number = carrier.batch()[1].sendings[0].number
    carrier.deliver(Begun(ENGINE, (number,)))
    pool.stop()
    pool.stop()
    assert ends.get(timeout=PATIENCE).status == "cancelled"
    with pytest.raises(RuntimeError, match="the pool compute is stopped"):
        perform(pool, ends)


def test_a_call_enters_the_pool_in_few_calls_of_python_functions(carrier: HandCarrier) -> None:
    """Its item's thread is the one that a daemon has least of."""
    pool = Pool("compute", carrier, WELCOME)
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_globals["__name__"].startswith("stretto.actors.pools"):
            calls[frame.f_code.co_qualname] += 1

    given, snapshot, ends = freeze({"text": "hi"}), object(), Ends()
    assert isinstance(given, FrozenDict)
    call = Call("ops.greet", given, CallIds("run", "ops.flow", "task", 0), None, 1, 0, 1)
    sys.setprofile(count)
    try:
        for _ in range(1_000):
            pool.perform(GREET, call, ends, ends, version=snapshot)
    finally:
        sys.setprofile(None)
    assert sum(calls.values()) < 4.1 * 1_000, calls


def test_calls_of_one_turn_wake_the_pool_once(carrier: HandCarrier) -> None:
    """Each time would cost more than all else that the pool does for a call."""
    ends = Ends()
    pool = Pool("compute", carrier, WELCOME)
    for _ in range(100):
        perform(pool, ends)
    assert len(pool._inbox) == 1
    pool.start(lambda _capacity: None)
    pool.stop()
    assert {ends.get(timeout=PATIENCE).status for _ in range(100)} == {"cancelled"}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Joined("w", 1, 0, {}, ()), "at least 1 slot, got 0"),
        (Joined("w", 1, 1, {str(number): "" for number in range(65)}, ()), "at most 64 labels, got 65"),
    ],
)
def test_a_worker_that_says_too_much_of_itself_is_refused(message: ToPool, reason: str) -> None:
    """Whatever it says is kept for each of them."""
    with pytest.raises(InvalidMessage, match=reason):
        decode_to_pool(encode(message))
