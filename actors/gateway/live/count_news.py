"""The numbers of sensors, rules, schedules and events for the menus of open pages."""

from typing import Final

from msgspec import structs

from stretto.actors.engine import TriggerCounts
from stretto.actors.gateway.live.frames import event
from stretto.actors.gateway.live.run_channel import CallLater
from stretto.actors.gateway.live.source import Source
from stretto.actors.gateway.live.subscription import Subscription

COUNT_SECONDS: Final = 1.0
"""The least time between two frames with counts: events may come a thousand times a second."""


class CountNews:
    """Sends `counts` to the streams of pages. The engine is asked only after a change, and only while there are some.

    Args:
        source: The engine.
        call_later: Calls a function after so many seconds.
    """

    def __init__(self, source: Source, call_later: CallLater) -> None:
        self._source = source
        self._call_later = call_later
        self._clients: dict[Subscription, None] = {}
        self._last: bytes | None = None
        """The last frame, or None if nothing is known."""
        self._has_changed = True
        """Whether the counts may be others now."""
        self._is_asking = False
        self._is_resting = False

    def join(self, subscription: Subscription) -> None:
        """Send a client the counts now and after each change."""
        subscription.held_by(self)
        self._clients[subscription] = None
        if self._last is not None:
            subscription.put(self._last)
        self._ask()

    def remove(self, subscription: Subscription) -> None:
        """Forget a client that has left."""
        self._clients.pop(subscription, None)

    def changed(self) -> None:
        """Note that the counts may be others now."""
        self._has_changed = True
        self._ask()

    def _ask(self) -> None:
        if self._clients and self._has_changed and not (self._is_asking or self._is_resting):
            self._has_changed, self._is_asking = False, True
            self._source.watch_triggers(self._take, self._failed)

    def _take(self, counts: TriggerCounts) -> None:
        self._is_asking, self._is_resting = False, True
        self._call_later(COUNT_SECONDS, self._rested)
        frame = event("counts", structs.asdict(counts))
        if frame != self._last:
            self._last = frame
            for each in tuple(self._clients):
                each.put(frame)

    def _failed(self, _error: Exception) -> None:
        """Let the next change, or the next client, try again: the engine is being stopped."""
        self._is_asking, self._has_changed = False, True

    def _rested(self) -> None:
        self._is_resting = False
        self._ask()
