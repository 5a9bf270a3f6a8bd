"""The output of an item that one client follows: asked for when there is more, until its attempt ends.

output   the output so far, first     {task, visit, index, attempt, outcome, stdout, stderr, truncated, cut, characters}
more     what was written since       {stdout, stderr, left_out}
ended    the attempt has ended        {outcome}
"""

from collections.abc import Iterator
from typing import Any, Final

from stretto.actors.gateway.live.frames import event
from stretto.actors.gateway.live.run_channel import FRAME_SECONDS, CallLater, Timer
from stretto.actors.gateway.live.source import FollowedItem, Source
from stretto.actors.gateway.live.subscription import Subscription
from stretto.actors.gateway.output_text import further_text

MAX_TEXT: Final = 2500
"""Characters of each stream in a frame. If each is escaped (six bytes), the frame still has at most 32 KiB."""
_STREAMS: Final = "stdout", "stderr"


class OutputChannel:
    """One client that follows the output of an item.

    Args:
        key: Names it in the engine's messages.
        subscription: The client.
        source: The engine.
        call_later: Calls a function after so many seconds.
    """

    def __init__(self, key: str, subscription: Subscription, source: Source, call_later: CallLater) -> None:
        self.key = key
        self._subscription = subscription
        self._source = source
        self._call_later = call_later
        self._item = FollowedItem("", "", 0)
        self._shown: dict[str, Any] = {}
        self._asking = self._stale = self._has_failed = False
        self._timer: Timer | None = None

    async def begin(self, item: FollowedItem) -> None:
        """Send the output of an item so far. Raises as `Engine.item_output` does."""
        self._shown = await self._source.output(item, self.key)
        # Not the attempt after it, which may be in flight when this one's end is asked for.
        self._item = item._replace(attempt=self._shown["attempt"])
        self._subscription.begin(_first_frames(self._shown))
        if self._shown["outcome"] is not None:
            self._end(self._shown["outcome"])

    def changed(self) -> None:
        """Ask for what has been written, soon after the last question."""
        if self._subscription.ended:
            return
        if self._asking or self._timer is not None:
            self._stale = True
        else:
            self._ask()

    def close(self) -> None:
        """Ask nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask(self) -> None:
        self._asking, self._stale = True, False
        self._timer = self._call_later(FRAME_SECONDS, self._rested)
        self._source.ask_output(self._item, self.key, self._take, self._failed)

    def _rested(self) -> None:
        self._timer = None
        if self._stale and not self._asking and not self._subscription.ended:
            self._ask()

    def _take(self, later: dict[str, Any]) -> None:
        self._asking = self._has_failed = False
        if (later["visit"], later["attempt"]) != (self._shown["visit"], self._shown["attempt"]):
            self._end(None)  # it is of another visit of the task
            return
        for frame in _further_frames(self._shown, later):
            self._subscription.put(frame)
        self._shown = later
        if later["outcome"] is not None:
            self._end(later["outcome"])
        elif self._stale and self._timer is None:
            self._ask()

    def _failed(self, _error: Exception) -> None:
        self._asking = False
        if self._has_failed:
            self._end(None)  # it has ended, and nothing is kept of it
            return
        self._has_failed = self._stale = True  # it has just ended: its end is known in a moment
        if self._timer is None:
            self._timer = self._call_later(FRAME_SECONDS, self._rested)

    def _end(self, outcome: str | None) -> None:
        self.close()
        self._subscription.end(event("ended", {"outcome": outcome}))


def _first_frames(report: dict[str, Any]) -> Iterator[bytes]:
    first = {name: None if report[name] is None else report[name][:MAX_TEXT] for name in _STREAMS}
    sizes = {name: len(report[name] or "") for name in _STREAMS}
    yield event("output", {**report, **first, "characters": sizes}, "")
    yield from _more({name: (report[name] or "")[MAX_TEXT:] for name in _STREAMS}, left_out=False)


def _further_frames(shown: dict[str, Any], later: dict[str, Any]) -> Iterator[bytes]:
    texts, left_out = {}, False
    for name in _STREAMS:
        news = further_text(shown[name] or "", later[name] or "")
        left_out |= news is None
        texts[name] = (later[name] or "") if news is None else news
    yield from _more(texts, left_out=left_out)


def _more(texts: dict[str, str], *, left_out: bool) -> Iterator[bytes]:
    """Yield texts in frames of bounded size. `left_out` says that some came faster than it was read."""
    while any(texts.values()):
        yield event("more", {**{name: text[:MAX_TEXT] for name, text in texts.items()}, "left_out": left_out})
        texts, left_out = {name: text[MAX_TEXT:] for name, text in texts.items()}, False
