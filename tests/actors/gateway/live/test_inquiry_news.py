"""The frame that says that inquiries have changed: who gets it, and how often."""

import pytest

from stretto.actors.gateway.live.inquiry_news import InquiryNews
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
    assert timers.count == 0
    news.changed()
    assert of_run.written == [FRAME] * 3
    assert of_output.written == []


def test_nothing_is_timed_while_nobody_listens() -> None:
    """The next client gets the inquiries with its page."""
    timers = Timers()
    InquiryNews({}, timers.call_later).changed()
    assert timers.count == 0
