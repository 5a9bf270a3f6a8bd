"""Telling systemd that the engine still takes turns (WatchdogSec= of the unit); it restarts a daemon that does not.

Nothing here runs unless systemd asks for it, and then twice in the time that it allows, as sd_watchdog_enabled(3)
advises.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pykka

from stretto.actors.daemon.notify import notify
from stretto.metrics import get_logger

_log = get_logger("stretto.daemon")


def interval_asked_for(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return how often systemd is to be told, in seconds: half of $WATCHDOG_USEC; None if it does not ask.

    $WATCHDOG_PID names the process that is asked, if it is there. What is no number of microseconds is told in the log.
    """
    given = environment.get("WATCHDOG_USEC")
    if given is None or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not (given.isascii() and given.isdigit() and int(given) > 0):
        _log.warning("watchdog_off", reason=f"WATCHDOG_USEC={given!r} is no number of microseconds above 0")
        return None
    return int(given) / 2 / 1_000_000


async def tell_as_long_as_it_answers(ask: Callable[[], Awaitable[Any]], interval: float) -> None:
    """Tell systemd after each answer, the next question `interval` seconds later; end when there is nobody to ask.

    `ask` has to go through the mailbox of what is watched. While no answer comes, nothing is told.
    """
    while True:
        try:
            await ask()
        except pykka.ActorDeadError:
            return
        notify("WATCHDOG=1")
        await asyncio.sleep(interval)
