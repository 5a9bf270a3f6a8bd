"""One client's queue: frames in their order, at once if the client reads as fast."""

from stretto.actors.gateway.live.subscription import LAST_WORDS_SECONDS, QUEUE_FRAMES, Subscription
from tests.support.streaming import Taken


class Noted:
    """A holder that notes its number when the client has left."""

    def __init__(self, number: int, called: list[int]) -> None:
        self._number = number
        self._called = called

    def remove(self, _subscription: Subscription) -> None:
        """Note it."""
        self._called.append(self._number)


def attached() -> tuple[Subscription, Taken]:
    """Return a stream and its connection, which has taken the first frame."""
    subscription, outlet = Subscription("s"), Taken()
    subscription.begin([b"hello"])
    subscription.attach(outlet)
    assert outlet.written.pop().endswith(b"hello")
    return subscription, outlet


def test_a_client_that_reads_gets_frames_at_once() -> None:
    """Nothing comes behind the last ones."""
    subscription, outlet = attached()
    subscription.put(b"1")
    subscription.put(b"2")
    subscription.end(b"34")
    subscription.put(b"5")
    subscription.end(b"6")
    assert (outlet.written, outlet.last) == ([b"1", b"2"], b"34")


def test_frames_wait_for_a_client_that_does_not_read() -> None:
    """None overtakes another one. They are written together when there is room."""
    subscription, outlet = attached()
    outlet.is_full = True
    subscription.put(b"1")
    subscription.put(b"2")
    subscription.flush()
    assert outlet.written == []
    outlet.is_full = False
    subscription.flush()
    subscription.flush()
    assert outlet.written == [b"12"]


def test_the_last_frames_wait_behind_the_others() -> None:
    """They end the answer."""
    subscription, outlet = attached()
    outlet.is_full = True
    subscription.put(b"1")
    subscription.end(b"2")
    assert outlet.last is None
    outlet.is_full = False
    subscription.flush()
    assert outlet.written == []
    assert outlet.last == b"12"


def test_a_client_that_is_too_far_behind_is_dropped() -> None:
    """It is told why, if it reads that within a bounded time."""
    subscription, outlet = attached()
    outlet.is_full = True
    for _ in range(QUEUE_FRAMES):
        subscription.put(b"1")
    assert not subscription.lagging
    subscription.put(b"2")
    assert (subscription.ended, subscription.lagging, outlet.hurried) == (True, True, [LAST_WORDS_SECONDS])
    outlet.is_full = False
    subscription.flush()
    assert outlet.last is not None
    assert outlet.last.startswith(b"event: lagging\n")


def test_frames_from_before_the_connection_come_first() -> None:
    """Also the end of a stream that was not begun."""
    subscription, outlet = Subscription("s"), Taken()
    subscription.begin([b"hello"])
    subscription.put(b"1")
    subscription.end(b"2")
    subscription.attach(outlet)
    assert outlet.written == []
    assert outlet.last is not None
    assert outlet.last.endswith(b"hello12")


def test_who_waits_for_a_clients_leave_is_called_once() -> None:
    """The last one first. Nothing is written then."""
    subscription, outlet = attached()
    called: list[int] = []
    subscription.held_by(Noted(1, called))
    subscription.held_by(Noted(2, called))
    subscription.close()
    subscription.close()
    subscription.put(b"1")
    subscription.end(b"2")
    subscription.flush()
    assert called == [2, 1]
    assert (outlet.written, outlet.last) == ([], None)
