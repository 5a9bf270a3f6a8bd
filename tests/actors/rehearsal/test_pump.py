"""The dispatcher that a rehearsal takes turns on."""

import threading
from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import DispatchedActor
from stretto.actors.rehearsal import pump
from stretto.actors.rehearsal.pump import PumpedDispatcher
from stretto.definitions.errors import LimitExceeded


class Relay(DispatchedActor):
    """Notes what it is told, and tells it on, less one, until nothing is left."""

    def __init__(self, noted: list[int], following: "pykka.ActorRef[Relay] | None" = None) -> None:
        super().__init__()
        self._noted = noted
        self._following = following

    def on_receive(self, message: Any) -> None:
        self._noted.append(message)
        if message > 0:
            (self._following or self.actor_ref).tell(message - 1)


def test_nothing_happens_until_it_is_pumped_and_then_all_of_it_on_this_thread() -> None:
    """One message leads to the next; when `pump` returns, none is left."""
    dispatcher, noted, threads = PumpedDispatcher(), list[int](), set(threading.enumerate())
    second = Relay.start_on(dispatcher, noted)
    first = Relay.start_on(dispatcher, noted, second)
    first.tell(3)
    assert noted == []
    dispatcher.pump()
    assert noted == [3, 2, 1, 0]
    assert set(threading.enumerate()) <= threads
    dispatcher.stop()


def test_a_stop_drops_every_actor_and_takes_no_other() -> None:
    """Nothing of a rehearsal stays behind, whatever it was doing."""
    dispatcher, noted = PumpedDispatcher(), list[int]()
    reference = Relay.start_on(dispatcher, noted)
    question = reference.ask(1, block=False)
    dispatcher.stop()
    with pytest.raises(pykka.ActorDeadError):
        question.get(timeout=0)
    assert dispatcher.alive() == {"Relay": 0}
    assert reference not in pykka.ActorRegistry.get_all()
    with pytest.raises(pykka.ActorDeadError):
        Relay.start_on(dispatcher, noted)


def test_actors_that_never_come_to_rest_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that tell each other for ever do not hang the rehearsal."""
    monkeypatch.setattr(pump, "MAX_TURNS", 100)
    dispatcher = PumpedDispatcher()

    class Endless(DispatchedActor):
        other: "pykka.ActorRef[Endless]"

        def on_receive(self, message: Any) -> None:
            self.other.tell(message)

    first, second = Endless.start_on(dispatcher), Endless.start_on(dispatcher)
    first._actor_weakref().other = second  # type: ignore[union-attr]
    second._actor_weakref().other = first  # type: ignore[union-attr]
    first.tell("on")
    with pytest.raises(LimitExceeded, match="does not come to rest: 100 turns"):
        dispatcher.pump()
    dispatcher.stop()
