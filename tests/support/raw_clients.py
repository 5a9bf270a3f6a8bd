"""Clients that send bytes as they like, over a port or a socket."""

import socket
from types import TracebackType
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

import h11

from tests.support.waiting import PATIENCE

_PIECE: Final = 65_536


def request(method: str, target: str, host: str = "localhost") -> bytes:
    """Return a request after which the connection is closed."""
    return f"{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode()


PROBE: Final = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
"""A request after which the connection is open."""


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes


class Raw:
    """A connection, and the answers on it."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._rest = b""
        self._at_end = False

    @classmethod
    def of_port(cls, url: str, source: str = "127.0.0.1") -> Self:
        """Connect to a port, from an address of this machine."""
        parts = urlsplit(url)
        return cls(
            socket.create_connection((parts.hostname or "", parts.port or 0), PATIENCE, source_address=(source, 0))
        )

    @classmethod
    def of_socket(cls, url: str) -> Self:
        """Connect to a socket."""
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(PATIENCE)
        connected.connect(url.removeprefix("unix://"))
        return cls(connected)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _raised: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes, as far as the other end takes them."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self._at_end = True

    def read(self, size: int) -> bytes:
        """Return so many of the next bytes."""
        while len(self._rest) < size and self._receive():
            pass
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def next_answer(self) -> Reply:
        """Wait for an answer. Informational ones are skipped."""
        found = self._answer()
        assert found is not None, "the connection has ended"
        return found

    def answers_to_the_end(self) -> list[Reply]:
        """Return all answers until the connection ends."""
        found: list[Reply] = []
        while (each := self._answer()) is not None:
            found.append(each)
        return found

    def has_ended(self) -> bool:
        """Return whether the other end has closed the connection by now. All answers must have been read."""
        self.socket.settimeout(0)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    def _receive(self) -> bool:
        try:
            data = self.socket.recv(_PIECE)
        except ConnectionResetError:  # it has closed before it read all
            data = b""
        self._rest += data
        self._at_end = not data
        return bool(data)

    def _answer(self) -> Reply | None:
        """Return the next answer, or None at the end of the connection."""
        http = h11.Connection(h11.CLIENT)
        http.send(h11.Request(method="GET", target="/", headers=[("host", "localhost")]))
        http.send(h11.EndOfMessage())
        status, body = 0, b""
        while True:
            if self._rest or self._at_end:
                http.receive_data(self._rest)
                self._rest = b""
            event = http.next_event()
            while event is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    self._rest = http.trailing_data[0]
                    return Reply(status, body)
                event = http.next_event()
            if not self._receive():
                return None
