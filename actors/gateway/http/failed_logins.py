"""How often an address may fail to log in, or to use a personal link."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from stretto.actors.gateway.http.problems import Limit, Problem
from stretto.metrics import get_logger

MAX_FAILED_LOGINS: Final = 10
"""How often one address may fail to log in within FAILED_LOGINS_SECONDS."""
FAILED_LOGINS_SECONDS: Final = 60.0
MAX_ADDRESSES: Final = 10_000
"""Addresses whose failures are remembered. The one that failed least recently is forgotten."""

_log = get_logger("stretto.gateway")


class FailedLogins:
    """Counts failures by address, and refuses addresses with too many.

    Args:
        now: Returns seconds that only grow.
        act: What fails, for the message.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, act: str = "log in") -> None:
        self._act = act
        self._now = now
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Refuse an address that has failed too often.

        Raises:
            Problem: It may try again later.
        """
        failed = self._failed.get(address)
        if failed is None or len(failed) < MAX_FAILED_LOGINS:
            return
        left = failed[0] + FAILED_LOGINS_SECONDS - self._now()
        if left > 0:
            raise Problem(
                "too_many_logins",
                f"an address may fail to {self._act} {MAX_FAILED_LOGINS} times in {FAILED_LOGINS_SECONDS:g} s "
                f"(MAX_FAILED_LOGINS): try again in {math.ceil(left)} s",
                {"retry-after": str(math.ceil(left))},
                Limit("MAX_FAILED_LOGINS", MAX_FAILED_LOGINS),
            )

    def add(self, address: str) -> None:
        """Count a failure."""
        failed = self._failed.setdefault(address, deque(maxlen=MAX_FAILED_LOGINS))
        failed.append(self._now())
        self._failed.move_to_end(address)
        if len(self._failed) > MAX_ADDRESSES:
            self._failed.popitem(last=False)
        if len(failed) == MAX_FAILED_LOGINS and failed[-1] - failed[0] < FAILED_LOGINS_SECONDS:
            _log.warning("logins_refused", address=address, failures=MAX_FAILED_LOGINS)
