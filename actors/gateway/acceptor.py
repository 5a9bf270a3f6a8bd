"""Accepts connections, and pauses at the limit of file descriptors, where asyncio would spin."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any, Final

from stretto.metrics import get_logger

PAUSE_SECONDS: Final = 1.0
ACCEPTED_AT_ONCE: Final = 64
"""How many connections one turn of the loop accepts."""
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_log = get_logger("stretto.gateway")


class Acceptor:
    """Accepts the connections of a listening socket.

    Args:
        listener: The listening socket, which does not block. The caller closes it.
        serve: Begins to serve a connection, given its address. The connection is closed if it raises OSError.
        on_pause: Called at each pause.
    """

    def __init__(
        self,
        listener: socket.socket,
        serve: Callable[[socket.socket, Any], object],
        *,
        on_pause: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._serve = serve
        self._on_pause = on_pause
        self._loop = asyncio.get_running_loop()
        self._resuming: asyncio.TimerHandle | None = None
        self._is_exhausted = False
        self._listen()

    def close(self) -> None:
        """Stop accepting."""
        self._loop.remove_reader(self._listener)
        if self._resuming is not None:
            self._resuming.cancel()

    def _listen(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(error)
                return
            connection.settimeout(0)
            try:
                self._serve(connection, address)
            except OSError as error:  # the client has left
                connection.close()
                _log.debug("client_lost", reason=f"{type(error).__name__}: {error}")

    def _pause(self, error: OSError) -> None:
        # The listener stays readable, so an immediate retry would spin.
        self._loop.remove_reader(self._listener)
        if self._resuming is not None:
            self._resuming.cancel()
        self._resuming = self._loop.call_later(PAUSE_SECONDS, self._resume)
        self._on_pause()
        if not self._is_exhausted:
            self._is_exhausted = True
            _log.error("accept_paused", reason=error.strerror, pause_seconds=PAUSE_SECONDS)

    def _resume(self) -> None:
        self._listen()
        if self._is_exhausted:
            self._resuming = self._loop.call_later(PAUSE_SECONDS, self._has_room)

    def _has_room(self) -> None:
        """Report the end of an exhaustion: for a whole second, no connection was refused."""
        self._is_exhausted = False
        _log.info("accept_resumed")
