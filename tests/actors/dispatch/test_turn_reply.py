"""Replies whose callers go on at the end of a turn."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors import Engine
from stretto.actors.dispatch import Deferred, DispatchedActor, Dispatcher, TurnReply
from tests.support.waiting import PATIENCE


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(1)
    yield dispatcher
    dispatcher.stop()


class Patient(DispatchedActor):
    """Lets its callers go on at the end of a turn. It notes what is there before that end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bool, bool]] = []

    @staticmethod
    def _create_future() -> TurnReply[Any]:
        return TurnReply()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, tuple):
            deferred, waiter, reply = message
            deferred.resolve("now")
            self.seen.append((reply.get(timeout=0) == "now", waiter.locked()))
        return message

    def seen_so_far(self) -> list[tuple[bool, bool]]:
        return self.seen


def test_a_caller_goes_on_at_the_end_of_the_turn_that_answers(dispatcher: Dispatcher) -> None:
    """The value is there at once; a woken thread would wait for the interpreter until the turn is over."""
    patient = Patient.start_on(dispatcher)
    reply, deferred, waiter = TurnReply[str](), Deferred(), threading.Lock()
    waiter.acquire()
    reply._waiting = (waiter,)
    deferred.subscribe(reply, set())
    patient.tell((deferred, waiter, reply))
    assert waiter.acquire(timeout=PATIENCE), "the caller was never woken"
    assert patient.proxy().seen_so_far().get(timeout=PATIENCE) == [(True, True)]
    patient.stop(timeout=PATIENCE)


def test_callers_of_a_patient_actor_get_its_answers_and_errors(dispatcher: Dispatcher) -> None:
    """Also when many wait at once, when the actor stops, and when another thread answers."""
    patient = Patient.start_on(dispatcher)
    got: queue.SimpleQueue[int] = queue.SimpleQueue()

    def asks(number: int) -> None:
        for _ in range(50):
            answer: Any = patient.ask(number, timeout=PATIENCE)
            got.put(answer)

    threads = [threading.Thread(target=asks, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    assert sum(got.get(timeout=PATIENCE) for _ in range(8 * 50)) == 50 * sum(range(8))
    for thread in threads:
        thread.join(PATIENCE)
    waiting = patient.ask("last", block=False)
    assert patient.stop(timeout=PATIENCE)
    assert waiting.get(timeout=PATIENCE) == "last"
    with pytest.raises(pykka.ActorDeadError):
        patient.ask("too late", timeout=PATIENCE)


def test_a_thread_that_takes_no_turns_wakes_callers_at_once() -> None:
    """Nobody would do it later: a store's thread answers a durable submission."""
    reply: TurnReply[str] = TurnReply()
    waiter = threading.Lock()
    waiter.acquire()
    reply._waiting = (waiter,)
    reply.set("durable")
    assert not waiter.locked()


def test_an_engines_answers_wake_their_callers_at_the_end_of_a_turn() -> None:
    """A run of one task is often over by then: its client sleeps once."""
    assert isinstance(Engine._create_future(), TurnReply)
