"""Messages that are not lost when their actor stops before it handles them."""

import sys
import threading
from types import FrameType

import pykka
import pytest

from stretto.actors.dispatch import DispatchedActor, Dispatcher, Mailbox
from tests.support.waiting import PATIENCE


class Letter:
    """A message that returns."""

    def __init__(self) -> None:
        self.returned = threading.Event()

    def return_to_sender(self) -> None:
        """Take note of it."""
        self.returned.set()


class Reader(DispatchedActor):
    """Stops at its first message, and lets the test send more before."""

    def __init__(self, gate: threading.Event) -> None:
        self._gate = gate

    def on_receive(self, _message: object) -> None:
        assert self._gate.wait(PATIENCE)
        self._stop()


def test_a_message_behind_the_last_one_returns_to_its_sender() -> None:
    dispatcher, gate, letter = Dispatcher(), threading.Event(), Letter()
    reader = Reader.start_on(dispatcher, gate)
    reader.tell("the last")
    reader.tell(letter)
    gate.set()
    assert letter.returned.wait(PATIENCE)
    dispatcher.stop()


def test_a_message_to_a_stopped_actor_raises_instead() -> None:
    """Its sender has it still."""
    dispatcher, gate, letter = Dispatcher(), threading.Event(), Letter()
    gate.set()
    reader = Reader.start_on(dispatcher, gate)
    reader.tell("the last")
    dispatcher.stop()
    with pytest.raises(pykka.ActorDeadError):
        reader.tell(letter)
    assert not letter.returned.is_set()


def test_a_stop_that_waits_is_not_looked_at_as_a_message_that_may_return() -> None:
    """The look at a protocol takes microseconds, and each run ends with such a stop."""
    mailbox: Mailbox[DispatchedActor] = Mailbox()
    mailbox.open(DispatchedActor(), lambda _owner: True, lambda: None)
    mailbox.request_stop()
    looks = 0

    def count(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal looks
        looks += event == "call" and frame.f_code.co_name == "__instancecheck__"

    sys.setprofile(count)
    try:
        mailbox.close()
    finally:
        sys.setprofile(None)
    assert looks == 0
