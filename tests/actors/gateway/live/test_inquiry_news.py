"""The frame that says that inquiries have changed: who gets it, and how often."""

import pytest

from stretto.actors.gateway.live.inquiry_news import RECENT_SECONDS, InquiryNews
from stretto.actors.gateway.live.output_channel import OutputChannel
from stretto.actors.gateway.live.run_channel import FRAME_SECONDS
from stretto.actors.gateway.live.subscription import Subscription
from tests.support.streaming import Timers

FRAME = b"event: inquiries\ndata: {}\n\n"


class Outlet:
    """A connection that takes all at once."""

    is_full = False

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, frames: bytes) -> None:
        self.written.append(frames)

    def end(self, frames: bytes) -> None:
        raise AssertionError(frames)

    def hurry(self, seconds: float) -> None:
        raise AssertionError(seconds)


def opened() -> tuple[Subscription, Outlet]:
    """Return an open stream, and its connection after its first frame."""
    subscription, outlet = Subscription(""), Outlet()
    subscription.attach(outlet)
    outlet.written.clear()
    return subscription, outlet


def test_all_who_follow_runs_are_told_at_most_four_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those who follow an output. What comes between two frames is told in the second one, and no timer stays."""
    monkeypatch.setattr(OutputChannel, "__init__", lambda _self: None)
    (run, of_run), (output, of_output) = opened(), opened()
    timers = Timers()
    news = InquiryNews({run: None, output: OutputChannel()}, timers.call_later)  # type: ignore[call-arg]
    for _ in range(5):
        news.changed()
    assert of_run.written == [FRAME]
    timers.advance(FRAME_SECONDS)
    assert of_run.written == [FRAME, FRAME]
    timers.advance(FRAME_SECONDS)
    assert of_run.written == [FRAME, FRAME]
    assert timers.count == 1, "that at whose end the news are old"
    news.changed()
    assert of_run.written == [FRAME] * 3
    assert of_output.written == []


def test_a_new_stream_is_told_of_recent_news() -> None:
    """Its page may have been made before them. At last no timer stays."""
    timers = Timers()
    news = InquiryNews({}, timers.call_later)
    greeted: list[list[bytes]] = []
    for changes in (0, 2, 1, 0, 0):
        for _ in range(changes):
            news.changed()
        subscription, outlet = opened()
        news.greet(subscription)
        greeted.append(outlet.written)
        timers.advance(RECENT_SECONDS)
    assert greeted == [[], [FRAME], [FRAME], [FRAME], []]
    assert timers.count == 0
