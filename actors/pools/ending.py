"""Reports the ends of calls: those of one run travel together, and their items handle them within one turn.

worker --Ended--> Scheduler --report_ends--> CallsEnded, of one inbox --> run's supervisor --> its items
"""

import time
from collections.abc import Iterable
from typing import Final

import pykka

from stretto.actors.dispatch import Recipient
from stretto.actors.pools.calls import PooledCall
from stretto.actors.pools.ends import Caller, CallsEnded
from stretto.actors.runners import Finished

ENDS_AT_ONCE: Final = 16
"""The ends of one message: enough that its own cost does not count, and few enough that a turn stays short."""


def report_ends(ended: Iterable[tuple[PooledCall, Finished]]) -> None:
    """Send the ends of calls to their inboxes, in their order, or to their callers if an inbox is closed.

    A call whose end was reported before is left out.
    """
    inbox: Recipient | None = None
    ends: list[tuple[Caller, Finished]] = []
    for pooled, finished in ended:
        caller, pooled.caller, pooled.begun, pooled.ended = pooled.caller, None, None, True
        if caller is None:
            continue
        if inbox is not None and (pooled.inbox is not inbox or len(ends) == ENDS_AT_ONCE):
            _tell(inbox, ends)
            ends = []
        inbox = pooled.inbox
        ends.append((caller, finished))
    if inbox is not None:
        _tell(inbox, ends)


def _tell(inbox: Recipient, ends: list[tuple[Caller, Finished]]) -> None:
    message = CallsEnded(ends, time.monotonic())
    try:
        inbox.tell(message)
    except pykka.ActorDeadError:
        message.return_to_sender()
