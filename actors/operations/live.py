"""The engine's messages about runs, for an event loop."""

import asyncio
from collections.abc import Callable
from typing import Any

import pykka


class ProgressRelay(pykka.ThreadingActor):
    """Passes its messages about runs on to an event loop, in order."""

    use_daemon_thread = True

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[Any], None]) -> None:
        super().__init__()
        self._loop = loop
        self._take = take

    def caught_up(self) -> None:
        """Answer once all messages have been passed on that came before."""

    def on_receive(self, message: Any) -> None:
        """Pass a message on."""
        self._loop.call_soon_threadsafe(self._take, message)
