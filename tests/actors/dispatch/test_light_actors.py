"""Actors that are started lightly: their mailbox is made when someone asks for it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import Dispatcher, Lane, LightActor, Mailbox
from stretto.actors.dispatch.mailbox import STOPPED
from tests.support.waiting import PATIENCE


class Light(LightActor):
    """Calls its messages with itself."""

    def __init__(self, seen: list[object]) -> None:
        self.seen = seen

    def on_receive(self, message: Callable[["Light"], Any]) -> Any:
        return message(self)

    def on_turn_end(self) -> None:
        self.seen.append("turn")

    def on_failure(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        self.seen.append(error)


def end(actor: Light) -> None:
    """Stop within the turn, as an item does with its report."""
    actor.seen.append("ended")
    actor._stop()


def note(actor: Light) -> None:
    actor.seen.append("noted")


def rest(actor: Light) -> None:
    """Wait for a message within the turn of another actor."""
    actor._may_rest = True
    actor.seen.append("rests")


class Turn(LightActor):
    """Takes the turn of another actor: calls its message."""

    def on_receive(self, message: Callable[[], Any]) -> None:
        message()
        self._stop()


def within_turn(lane: Lane, work: Callable[[], Any]) -> None:
    """Do something within the turn of an actor, and wait for it."""
    done: pykka.Future[Any] = pykka.ThreadingFuture()

    def answer() -> None:
        try:
            done.set(work())
        except pykka.ActorDeadError:
            done.set_exception()

    Turn.start_lightly(lane, answer)
    done.get(timeout=PATIENCE)


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    made = Dispatcher()
    yield made
    made.stop()


def is_made(actor: Light) -> bool:
    """Return whether the actor has a mailbox, without making one."""
    return "actor_inbox" in vars(actor)


@pytest.mark.parametrize("at_once", [True, False])
def test_one_that_stops_with_its_first_message_has_no_mailbox(dispatcher: Dispatcher, at_once: bool) -> None:
    """It is counted in and out as any other."""
    seen: list[object] = []
    actor = Light.start_lightly(dispatcher.lane(), end, seen, at_once=at_once)
    dispatcher.stop()
    assert seen == ["ended"]
    assert not is_made(actor)
    assert (dispatcher.started(), dispatcher.alive()) == ({"Light": 1}, {"Light": 0})


def test_messages_to_one_that_has_stopped_raise() -> None:
    """A question is answered with the same error. All such actors share one mailbox."""
    dispatcher = Dispatcher()
    actor = Light.start_lightly(dispatcher.lane(), end, [], at_once=True)
    assert actor.actor_inbox is STOPPED
    with pytest.raises(pykka.ActorDeadError):
        actor.actor_inbox.tell(note)
    with pytest.raises(pykka.ActorDeadError):
        actor.actor_ref.ask(note, timeout=PATIENCE)
    assert STOPPED.empty()
    dispatcher.stop()


@pytest.mark.parametrize("at_once", [True, False])
def test_one_that_goes_on_takes_further_messages(dispatcher: Dispatcher, at_once: bool) -> None:
    seen: list[object] = []
    actor = Light.start_lightly(dispatcher.lane(), note, seen, at_once=at_once)
    actor.actor_ref.ask(note, timeout=PATIENCE)
    actor.actor_ref.stop(timeout=PATIENCE)
    dispatcher.stop()
    assert [each for each in seen if each != "turn"] == ["noted", "noted"]
    assert seen[-1] == "turn"
    assert dispatcher.alive() == {"Light": 0}


def held_lane(dispatcher: Dispatcher) -> tuple[Lane, threading.Event]:
    """Return a lane in which an actor has its turn until the event is set."""
    gate, began = threading.Event(), threading.Event()

    def wait(_actor: Light) -> None:
        began.set()
        assert gate.wait(PATIENCE)

    lane = dispatcher.lane()
    Light.start_lightly(lane, wait, [])
    assert began.wait(PATIENCE)
    return lane, gate


def test_a_message_that_comes_before_the_first_turn_waits_for_it(dispatcher: Dispatcher) -> None:
    """As the stop of an item that is queued."""
    seen: list[object] = []
    lane, gate = held_lane(dispatcher)
    actor = Light.start_lightly(lane, note, seen)
    actor.actor_inbox.tell(end)
    gate.set()
    dispatcher.stop()
    assert seen == ["noted", "ended"]
    assert actor.actor_inbox.closed


def test_a_question_that_comes_before_a_first_turn_that_stops_is_answered(dispatcher: Dispatcher) -> None:
    lane, gate = held_lane(dispatcher)
    asked = Light.start_lightly(lane, end, []).actor_ref.ask(note, block=False)
    gate.set()
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=PATIENCE)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_failure_of_the_first_message_stops_it(
    dispatcher: Dispatcher, at_once: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the actor."""
    seen: list[object] = []
    error = RuntimeError("broken")

    def fail(_actor: Light) -> None:
        raise error

    actor = Light.start_lightly(dispatcher.lane(), fail, seen, at_once=at_once)
    dispatcher.stop()
    assert seen == [error]
    assert actor.actor_inbox.closed
    assert dispatcher.alive() == {"Light": 0}
    assert f"Light ({actor.actor_urn}) failed and is stopped" in caplog.text


def test_a_failure_after_its_stop_counts_it_out_once(dispatcher: Dispatcher) -> None:
    def fail(actor: Light) -> None:
        end(actor)
        raise RuntimeError("broken")

    Light.start_lightly(dispatcher.lane(), fail, [], at_once=True)
    assert dispatcher.alive() == {"Light": 0}


def test_a_stopped_dispatcher_starts_none() -> None:
    dispatcher = Dispatcher()
    lane = dispatcher.lane()
    dispatcher.stop()
    with pytest.raises(pykka.ActorDeadError):
        Light.start_lightly(lane, end, [])
    assert dispatcher.alive() == {"Light": 0}


def test_one_that_goes_on_after_the_dispatcher_has_stopped_is_dead() -> None:
    """It takes its first turn in that of its caller, and has no other."""
    dispatcher = Dispatcher()
    lane = dispatcher.lane()
    dispatcher.stop()

    def ask(actor: Light) -> None:
        actor.actor_inbox.tell(note)

    actor = Light.start_lightly(lane, ask, [], at_once=True)
    assert actor.actor_inbox.closed
    assert dispatcher.alive() == {"Light": 0}


def test_threads_that_ask_at_the_same_time_get_the_same_mailbox(dispatcher: Dispatcher) -> None:
    """Also while the actor stops: they get one mailbox, which refuses their messages."""
    for _ in range(200):
        actor = Light.start_lightly(dispatcher.lane(), end, [])
        found: list[Mailbox[Any]] = []
        threads = [
            threading.Thread(target=lambda actor=actor, found=found: found.append(actor.actor_inbox)) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(set(found)) == 1
        with pytest.raises(pykka.ActorDeadError):
            actor.actor_ref.ask(note, timeout=PATIENCE)


def test_one_that_rests_handles_its_next_message_within_the_turn_of_another_without_a_mailbox(
    dispatcher: Dispatcher,
) -> None:
    """As an item whose call in a pool has ended."""
    seen: list[object] = []
    lane = dispatcher.lane()
    actor = Light.start_lightly(lane, rest, seen)

    def hand_over() -> None:
        actor._handle_within_turn(note)
        seen.append("told")

    within_turn(lane, hand_over)
    within_turn(lane, lambda: actor._handle_within_turn(end))
    dispatcher.stop()
    assert seen == ["rests", "noted", "told", "ended"]
    assert not is_made(actor)
    assert dispatcher.alive() == {"Light": 0, "Turn": 0}


def test_one_that_rests_makes_its_mailbox_for_a_message_of_another_thread(dispatcher: Dispatcher) -> None:
    """What comes within a turn then waits behind that message."""
    seen: list[object] = []
    lane = dispatcher.lane()
    actor = Light.start_lightly(lane, rest, seen, at_once=True)

    def tell() -> None:
        actor.actor_inbox.tell(note)
        actor._handle_within_turn(end)
        seen.append("told")

    within_turn(lane, tell)
    dispatcher.stop()
    assert seen == ["rests", "told", "noted", "ended"]
    assert dispatcher.alive() == {"Light": 0, "Turn": 0}


def test_one_that_rests_and_fails_is_stopped(dispatcher: Dispatcher) -> None:
    """Only itself, not the actor whose turn it is."""
    seen: list[object] = []
    error = RuntimeError("broken")
    lane = dispatcher.lane()
    actor = Light.start_lightly(lane, rest, seen)

    def fail(_actor: Light) -> None:
        raise error

    def hand_over() -> None:
        actor._handle_within_turn(fail)
        seen.append("told")

    within_turn(lane, hand_over)
    with pytest.raises(pykka.ActorDeadError):
        within_turn(lane, lambda: actor._handle_within_turn(note))
    assert seen == ["rests", error, "told"]
    assert dispatcher.alive()["Light"] == 0


def test_a_mailbox_that_is_made_while_its_actor_begins_to_rest_loses_no_message() -> None:
    """One thread begins the rest, another one sends a message."""
    dispatcher, gate = Dispatcher(), threading.Barrier(2)

    def meet(actor: Light) -> None:
        rest(actor)
        gate.wait(PATIENCE)

    for _ in range(200):
        ended = threading.Event()

        def leave(actor: Light, ended: threading.Event = ended) -> None:
            end(actor)
            ended.set()

        actor = Light.start_lightly(dispatcher.lane(), meet, [])
        gate.wait(PATIENCE)
        actor.actor_inbox.tell(leave)
        assert ended.wait(PATIENCE)
    dispatcher.stop()
    assert dispatcher.alive() == {"Light": 0}
