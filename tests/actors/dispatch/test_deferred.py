"""Questions that one actor hands on to another."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors import Engine
from stretto.actors.dispatch import (
    Deferred,
    DispatchedActor,
    Dispatcher,
    SparseFuture,
    TurnReply,
    ask_deferred,
    forward,
    tell_then,
)
from tests.support.waiting import PATIENCE


class Gone(Exception):
    """The error of a stopped actor."""


class Knower(DispatchedActor):
    """Answers at once, later, never, or with an error."""

    def __init__(self) -> None:
        super().__init__()
        self.promised = Deferred()

    def on_receive(self, message: Any) -> Any:
        if message == "later":
            return self.promised
        if message == "resolve":
            self.promised.resolve("kept")
        if message == "fail":
            raise KeyError(message)
        return message


class Asker(DispatchedActor):
    """Hands on to another actor whatever it is asked."""

    def __init__(self, knower: "pykka.ActorRef[Knower]") -> None:
        super().__init__()
        self._knower = knower

    def on_receive(self, message: Any) -> Any:
        return ask_deferred(self._knower.actor_inbox, message, Gone("the actor has stopped"))


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(1)
    yield dispatcher
    dispatcher.stop()


@pytest.fixture
def knower(dispatcher: Dispatcher) -> "Iterator[pykka.ActorRef[Knower]]":
    knower = Knower.start_on(dispatcher)
    yield knower
    knower.stop(timeout=PATIENCE)


@pytest.fixture
def asker(dispatcher: Dispatcher, knower: "pykka.ActorRef[Knower]") -> "Iterator[pykka.ActorRef[Asker]]":
    asker = Asker.start_on(dispatcher, knower)
    yield asker
    asker.stop(timeout=PATIENCE)


def test_the_answer_goes_back_to_who_asked_first(
    asker: "pykka.ActorRef[Asker]", knower: "pykka.ActorRef[Knower]"
) -> None:
    """With one dispatcher's thread no actor could wait: both take their turns in between."""
    assert asker.ask("now", timeout=PATIENCE) == "now"
    kept = asker.ask("later", block=False)
    knower.tell("resolve")
    assert kept.get(timeout=PATIENCE) == "kept"


def test_an_error_goes_back_too_and_harms_no_actor(asker: "pykka.ActorRef[Asker]") -> None:
    """The exception of the asked actor is raised at the caller."""
    with pytest.raises(KeyError):
        asker.ask("fail", timeout=PATIENCE)
    assert asker.ask("now", timeout=PATIENCE) == "now"


def test_an_actor_that_ends_before_it_answers_gives_the_askers_error(
    asker: "pykka.ActorRef[Asker]", knower: "pykka.ActorRef[Knower]"
) -> None:
    """Whether it had stopped before it was asked, or while it owed the answer."""
    owed = asker.ask("later", block=False)
    assert asker.ask("now", timeout=PATIENCE) == "now"
    knower.stop(timeout=PATIENCE)
    for ask in (owed.get, lambda timeout: asker.ask("now", timeout=timeout)):
        with pytest.raises(Gone, match="the actor has stopped"):
            ask(timeout=PATIENCE)


def outcome_of(later: Deferred) -> Any:
    reply = Knower._create_future()
    later.subscribe(reply, set())
    return reply.get(timeout=PATIENCE)


def test_a_handlers_value_is_handed_on_now_or_when_it_is_there() -> None:
    """A Deferred that a handler returned is no answer itself: its outcome is, an error as well."""
    answers = [Deferred() for _ in range(4)]
    promised, broken = Deferred(), Deferred()
    forward(7, answers[0])
    forward(promised, answers[1])
    forward(broken, answers[2])
    promised.resolve("kept")
    broken.fail(KeyError("lost"))
    forward(promised, answers[3])
    assert [outcome_of(answers[number]) for number in (0, 1, 3)] == [7, "kept", "kept"]
    with pytest.raises(KeyError):
        outcome_of(answers[2])


def test_a_sparse_future_behaves_like_any_other_of_pykkas() -> None:
    """A caller that gives up leaves nothing behind, and the first value or exception stays."""
    future: SparseFuture[str] = SparseFuture()
    for timeout in (0, -1.0, 0.001):
        with pytest.raises(pykka.Timeout):
            future.get(timeout=timeout)
    assert future._waiting == ()
    future.set("here")
    assert future.get(timeout=0) == future.get() == "here"
    with pytest.raises(queue.Full):
        future.set("again")
    with pytest.raises(queue.Full):
        future.set_exception()
    with pytest.raises(queue.Full):
        future.set_get_hook(lambda _timeout: "hook")
    mapped = SparseFuture[str]()
    mapped.set_get_hook(lambda timeout: f"within {timeout}")
    assert mapped.get(timeout=3) == "within 3"
    with pytest.raises(queue.Full):
        mapped.set("late")
    assert future.map(len).get(timeout=PATIENCE) == 4


@pytest.mark.parametrize("fails", [False, True])
def test_a_sparse_future_wakes_all_threads_that_wait(fails: bool) -> None:
    """With the value, or the exception."""
    future: SparseFuture[str] = SparseFuture()
    got: queue.SimpleQueue[object] = queue.SimpleQueue()

    def wait() -> None:
        try:
            got.put(future.get(timeout=PATIENCE))
        except KeyError as error:
            got.put(error)

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(5)]
    for thread in threads:
        thread.start()
    error = KeyError("lost")
    if fails:
        future.set_exception((KeyError, error, None))
    else:
        future.set("here")
    assert {id(got.get(timeout=PATIENCE)) for _ in threads} == {id(error if fails else "here")}


def test_a_hook_wakes_a_thread_that_waits_for_a_value() -> None:
    """It then gets the hook's value."""
    future: SparseFuture[str] = SparseFuture()
    got: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: got.put(future.get(timeout=PATIENCE)), daemon=True).start()
    future.set_get_hook(lambda _timeout: "hook")
    assert got.get(timeout=PATIENCE) == "hook"


class Kept(pykka.ThreadingActor):
    """Keeps its messages, and fails at "bad"."""

    use_daemon_thread = True

    def __init__(self, events: list[str]) -> None:
        super().__init__()
        self._events = events

    def on_receive(self, message: str) -> None:
        self._events.append(message)
        if message == "bad":
            raise ValueError(message)


@pytest.mark.parametrize("message", ["good", "bad"])
def test_a_sender_learns_that_its_message_was_handled(message: str) -> None:
    """Any Pykka actor's, also when it fails at the message, and stops as it would have."""
    events: list[str] = []
    handled = threading.Event()

    def then() -> None:
        events.append("handled")
        handled.set()

    kept = Kept.start(events)
    tell_then(kept, message, then)
    assert handled.wait(PATIENCE)
    assert events == [message, "handled"]
    assert kept.is_alive() == (message == "good")
    kept.stop()
    with pytest.raises(pykka.ActorDeadError):
        tell_then(kept, "late", then)


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
            got.put(patient.ask(number, timeout=PATIENCE))

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
