"""An inbox that can wake its actor without a message."""

import threading
import time

from pykka._envelope import Envelope

from stretto.actors.dispatch.timed_inbox import DeadlineElapsed, TimedInbox
from tests.support.waiting import PATIENCE


def test_messages_come_in_their_order() -> None:
    """A passed deadline does not overtake them."""
    inbox = TimedInbox()
    inbox.deadline = time.monotonic() - 1
    for number in range(3):
        inbox.put(Envelope(number))
    assert not inbox.empty()
    assert [inbox.get().message for _ in range(3)] == [0, 1, 2]
    assert inbox.empty()


def test_a_deadline_wakes_an_empty_inbox() -> None:
    """Not before its time, and again and again until it is changed."""
    inbox = TimedInbox()
    inbox.deadline = deadline = time.monotonic() + 0.02
    assert isinstance(inbox.get().message, DeadlineElapsed)
    assert time.monotonic() >= deadline
    assert isinstance(inbox.get().message, DeadlineElapsed)


def test_a_message_ends_the_wait_for_a_far_deadline() -> None:
    """Also for one beyond the longest timeout of a lock."""
    inbox = TimedInbox()
    inbox.deadline = time.monotonic() + 1e9
    received: list[object] = []
    waiting = threading.Thread(target=lambda: received.append(inbox.get().message))
    waiting.start()
    inbox.put(Envelope("message"))
    waiting.join(PATIENCE)
    assert received == ["message"]
