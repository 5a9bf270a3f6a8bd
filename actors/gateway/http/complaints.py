"""Log lines about clients that misbehave: one for each reason in a while, however many clients there are."""

import time
from collections.abc import Callable
from typing import Final

from stretto.metrics import get_logger

QUIET_SECONDS: Final = 60.0
"""The time from a log line about a client to the next one for the same reason. Those between are counted in it."""

_log = get_logger("stretto.gateway")


class Complaints:
    """Reports why clients were refused or cut off. For one event loop.

    Args:
        clock: Returns the present time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}
        self._unreported: dict[str, int] = {}

    def note(self, reason: str, address: str) -> None:
        """Log that a client was refused, or only count it.

        Args:
            reason: Why. One of a fixed number of texts.
            address: The client's address, or "" for one of the socket.
        """
        now = self._clock()
        last = self._last.get(reason)
        if last is not None and now - last < QUIET_SECONDS:
            self._unreported[reason] = self._unreported.get(reason, 0) + 1
            return
        self._last[reason] = now
        _log.warning("client_refused", reason=reason, address=address, before=self._unreported.pop(reason, 0))
