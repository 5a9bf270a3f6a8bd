"""The time and the randomness that an expression sees: fixed by the event at hand, so that a replay agrees."""

import hashlib
import uuid
from datetime import UTC, datetime


class Moment:
    """When an expression is evaluated, and the seed of its `uuid()`.

    `at` is seconds since the epoch; `seed` tells this evaluation from every other of the run (the run's id and
    the event's number, for an item's input also the task, visit and index). The calls of `uuid()` are counted
    over all expressions evaluated at one moment, so that each gives another id.
    """

    __slots__ = ("_calls", "at", "seed")

    def __init__(self, at: float, seed: str) -> None:
        self.at = at
        self.seed = seed
        self._calls = 0

    def now(self) -> str:
        """Return the time as RFC 3339 in UTC, with microseconds."""
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def uuid(self) -> str:
        """Return the next id of this moment, in the form of a random (version 4) UUID."""
        self._calls += 1
        digest = hashlib.blake2b(f"{self.seed}/{self._calls}".encode(), digest_size=16).digest()
        return str(uuid.UUID(bytes=digest, version=4))
