"""The decisions of a pool, without threads, clocks and wires: what is sent to whom, and what an answer means."""

import gc
import sys
import weakref
from collections import Counter
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from stretto.actors.actions import Action
from stretto.actors.pools import picking
from stretto.actors.pools.announcing import announce
from stretto.actors.pools.calls import PooledCall
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
    Perform,
    Stop,
    ToPool,
    ToWorker,
    ValueMissing,
    Values,
    Welcome,
    encode,
)
from stretto.actors.pools.notes import PoolNotes
from stretto.actors.pools.scheduler import MAX_LOSSES, Scheduler
from stretto.actors.pools.values import LEAST_WEIGHT, DigestTable, large_values, split
from stretto.actors.pools.workers import SentValues
from stretto.actors.runners import Call, Finished
from stretto.definitions.data import FrozenDict, freeze
from stretto.definitions.model import Resources
from stretto.metrics import CallIds
from tests.support.pool_ends import Inbox

ENGINE = 7
BEAT = 5.0
OFFERS = Resources(cpus=4.0, memory=1_000)
MOST_CALLS = 6.1
"""Of functions of the engine, for a call from its first look to its end."""


def greet(text: str) -> str:
    """Return the text."""
    return text


GREET = Action("ops.greet", greet, "thread", takes_anything=True)
WELCOME = Welcome(ENGINE, BEAT, (), (), 60.0, 10, 1 << 20)


class Noted:
    """A caller that notes the end of its call."""

    def __init__(self, index: int, ends: dict[int, Finished]) -> None:
        self._index = index
        self._ends = ends

    def end_within_turn(self, finished: Finished, _at: float) -> None:
        """Note the end."""
        assert self._index not in self._ends, "there is one end"
        self._ends[self._index] = finished

    def end_later(self, finished: Finished) -> None:
        """Fail: the room does not stop."""
        raise AssertionError(f"the room is there, and {finished} did not go to it")


class Room:
    """A scheduler whose messages to workers are kept, and whose calls note their ends."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, ToWorker]] = []
        self.ends: dict[int, Finished] = {}
        self.inbox = Inbox()
        self.begun: list[int] = []
        self.notes = PoolNotes("compute")
        self.table = DigestTable()
        self.scheduler = Scheduler(
            ENGINE, WELCOME, lambda worker, message: self.sent.append((worker, message)), self.notes, OFFERS
        )

    def join(self, worker: str = "w-1", slots: int = 2, action: Action = GREET) -> None:
        """Let a worker join."""
        announced = announce(action)
        assert announced is not None
        self.scheduler.received(worker, Joined(worker, 1, slots, {}, (announced,)), 0.0)
        self.scheduler.dispatch()

    def add(self, *indexes: int, **given: Any) -> list[PooledCall]:
        """Add calls as `make` makes them, and send what can be sent."""
        made = self.make(*indexes, **given)
        self.scheduler.add(made)
        self.scheduler.dispatch()
        return made

    def make(
        self, *indexes: int, once: bool = False, context: Any = None, needs: Resources | None = None, **given: Any
    ) -> list[PooledCall]:
        """Return calls."""
        frozen = freeze(given)
        assert isinstance(frozen, FrozenDict)
        if context is not None:
            frozen = freeze({"value": context})
            assert isinstance(frozen, FrozenDict)
        large = large_values([] if context is None else [context])
        made = []
        for index in indexes:
            call = Call("ops.greet", frozen, CallIds("run", "ops.flow", "task", index), None, 1, index, 1)
            made.append(
                PooledCall(
                    GREET,
                    call,
                    "stretto",
                    Noted(index, self.ends),
                    self.inbox,
                    lambda at=index: self.begun.append(at),  # type: ignore[misc]
                    split(frozen, large, self.table),
                    self,
                    once=once,
                    needs=needs,
                )
            )
        return made

    def cancel(self, pooled: PooledCall) -> bool:
        """Cancel a call, as the pool does."""
        self.scheduler.cancel(pooled)
        return True

    def withdraw(self, pooled: PooledCall) -> None:
        """Withdraw a call, as the pool does."""
        self.scheduler.withdraw(pooled)

    def tell(self, message: ToPool, worker: str = "w-1", now: float = 0.0) -> None:
        """Let a worker send a message."""
        self.scheduler.received(worker, message, now)
        self.scheduler.dispatch()

    def lose(self, worker: str, reason: str = "closed") -> None:
        """Lose a worker."""
        self.scheduler.gone(worker, reason)
        self.scheduler.dispatch()

    def sendings(self, worker: str = "w-1") -> dict[int, int]:
        """Return the numbers of a worker's sendings by the items' index, the newest of each."""
        return {
            each.index: each.number
            for to, message in self.sent
            if to == worker and isinstance(message, Perform)
            for each in message.sendings
        }

    def of_kind(self, kind: type, worker: str = "w-1") -> list[Any]:
        """Return the messages of a kind to a worker."""
        return [message for to, message in self.sent if to == worker and isinstance(message, kind)]


def ended(*numbers: int, engine: int = ENGINE, seconds: float = 10.0, result: bytes = b'"hi"') -> Ended:
    return Ended(engine, tuple(End(number, "succeeded", result, seconds) for number in numbers))


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    at_workers = [each for worker in room.scheduler.workers.values() for each in worker.in_flight.values()]
    assert all(each.batch is not None for each in at_workers), "each sending has a batch"


def test_a_batch_notes_its_items_and_how_long_each_has_waited(room: Room) -> None:
    """From its arrival in the pool, not from the begin of its run."""
    first, second = room.make(0, 1)
    first.arrived -= 40
    room.scheduler.add((first, second))
    room.join()
    batches, items = room.notes.batch.totals()
    assert (batches[-1], items) == (("+Inf", 1), 2)
    waits, seconds = room.notes.wait.totals()
    assert waits[-1] == ("+Inf", 2)
    assert dict(waits)["30.0"] == 1
    assert seconds >= 40


def test_a_worker_that_joins_gets_the_calls_that_wait(room: Room) -> None:
    """Before, they wait; it is told the engine's number first."""
    room.add(0, 1)
    assert (room.sent, len(room.scheduler.waiting)) == ([], 2)
    room.join()
    assert [type(message) for _, message in room.sent] == [Welcome, Perform]
    room.tell(ended(*room.sendings().values()))
    assert {at: end.result for at, end in room.ends.items()} == {0: "hi", 1: "hi"}
    assert room.ends[0].seconds == 10.0


def test_a_worker_has_two_batches_at_most(room: Room) -> None:
    """The rest waits in the daemon, and follows when one has ended."""
    room.join(slots=2)
    room.add(*range(10))
    first = room.sendings()
    assert (len(first), len(room.scheduler.waiting)) == (4, 6)
    room.tell(ended(first[0]))
    assert len(room.sendings()) == 4, "one of the first batch still runs"
    room.tell(ended(first[1]))
    assert len(room.sendings()) == 6


def test_quick_calls_travel_in_large_batches(room: Room) -> None:
    """A call of a millisecond: half a second of two slots are a thousand."""
    room.join(slots=2)
    room.add(0, 1)
    room.tell(ended(*room.sendings().values(), seconds=0.001))
    room.add(*range(2, 5_000))
    sizes = [len(each.sendings) for each in room.of_kind(Perform)[1:]]
    assert sizes == [2_000], "two batches of 1,000 in one message"


def test_quick_calls_of_a_bounded_fan_out_travel_in_equal_shares(room: Room) -> None:
    """A message costs more than a worker that has nothing to do for as long as such a batch takes."""
    room.join("w-1")
    room.add(0)
    room.tell(ended(room.sendings()[0], seconds=0.000_001))
    room.join("w-2")
    room.sent.clear()
    room.add(*range(1, 1_001))
    assert [(worker, len(each.sendings)) for worker, each in room.sent if isinstance(each, Perform)] == [
        ("w-1", 500), ("w-2", 500),
    ]  # fmt: skip
    first = next(each for _, each in room.sent if isinstance(each, Perform))
    room.sent.clear()
    room.scheduler.received("w-1", ended(*(each.number for each in first.sendings[:250]), seconds=0.000_001), 0.0)
    room.add(*range(1_001, 1_251))
    assert [len(each.sendings) for each in room.of_kind(Perform)] == [250]


def test_a_bounded_fan_out_fills_all_workers_alike(room: Room) -> None:
    """Its calls are fewer than two full batches for each. The first worker must not take nearly all of them."""
    room.join("w-1")
    room.add(0)
    room.tell(ended(room.sendings()[0], seconds=0.003))
    room.join("w-2")
    room.sent.clear()
    room.add(*range(1, 1_001))
    assert [(worker, len(each.sendings)) for worker, each in room.sent if isinstance(each, Perform)] == [
        ("w-1", 500), ("w-2", 500),
    ]  # fmt: skip


class Keeping(Noted):
    """An item, which keeps what it has started."""

    running: PooledCall | None = None


@pytest.mark.parametrize("lost", [False, True])
def test_a_call_that_has_ended_keeps_nothing_of_its_caller(room: Room, lost: bool) -> None:
    """The caller keeps the call. Both ways, only the garbage collector would free them: 11 objects for each item."""
    room.join()
    gc.collect()
    gc.disable()
    try:
        caller = Keeping(0, {})
        (caller.running,) = room.make(0, once=True)
        caller.running.caller = caller
        room.scheduler.add([caller.running])
        room.scheduler.dispatch()
        room.lose("w-1") if lost else room.tell(ended(caller.running.sending))
        assert caller.running.ended
        freed = weakref.ref(caller)
        del caller
        assert freed() is None
    finally:
        gc.enable()


def test_a_call_costs_few_calls_of_python_functions(room: Room) -> None:
    """A change that has each call of a pool do more fails here, without a clock."""
    counts: list[int] = []
    room.join()
    for first, last in ((0, 1), (1, 1_001), (1_001, 3_001)):
        calls: Counter[str] = Counter()

        def count(frame: FrameType, event: str, _argument: object, calls: Counter[str] = calls) -> None:
            if event == "call" and frame.f_globals["__name__"].startswith("stretto."):
                calls[frame.f_code.co_qualname] += 1

        made = room.make(*range(first, last))
        sys.setprofile(count)
        try:
            room.scheduler.add(made)
            while any(each.sending == 0 for each in made):
                room.scheduler.dispatch()
                numbers = tuple(room.scheduler.workers["w-1"].in_flight)
                room.scheduler.received("w-1", ended(*numbers, seconds=0.000_001), 0.0)
            room.scheduler.received("w-1", ended(*room.scheduler.workers["w-1"].in_flight), 0.0)
        finally:
            sys.setprofile(None)
        counts.append(sum(calls.values()))
    assert (counts[2] - counts[1]) / 1_000 < MOST_CALLS, calls.most_common(20)


def test_calls_with_needs_share_what_their_worker_has(room: Room) -> None:
    """The third one needs CPUs that the others have, and small ones must not pass it: it would wait for ever."""
    room.join(slots=16)
    room.add(0, 1, needs=Resources(cpus=1.5))
    room.add(2, needs=Resources(cpus=2.0))
    room.add(3)
    assert list(room.sendings()) == [0, 1]
    room.tell(ended(room.sendings()[0]))
    assert list(room.sendings()) == [0, 1, 2, 3]
    room.tell(ended(*room.sendings().values()))
    assert room.scheduler.workers["w-1"].taken == (0.0, 0.0, 0)


@pytest.mark.parametrize("needs", [Resources(cpus=0.1), Resources(memory=25)])
def test_shares_of_a_worker_add_up_to_all_of_it(room: Room, needs: Resources) -> None:
    """40 times 0.1 is 4 for the pool, though not for Python. What a lost worker's calls had is free on another one."""
    room.join(slots=100)
    room.add(*range(41), needs=needs)
    assert len(room.sendings()) == 40
    room.lose("w-1")
    room.join("w-2", slots=100)
    assert len(room.sendings("w-2")) == 40


def test_a_worker_gets_none_of_an_action_that_differs(room: Room) -> None:
    """Its digest is that of another file."""
    room.join("other", action=Action("ops.greet", pytest.raises, "thread"))
    room.add(0)
    assert room.of_kind(Perform, "other") == []
    room.join("same")
    assert list(room.sendings("same")) == [0]


def test_calls_of_an_action_that_no_worker_has_hold_up_no_others(room: Room) -> None:
    """However many they are. They are sent first when a worker has it, and one that was cancelled is not."""
    other = Action("ops.greet", pytest.raises, "thread")
    room.join("other", action=other)
    held = room.add(*range(1_500))
    runnable = room.make(1_500)[0]
    runnable.action = other
    room.scheduler.add([runnable])
    room.scheduler.dispatch()
    assert list(room.sendings("other")) == [1_500]
    assert room.scheduler.waiting_of("run") == {"ops.greet": 1_500}
    held[0].cancel()
    held[1].withdraw()
    assert {at: end.status for at, end in room.ends.items()} == {0: "cancelled", 1: "cancelled"}
    room.scheduler.add(room.make(1_501))
    room.join("same")
    assert list(room.sendings("same")) == [2, 3, 4, 5]
    assert room.scheduler.waiting_of("run") == {"": 1_495}
    assert not room.scheduler.held


def test_calls_whose_last_worker_has_gone_hold_up_no_others(room: Room) -> None:
    """They end with the pool."""
    other = Action("ops.greet", pytest.raises, "thread")
    room.join("same", slots=1)
    room.add(*range(150))
    room.join("other", action=other)
    room.lose("same")
    assert (len(room.scheduler.held), room.scheduler.held.full) == (150, {("run", "ops.greet")})
    room.scheduler.cancel_all("the engine stops")
    assert len(room.ends) == 150
    assert not room.scheduler.held.full


def test_calls_of_a_lost_worker_go_to_another_one_with_a_new_number(room: Room) -> None:
    """An end of the earlier sending is dropped and counted."""
    room.join("w-1")
    room.add(0)
    first = room.sendings()[0]
    room.tell(Begun(ENGINE, (first,)))
    room.join("w-2")
    room.lose("w-1")
    again = room.sendings("w-2")[0]
    assert again != first
    room.tell(ended(first), "w-2")
    assert (room.ends, room.notes.report()["late_ends"]) == ({}, 1)
    room.tell(ended(again), "w-2")
    assert room.ends[0].status == "succeeded"
    room.tell(ended(again), "w-2")
    assert room.notes.report()["late_ends"] == 2, "it has ended already"


def test_an_end_of_an_earlier_engine_is_dropped(room: Room) -> None:
    """A worker may still run calls of a daemon that was killed."""
    room.join()
    room.add(0)
    room.tell(ended(room.sendings()[0], engine=ENGINE + 1))
    assert (room.ends, room.notes.report()["late_ends"]) == ({}, 1)


def test_a_call_that_must_not_run_twice_is_never_sent_again(room: Room) -> None:
    """It may have run: also if its begin has not been reported."""
    room.join("w-1")
    room.join("w-2")
    room.add(0, once=True)
    room.lose("w-1")
    room.lose("w-2")
    room.join("w-3")
    assert room.of_kind(Perform, "w-3") == []
    assert (room.ends[0].status, room.ends[0].kind) == ("failed", "may_have_run")


def test_a_call_that_ends_its_workers_fails_and_harms_no_other(room: Room) -> None:
    """It runs alone the third time. The others of its batches were lost twice, and then succeed."""
    room.add(0, 1, 2)
    for number in range(MAX_LOSSES):
        worker = f"w-{number}"
        room.join(worker, slots=4)
        room.tell(Begun(ENGINE, tuple(room.sendings(worker).values())), worker)
        if number == MAX_LOSSES - 1:
            assert list(room.sendings(worker)) == [0], "it is alone"
        room.lose(worker)
    assert room.ends.keys() == {0}
    assert (room.ends[0].kind, room.ends[0].error) == (
        "worker_lost", "3 workers were lost while it ran, the last one w-2 (closed)",
    )  # fmt: skip
    room.join("last", slots=4)
    for index in (1, 2):
        room.tell(ended(room.sendings("last")[index]), "last")
    assert {at: end.status for at, end in room.ends.items()} == {0: "failed", 1: "succeeded", 2: "succeeded"}


def test_only_calls_that_may_have_run_are_suspects(room: Room) -> None:
    """A worker starts as many as it has slots, in their order. The others cannot have ended it."""
    room.add(0, 1, 2, 3)
    for number in range(MAX_LOSSES):
        room.join(f"w-{number}", slots=2)
        room.lose(f"w-{number}")
    assert room.ends.keys() == {0}, "the second one waited for its turn to be alone"
    assert [each.losses for each in room.scheduler.waiting] == [2, 0, 0]


def test_a_call_that_ends_its_worker_before_its_begin_is_told_is_a_suspect(room: Room) -> None:
    """Otherwise it would end workers for ever."""
    room.add(0)
    for number in range(MAX_LOSSES):
        room.join(f"w-{number}")
        room.lose(f"w-{number}")
    assert room.ends[0].kind == "worker_lost"


def test_a_worker_that_misses_three_beats_is_silent(room: Room) -> None:
    """Each message counts as a beat, and a beat is acknowledged."""
    room.join()
    room.tell(Beat(0), now=10.0)
    assert room.of_kind(Acknowledged) == [Acknowledged()]
    assert room.scheduler.silent_at == 10.0 + 3 * BEAT
    assert room.scheduler.silent(9.9 + 3 * BEAT) == []
    assert room.scheduler.silent(10.0 + 3 * BEAT) == ["w-1"]


def test_a_cancelled_call_ends_at_once_if_it_waits_and_is_stopped_if_it_runs(room: Room) -> None:
    """A worker reports the end of a stopped one."""
    waiting, running = room.add(0)[0], None
    waiting.cancel()
    assert room.ends[0].status == "cancelled"
    room.join()
    running = room.add(1)[0]
    running.cancel()
    assert room.of_kind(Stop) == [Stop((room.sendings()[1],))]
    assert 1 not in room.ends


def test_a_cancelled_call_whose_worker_is_lost_is_not_sent_again(room: Room) -> None:
    """It ends, so that nothing starts after a cancel."""
    room.join("w-1")
    (running,) = room.add(0)
    running.cancel()
    room.join("w-2")
    room.lose("w-1")
    assert room.ends[0].status == "cancelled"
    assert room.sendings("w-2") == {}


def test_an_input_that_no_message_can_carry_fails_its_call_alone(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of its batch are sent."""
    send = room.scheduler._send

    def refuse_large(worker: str, message: ToWorker) -> None:
        if isinstance(message, Perform) and any(len(each.input) > 100 for each in message.sendings):
            raise InvalidMessage("a message must have at most 100 bytes")
        send(worker, message)

    monkeypatch.setattr(room.scheduler, "_send", refuse_large)
    room.join(slots=1)
    room.add(0, text="x" * 200)
    room.add(1, text="y")
    assert (room.ends[0].status, room.ends[0].kind) == ("failed", "not_data")
    assert room.ends[0].error is not None
    assert "too large for a worker" in room.ends[0].error
    assert list(room.sendings()) == [1]
    assert room.scheduler.in_flight == 1


def test_large_values_that_no_message_can_carry_fail_no_call_of_the_next_batch(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is ready for both batches, which would be one message without the values."""
    send = room.scheduler._send

    def refuse_large(worker: str, message: ToWorker) -> None:
        if len(encode(message)) > 2 * LEAST_WEIGHT:
            raise InvalidMessage("a message must have fewer bytes")
        send(worker, message)

    monkeypatch.setattr(room.scheduler, "_send", refuse_large)
    room.add(0, context=freeze(list(range(2 * LEAST_WEIGHT))))
    room.add(1)
    room.join(slots=1)
    assert {at: end.kind for at, end in room.ends.items()} == {0: "not_data"}
    assert list(room.sendings()) == [1]


def test_new_values_count_for_the_bytes_of_a_batch(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they may be more than a message may have."""
    monkeypatch.setattr(picking, "MAX_BATCH_BYTES", 100_000)
    values = [freeze([f"{number} {'x' * 60_000}"] * 1) for number in range(3)]
    for number, value in enumerate(values):
        room.add(number, context=value)
    room.join(slots=8)
    performs = room.of_kind(Perform)
    assert [len(each.values) for each in performs][:2] == [1, 1]
    assert sum(len(each.sendings) for each in performs) == 3


def test_a_large_shared_value_is_sent_once_to_each_worker(room: Room) -> None:
    """And again if the worker has dropped it. Inputs have the same size whatever the context has."""
    value = freeze(["x" * 10] * LEAST_WEIGHT)
    room.join()
    room.add(0, 1, context=value)
    room.add(2, context=value)
    performs = room.of_kind(Perform)
    digests = [digest for each in performs for digest, _ in each.values]
    assert len(digests) == 1
    assert {each.input for message in performs for each in message.sendings} == {b'{"value":null}'}
    room.tell(ValueMissing(tuple(digests)))
    assert [digest for message in room.of_kind(Values) for digest, _ in message.values] == digests
    assert room.table.digested == 1


def test_values_of_many_calls_count_once_for_the_cache_of_their_worker(room: Room) -> None:
    """Otherwise the pool would forget that it has sent them, and send them again and again."""
    first, second = (freeze([text * 10] * LEAST_WEIGHT) for text in "xy")
    room.add(*range(10), context=first)
    room.add(*range(10, 20), context=second)
    room.join(slots=20)
    room.tell(ended(*room.sendings().values()))
    room.add(20, context=first)
    room.add(21, context=second)
    assert len(room.sendings()) == 22
    assert room.notes.report()["values_put"] == 2


def test_a_draining_worker_gets_nothing_and_leaves(room: Room) -> None:
    """What it has at hand ends there."""
    room.join("w-1")
    room.add(0)
    assert room.scheduler.drain("w-1") == 1
    assert room.scheduler.drain("nobody") == 0
    assert room.of_kind(Drain) == [Drain()]
    room.add(1)
    assert list(room.sendings()) == [0]
    room.tell(ended(room.sendings()[0]))
    room.tell(Leaving())
    assert (room.scheduler.workers, room.notes.losses()) == ({}, {})


def test_an_answer_that_is_not_data_fails_its_call(room: Room) -> None:
    """It cannot be a result."""
    room.join()
    room.add(0)
    room.tell(ended(room.sendings()[0], result=b"{"))
    assert (room.ends[0].status, room.ends[0].kind) == ("failed", "not_data")


def test_a_withdrawn_call_ends_if_it_waits_and_continues_at_a_worker(room: Room) -> None:
    """A cancelled run whose running items are to finish must not wait for a worker."""
    (waits,) = room.add(0)
    waits.withdraw()
    assert room.ends[0].status == "cancelled"
    room.join()
    (runs,) = room.add(1)
    runs.withdraw()
    assert 1 not in room.ends
    assert not [each for _, each in room.sent if isinstance(each, Stop)]


def test_the_values_that_a_worker_was_sent_are_bounded_as_in_its_cache() -> None:
    """A value that is forgotten is sent again."""
    sent = SentValues(100)
    for number in range(1_000):
        sent.add({b"%d" % number: b"x" * 30})
    assert len(sent) == 3
    assert b"999" in sent
    assert b"996" not in sent
    sent.forget([b"999", b"unknown"])
    sent.add({b"large": b"x" * 1_000})
    assert len(sent) == 1
