"""Lanes: which actor has the next turn, and what becomes of a lane's turns when its dispatcher stops."""

import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pykka
import pytest

from stretto.actors.dispatch import DispatchedActor, Dispatcher, Lane
from stretto.actors.dispatch.dispatcher import LANE_TURNS
from tests.support.waiting import PATIENCE


class Turn(DispatchedActor):
    """Notes its messages, and calls those that can be called."""

    registered: ClassVar[bool] = False

    def __init__(self, seen: list[object]) -> None:
        super().__init__()
        self._seen = seen

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message()
        self._seen.append(message)
        return message


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    made = Dispatcher()
    yield made
    made.stop()


class HeldUp:
    """A turn that takes until it is released. Meanwhile actors become ready."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._gate, began = threading.Event(), threading.Event()

        def wait() -> None:
            began.set()
            assert self._gate.wait(PATIENCE)

        self._mailbox = Turn.start_with(dispatcher, wait, [])
        assert began.wait(PATIENCE)

    def release(self) -> None:
        self._gate.set()
        self._mailbox.request_stop()


def finish(dispatcher: Dispatcher, mailboxes: list[Any]) -> None:
    """Return when the dispatcher has run all turns that wait."""
    for each in mailboxes:
        each.request_stop()
    done = threading.Event()
    last = Turn.start_with(dispatcher, done.set, [])
    assert done.wait(PATIENCE)
    last.request_stop()


def test_one_ready_actor_does_not_wait_for_those_of_a_large_lane(dispatcher: Dispatcher) -> None:
    """However many actors of a lane are ready, an actor outside waits for `LANE_TURNS` of them at most."""
    seen: list[object] = []
    held = HeldUp(dispatcher)
    large = dispatcher.lane()
    mailboxes = [Turn.start_with(large, number, seen) for number in range(100)]
    mailboxes.append(Turn.start_with(dispatcher, "request", seen))
    held.release()
    finish(dispatcher, mailboxes)
    dispatcher.stop()
    assert seen.index("request") <= LANE_TURNS
    assert [each for each in seen if each != "request"] == list(range(100))


def test_lanes_take_turns(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a round each gets its turns, and its actors have theirs in the order in which they became ready."""
    most, seen = 2, list[object]()
    monkeypatch.setattr("stretto.actors.dispatch.dispatcher.LANE_TURNS", most)
    monkeypatch.setattr("stretto.actors.dispatch.dispatcher.LANE_SECONDS", PATIENCE)
    run_lanes(dispatcher, {"a": 5, "b": 3, "c": 1}, seen)
    assert seen == ["a0", "a1", "b0", "b1", "c0", "a2", "a3", "b2", "a4"]


def test_a_lane_whose_time_is_over_leaves_the_next_turn_to_others(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its actors may take long: then each turn is one of another lane."""
    seen: list[object] = []
    monkeypatch.setattr("stretto.actors.dispatch.dispatcher.LANE_SECONDS", 0.0)
    run_lanes(dispatcher, {"a": 4, "b": 2, "c": 1}, seen)
    assert seen == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def run_lanes(dispatcher: Dispatcher, actors: dict[str, int], seen: list[object]) -> None:
    """Make lanes ready at once, with so many actors each, and return when all have had their turn."""
    held, mailboxes = HeldUp(dispatcher), []
    for lane, count in actors.items():
        shared = dispatcher.lane()
        mailboxes += [Turn.start_with(shared, f"{lane}{number}", seen) for number in range(count)]
    held.release()
    finish(dispatcher, mailboxes)
    dispatcher.stop()


def test_requests_do_not_starve_a_lane(dispatcher: Dispatcher) -> None:
    """An actor that always has another message leaves every other turn to a lane."""
    seen: list[object] = []
    held = HeldUp(dispatcher)
    asked = Turn.start_on(dispatcher, seen)

    def again() -> None:
        seen.append("request")
        if len(seen) < 1_000:
            asked.tell(again)

    asked.tell(again)
    lane = dispatcher.lane()
    mailboxes = [Turn.start_with(lane, number, seen) for number in range(5)]
    held.release()
    finish(dispatcher, [*mailboxes, asked.actor_inbox])
    dispatcher.stop()
    # A turn has at most 64 messages.
    assert seen.index(4) <= 6 * 64 + 5


def test_a_lane_can_be_used_again(dispatcher: Dispatcher) -> None:
    """After all its actors had their turns, it is queued by the next one."""
    seen: list[object] = []
    lane = dispatcher.lane()
    for number in range(3):
        actor = Turn.start_on(lane, seen)
        assert actor.ask(number, timeout=PATIENCE) == number
        actor.stop()
    assert lane.ready.empty()


def test_the_turns_of_a_lane_are_run_before_a_stop() -> None:
    """Those that were queued by then: stop() returns behind them."""
    dispatcher = Dispatcher()
    seen: list[object] = []
    held = HeldUp(dispatcher)
    lane, other = dispatcher.lane(), dispatcher.lane()
    for number in range(20):
        Turn.start_with(lane, number, seen).request_stop()
        Turn.start_with(other, -number, seen).request_stop()
    stopping = threading.Thread(target=dispatcher.stop)
    stopping.start()
    held.release()
    stopping.join(PATIENCE)
    assert sorted(each for each in seen if isinstance(each, int)) == sorted(
        [*range(20), *(-each for each in range(20))]
    )
    assert not any(dispatcher.alive().values())


def test_a_lane_of_a_stopped_dispatcher_starts_nothing() -> None:
    """Starting on it raises ActorDeadError, as on the dispatcher."""
    dispatcher = Dispatcher()
    lane = dispatcher.lane()
    dispatcher.stop()
    with pytest.raises(pykka.ActorDeadError):
        Turn.start_on(lane, [])
    assert dispatcher.alive() == {"Turn": 0}


def test_what_is_left_of_a_lane_is_abandoned() -> None:
    """Its actors are dead then, and a question to them is answered with ActorDeadError."""
    dispatcher = Dispatcher()
    lane = Lane(dispatcher)
    actor = Turn.start_on(lane, [])
    actor.ask("idle from here on", timeout=PATIENCE)
    dispatcher.stop()
    dispatcher._stopping = dispatcher._stopped = False  # what a sender saw just before
    late = actor.ask("late", block=False)
    lane.abandon()
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=PATIENCE)


def test_many_threads_lose_no_turn_of_a_lane() -> None:
    """Also while several dispatcher threads find it empty, and it is queued twice."""
    dispatcher = Dispatcher(3, turn=2)
    seen: list[object] = []
    lane = dispatcher.lane()
    actors = [Turn.start_on(lane, seen) for _ in range(4)]

    def send(sender: int) -> None:
        for number in range(200):
            actors[number % 4].tell((sender, number))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for actor in actors:
        actor.stop(timeout=PATIENCE)
    dispatcher.stop()
    assert len(seen) == 800
    assert len(set(seen)) == 800
