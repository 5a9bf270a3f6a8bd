"""A worker without a process: what it sends of calls that end together, early or with too much."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from stretto.actors.actions import Action, ActionRegistry
from stretto.actors.pools import Worker, gathering, work
from stretto.actors.pools.messages import (
    Begun,
    Drain,
    End,
    Ended,
    Head,
    Leaving,
    Perform,
    Sending,
    ToPool,
    ToWorker,
    Welcome,
    decode_to_pool,
    encode,
)
from stretto.actors.runners import Begun as Begins
from stretto.actors.runners import Call, Done, Finished, PrintSlot, Runners, Running, append_printed
from stretto.definitions.data import encode_json
from tests.support.waiting import PATIENCE

ENGINE = 5
WELCOME = Welcome(ENGINE, 3_600.0, (), (), 60.0, 10, 1 << 20)


def greet(text: str) -> str:
    """Return the text."""
    return text


GREET = Action("ops.greet", greet, "thread", takes_anything=True)


class Line:
    """A worker, and what it has sent."""

    def __init__(self) -> None:
        self.sent: SimpleQueue[ToPool] = SimpleQueue()
        self.worker = Worker(
            ActionRegistry({"ops.greet": GREET}),
            lambda data: self.sent.put(decode_to_pool(data)),
            name="w",
            process=1,
            slots=4,
        )
        self.tell(WELCOME)

    def tell(self, message: ToWorker) -> None:
        """Let the pool send a message."""
        self.worker.receive(encode(message))

    def perform(self, ref: str, *inputs: object) -> None:
        """Let the pool send a batch."""
        head = Head("run", "ops.flow", "task", True, ref, "stretto", None)
        sendings = tuple(Sending(0, at + 1, 1, at, 1, encode_json(each)) for at, each in enumerate(inputs))
        self.tell(Perform((head,), sendings))

    def messages_until_ended(self, count: int) -> list[ToPool]:
        """Return the messages until so many calls have ended."""
        messages: list[ToPool] = []
        while count:
            messages.append(self.sent.get(timeout=PATIENCE))
            count -= len(messages[-1].ends) if isinstance(messages[-1], Ended) else 0
        return messages

    def ends(self, count: int) -> list[End]:
        """Return so many ends."""
        return [end for each in self.messages_until_ended(count) if isinstance(each, Ended) for end in each.ends]


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.worker.stop()


def test_results_that_are_too_much_for_one_message_travel_in_several(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls may return a message's bytes at once."""
    monkeypatch.setattr(work, "MAX_MESSAGE_BYTES", 1_000)
    line.perform("ops.greet", *({"text": "x" * 600} for _ in range(4)))
    messages = [each for each in line.messages_until_ended(4) if isinstance(each, Ended)]
    assert [len(each.ends) for each in messages] == [1, 1, 1, 1]


def test_ends_of_quick_calls_travel_at_once_and_together(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else runs, so there is nothing to wait for. An end says that the call has begun."""
    monkeypatch.setattr(gathering, "GATHER_SECONDS", 10 * PATIENCE)
    monkeypatch.setattr(gathering, "BUSY_GATHER_SECONDS", 10 * PATIENCE)
    line.perform("ops.greet", *({"text": "x"} for _ in range(250)))
    (message,) = line.messages_until_ended(250)
    assert isinstance(message, Ended)


def test_ends_are_gathered_however_late_the_thread_that_sends_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a batch of quick calls has half of its ends before that."""
    monkeypatch.setattr(gathering, "GATHER_SECONDS", 10 * PATIENCE)
    gathered = gathering.Gatherer()
    ends = [End(number, "succeeded", b"1", 0.1) for number in range(9)]
    for end in ends[:8]:
        gathered.ended(end, left=9 - end.number)
    has_begun = threading.Event()

    def is_busy() -> bool:
        has_begun.set()
        return False

    def send() -> list[ToPool]:
        gathered.wait(is_busy)
        return list(gathered.messages(ENGINE, lambda _number: False))

    with ThreadPoolExecutor() as sender:
        sent = sender.submit(send)
        assert has_begun.wait(PATIENCE)
        gathered.ended(ends[8], left=0)
        assert sent.result() == [Ended(ENGINE, tuple(ends))]


@pytest.mark.parametrize(("slots_are_busy", "sent"), [(False, 1), (True, 8)])
def test_ends_of_a_busy_worker_travel_once_they_are_half_of_its_calls(
    slots_are_busy: bool, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool sends the next batch then. With a free slot the worker gathers them for a short time only."""
    monkeypatch.setattr(gathering, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(gathering, "BUSY_GATHER_SECONDS", 10 * PATIENCE)
    gathered = gathering.Gatherer()
    for number in range(1, sent + 1):
        gathered.ended(End(number, "succeeded", b"1", 0.1), left=16 - number)
    gathered.wait(lambda: slots_are_busy)
    (message,) = gathered.messages(ENGINE, lambda _number: False)
    assert isinstance(message, Ended)
    assert len(message.ends) == sent


def test_the_begin_of_a_call_is_sent_once_it_has_run_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a quick one says that it has begun. So quick calls cause no messages but those of their ends."""
    gathered = gathering.Gatherer()
    gathered.begun(1, at=time.monotonic() - 2 * gathering.GATHER_SECONDS)
    gathered.begun(2, at=time.monotonic() + PATIENCE)
    gathered.begun(3, at=time.monotonic() - 2 * gathering.GATHER_SECONDS)
    assert list(gathered.messages(ENGINE, {1, 2}.__contains__)) == [Begun(ENGINE, (1,))]
    monkeypatch.setattr(gathering, "GATHER_SECONDS", -2 * PATIENCE)  # the moment is over
    gathered.wait(lambda: False)
    assert list(gathered.messages(ENGINE, {2}.__contains__)) == [Begun(ENGINE, (2,))]


def test_a_busy_worker_sends_its_first_message_soon_and_the_next_one_later() -> None:
    """Each message costs processor time, which the calls of a busy worker need. An idle one does not wait for long."""
    gathered, now = gathering.Gatherer(), time.monotonic()
    soon, later = gathering.GATHER_SECONDS, gathering.BUSY_GATHER_SECONDS
    assert gathered.pause(now, is_busy=True) == soon
    gathered.ended(End(1, "succeeded", b"1", 0.1), left=16)
    assert len(list(gathered.messages(ENGINE, lambda _number: False))) == 1
    assert later <= gathered.pause(now, is_busy=True) < later + PATIENCE
    assert gathered.pause(now, is_busy=False) == soon
    assert gathered.pause(time.monotonic() + later, is_busy=True) == soon


def test_a_result_that_no_message_can_carry_fails_its_call(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others come back."""
    monkeypatch.setattr(work, "MAX_END_BYTES", 1_000)
    line.perform("ops.greet", {"text": "x" * 2_000}, {"text": "y"})
    large, small = sorted(line.ends(2), key=lambda each: each.number)
    assert (large.status, large.kind, large.result, small.status) == (
        "failed",
        "result_too_large",
        b"null",
        "succeeded",
    )
    assert large.error is not None
    assert "must have at most 1,000 bytes" in large.error


def test_what_a_quick_call_prints_is_not_lost(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end may come before the worker knows that it runs."""
    start = Runners.start

    def start_and_wait(runners: Runners, action: Action, call: Call, done: Done, begun: Begins) -> Running:
        has_ended = threading.Event()

        def end(finished: Finished) -> None:
            done(finished)
            has_ended.set()

        running = start(runners, action, call, end, begun)
        assert has_ended.wait(PATIENCE)
        assert isinstance(running.printed, PrintSlot)
        append_printed(running.printed, "printed\n")
        return running

    monkeypatch.setattr(Runners, "start", start_and_wait)
    line.perform("ops.greet", {"text": "x"})
    assert [each.printed for each in line.ends(1)] == ["printed\n"]


def test_a_drained_worker_leaves_behind_its_last_end(line: Line) -> None:
    """Otherwise the pool would run the calls again."""
    line.perform("ops.greet", *({"text": "x"} for _ in range(50)))
    line.tell(Drain())
    line.ends(50)
    assert line.sent.get(timeout=PATIENCE) == Leaving()
