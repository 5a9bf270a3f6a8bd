"""The time and the randomness that an expression sees: fixed by the event at hand, so that a replay agrees."""

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any

from stretto.definitions.expressions.base.guarding import Source


class Moment:
    """When an expression is evaluated, and the seed of its `uuid()`.

    `at` is seconds since the epoch; `seed`, in parts, tells this evaluation from every other of the run (the run's id
    and the event's number, for an item's input also the task, visit and index). The calls of `uuid()` are counted
    over all expressions evaluated at one moment, so that each gives another id. `sources` are those of secrets that
    the expression at hand has read.
    """

    __slots__ = ("_calls", "_seed", "at", "sources")

    def __init__(self, at: float, *seed: str | int) -> None:
        self.at = at
        self._seed = seed
        self._calls = 0
        self.sources: list[Source] | None = None

    def note(self, source: Source) -> None:
        """Note that the expression at hand has read a secret."""
        if self.sources is None:
            self.sources = []
        self.sources.append(source)

    def learn(self, value: Any) -> None:
        """Have the sources of the secrets that were read learn what the expression gave: its end."""
        sources, self.sources = self.sources or (), None
        for source in sources:
            source.learn(value)

    def now(self) -> str:
        """Return the time as RFC 3339 in UTC, with microseconds."""
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def uuid(self) -> str:
        """Return the next id of this moment, in the form of a random (version 4) UUID."""
        self._calls += 1
        seed = "/".join(map(str, (*self._seed, self._calls)))
        digest = hashlib.blake2b(seed.encode(), digest_size=16).digest()
        return str(uuid.UUID(bytes=digest, version=4))
