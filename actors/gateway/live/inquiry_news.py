"""The news that inquiries were asked or have ended, for all who follow runs."""

from collections.abc import Iterable, Mapping
from typing import Final

from stretto.actors.gateway.live.frames import event
from stretto.actors.gateway.live.output_channel import OutputChannel
from stretto.actors.gateway.live.run_channel import FRAME_SECONDS, CallLater
from stretto.actors.gateway.live.subscription import Subscription

_FRAME: Final = event("inquiries", {})


class InquiryNews:
    """Sends `inquiries` to the streams of runs and of the engine, at most once in FRAME_SECONDS.

    The frame has no data: a client asks for the inquiries that it wants.

    Args:
        streams: The open streams, each with what it follows. Those of outputs are left out.
        call_later: Calls a function after so many seconds.
    """

    def __init__(self, streams: Mapping[Subscription, object], call_later: CallLater) -> None:
        self._streams = streams
        self._call_later = call_later
        self._is_resting = False
        self._has_news = False

    def changed(self) -> None:
        """Note that an inquiry was asked or has ended."""
        if self._is_resting:
            self._has_news = True
        elif self._streams:
            self._send()

    def _send(self) -> None:
        self._is_resting, self._has_news = True, False
        self._call_later(FRAME_SECONDS, self._rested)
        for each in self._listening():
            each.put(_FRAME)

    def _listening(self) -> Iterable[Subscription]:
        return [each for each, followed in self._streams.items() if not isinstance(followed, OutputChannel)]

    def _rested(self) -> None:
        self._is_resting = False
        if self._has_news:
            self._send()
