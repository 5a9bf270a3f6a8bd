"""Replies whose callers go on at the end of the turn that answers them.

caller.get() <-- the lock of its thread <-- the end of the turn <-- TurnReply <-- the handler's value, which is there
"""

from __future__ import annotations

import threading
from typing import TypeVar

from stretto.actors.dispatch.deferred import Reply

T = TypeVar("T")

_late_wakes: dict[int, list[threading.Lock]] = {}
"""By the dispatcher's thread, the callers that go on at the end of its turn."""


def late_wakes() -> list[threading.Lock]:
    """Return the locks to release at the end of each turn of this thread, which may only be a dispatcher's."""
    return _late_wakes.setdefault(threading.get_ident(), [])


def forget_late_wakes() -> None:
    """Let callers go on at once from now on, if this thread answers them: it takes no more turns."""
    _late_wakes.pop(threading.get_ident(), None)


class TurnReply(Reply[T]):
    """A reply whose callers go on at the end of the turn that answers them.

    A caller that is woken during a turn has to wait for the interpreter until the turn is over, or interrupts it: its
    thread is woken twice. The value is there at once, also for callers that come meanwhile.

    For actors whose handlers never wait for a thread: with them, it could be one that this reply is to wake.
    """

    def _wake(self, waiting: tuple[threading.Lock, ...]) -> None:
        late = _late_wakes.get(threading.get_ident())
        if late is None:
            super()._wake(waiting)
        else:
            late += waiting
