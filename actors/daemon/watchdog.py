"""The watchdog: systemd restarts a daemon whose engine takes no turns (WatchdogSec= of the unit).

It runs only if systemd asks for it, and notifies twice per interval, as sd_watchdog_enabled(3) advises.
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
    """Return the seconds between notifications, half of $WATCHDOG_USEC, or None if systemd does not ask for any.

    $WATCHDOG_PID, if set, names the process that is to notify. A $WATCHDOG_USEC that is not a number is logged.
    """
    given = environment.get("WATCHDOG_USEC")
    if given is None or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not (given.isascii() and given.isdigit() and int(given) > 0):
        _log.warning("watchdog_off", reason=f"WATCHDOG_USEC must be a number of microseconds above 0, got {given!r}")
        return None
    return int(given) / 2 / 1_000_000


async def notify_while_answering(ask: Callable[[], Awaitable[Any]], interval: float) -> None:
    """Notify systemd after each answer of `ask`, every `interval` seconds, until the actor has stopped.

    `ask` must go through the watched actor's mailbox. While no answer comes, no notification is sent.
    """
    while True:
        try:
            await ask()
        except pykka.ActorDeadError:
            return
        notify("WATCHDOG=1")
        await asyncio.sleep(interval)
