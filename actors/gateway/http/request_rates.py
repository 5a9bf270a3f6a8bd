"""How many requests a second each client may send, if the settings bound that.

A client has a budget of one second's requests, at least one, which grows back as time passes. Answers say what is left
of it, in the fields of the IETF's draft "RateLimit header fields for HTTP".
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeAlias

from stretto.actors.access import Caller
from stretto.actors.gateway.http.problems import Limit, Problem

MAX_CLIENTS: Final = 10_000
"""Clients whose budgets are remembered. The one that has sent nothing for the longest time is forgotten."""

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class RequestRates:
    """The budgets of clients: each token has one, with all its sessions, and so has each user of the socket.

    The daemon's own user has no bound. For one event loop.

    Args:
        most: Requests a second of one client (`serve.max_requests_per_second`), or None without a bound.
        now: Returns seconds that only grow.
    """

    def __init__(self, most: float | None, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._whole = max(1.0, most or 1.0)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """The rest of a client's budget, and when that was counted."""
        whole = math.floor(self._whole)
        self._policy = f'"requests";q={whole};w={max(1, math.ceil(whole / (most or 1.0)))}'.encode()

    def spend(self, caller: Caller) -> Headers:
        """Count a request. Return the headers of its answer that say what is left.

        Raises:
            Problem: The client has sent as many as it may. It has the same headers, and when to try again.
        """
        if self._most is None or caller.origin == "owner":
            return ()
        client, now = caller.token or caller.session or caller.who, self._now()
        left, since = self._left.pop(client, (self._whole, now))
        left = min(self._whole, left + (now - since) * self._most)
        has_room = left >= 1.0
        left -= has_room
        self._left[client] = left, now
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        seconds = max(0, math.ceil((1.0 - left) / self._most))
        limit = f'"requests";r={math.floor(left)};t={seconds}'
        if has_room:
            return (b"ratelimit-policy", self._policy), (b"ratelimit", limit.encode())
        raise Problem(
            "too_many_requests",
            f"a client may send {self._most:g} requests a second (serve.max_requests_per_second): "
            f"send it again in {seconds} s",
            {"retry-after": str(seconds), "ratelimit-policy": self._policy.decode(), "ratelimit": limit},
            Limit("serve.max_requests_per_second", self._most),
        )
