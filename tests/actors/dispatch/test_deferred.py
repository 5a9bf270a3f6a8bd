"""Questions that one actor hands on to another."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import (
    Deferred,
    DispatchedActor,
    Dispatcher,
    SparseFuture,
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
