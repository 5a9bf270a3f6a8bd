"""Replies whose callers go on when the dispatcher has nothing to do, or a millisecond after the answer.

caller.get() <-- the lock of its thread <-- LateWakes <-- TurnReply <-- the handler's value, which is there at once
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final, TypeVar

from stretto.actors.dispatch.deferred import Reply

T = TypeVar("T")

LATE_SECONDS: Final = 0.001
"""The time after an answer at whose end its caller is woken, at the end of the turn, whatever else is to do."""


class LateWakes:
    """The callers that a dispatcher's thread is to wake. Only that thread uses it.

    Attributes:
        waiting: The locks of their threads.
        due: When to wake them at the latest, on the monotonic clock, between two turns.
    """

    __slots__ = ("due", "waiting")

    def __init__(self) -> None:
        self.waiting: list[threading.Lock] = []
        self.due = 0.0

    def wake(self) -> None:
        """Wake all of them."""
        for waiter in self.waiting:
            waiter.release()
        self.waiting.clear()


_late_wakes: dict[int, LateWakes] = {}
"""By the thread of a dispatcher."""


def late_wakes() -> LateWakes:
    """Return the callers that this thread is to wake: it has to do so, and may only be a dispatcher's."""
    return _late_wakes.setdefault(threading.get_ident(), LateWakes())


def forget_late_wakes() -> None:
    """Let callers go on at once from now on, if this thread answers them: it takes no more turns."""
    late = _late_wakes.pop(threading.get_ident(), None)
    if late is not None:
        late.wake()


class TurnReply(Reply[T]):
    """A reply whose callers are woken when the dispatcher that answers them has no more turns to run.

    They are woken after `LATE_SECONDS`, too, at the end of a turn. A caller that is woken during turns has to wait for
    the interpreter until they are over, or interrupts them: its thread is woken twice. The value is there at once, also
    for callers that come meanwhile.

    For actors whose handlers never wait for a thread: with them, it could be one that this reply is to wake.
    """

    def _wake(self, waiting: tuple[threading.Lock, ...]) -> None:
        late = _late_wakes.get(threading.get_ident())
        if late is None:
            super()._wake(waiting)
        else:
            if not late.waiting:
                late.due = monotonic() + LATE_SECONDS
            late.waiting += waiting
