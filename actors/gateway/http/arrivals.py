"""Connections before their first request: a socket, the bytes of its head, and a deadline."""

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Final

from stretto.actors.gateway.guests import Guest
from stretto.actors.gateway.http import connections as bounds
from stretto.actors.gateway.http.application import MAX_HEADER_BYTES
from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.open_connections import Connections

_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_LAST_CONTROL: Final = ord(" ")
"""No method begins with a control character or a space. A handshake of TLS does."""


class Arrival:
    """An accepted connection until the head of its first request is there. Until then, it costs next to nothing.

    Args:
        connection: The socket.
        connections: All connections. It is one of them.
        peer: The other end.
        place: Where its socket stands.
    """

    is_busy = False

    def __init__(self, connection: socket.socket, connections: Connections, peer: Peer, place: Guest) -> None:
        self.peer = peer
        self.connection = connection
        self.place = place
        self._all = connections
        self._head = b""
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.call_later(bounds.HEADER_SECONDS, self._is_late)
        connections.add(self)

    def wait(
        self, begin: Callable[["Arrival", bytes], object], lost: Callable[["Arrival"], object], *, tls: bool
    ) -> None:
        """Wait for the head.

        Args:
            begin: Called with the first bytes when the head is there, or cannot be. Other bytes may wait in the socket.
            lost: Called if the connection ends before. The socket is closed then.
            tls: Whether the first bytes are those of a handshake, which are left in the socket.
        """
        self._begin = begin
        self._lost = lost
        self._loop.add_reader(self.connection, self._has_hello if tls else self._has_data)

    @property
    def is_guest(self) -> bool:
        """Whether its client has not said who it is."""
        return self.place.is_guest

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._leave():
            self._lost(self)

    end_after_answer = abort = close

    def _has_hello(self) -> None:
        if self._received(1, socket.MSG_PEEK) and self._leave():
            self._begin(self, b"")

    def _has_data(self) -> None:
        data = self._received(MAX_HEADER_BYTES, 0)
        if not data:
            return
        # The end may be split between the bytes from before and these.
        is_whole = _END_OF_HEAD.search(self._head[-2:] + data) is not None
        self._head += data
        is_hopeless = len(self._head) >= MAX_HEADER_BYTES or self._head[0] <= _LAST_CONTROL
        if (is_whole or is_hopeless) and self._leave():
            self._begin(self, self._head)

    def _received(self, size: int, flags: int) -> bytes:
        """Return bytes, or none if there are none now. Close the connection if its client has left."""
        try:
            data = self.connection.recv(size, flags)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            data = b""
        if not data:  # it has left, as probes of the port do
            self.close()
        return data

    def _is_late(self) -> None:
        self.place.use()
        self._all.complaints.note("its headers take too long", self.peer.address)
        self.close()

    def _leave(self) -> bool:
        """Stop waiting. Return whether it has waited until now."""
        if not self._all.remove(self):
            return False
        self._deadline.cancel()
        self._loop.remove_reader(self.connection)
        return True
