"""The message of a pool that calls have ended, and those who get it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from stretto.actors.runners import Finished


class Caller(Protocol):
    """Who has made a call."""

    def end_within_turn(self, finished: Finished, at: float) -> None:
        """Take the end of the call, within a turn of the inbox's actor.

        Args:
            finished: The end.
            at: When the pool heard of it, on the monotonic clock.
        """

    def end_later(self, finished: Finished) -> None:
        """Take the end of the call from any thread: the inbox's actor has stopped."""


class CallsEnded(msgspec.Struct, frozen=True):
    """Calls of one inbox have ended.

    Attributes:
        ends: Each caller, with the end of its call.
        at: When the pool heard of it, on the monotonic clock.
    """

    ends: Sequence[tuple[Caller, Finished]]
    at: float

    def return_to_sender(self) -> None:
        """Give each end to its caller: the inbox's actor has stopped before it handled the message."""
        for caller, finished in self.ends:
            caller.end_later(finished)
