"""The other end: what `stretto run --daemon` and tests talk to a daemon with. Plain sockets, no event loop."""

import socket
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from stretto.actors.gateway.protocol import MAX_ANSWER_BYTES, encode, read_answer
from stretto.actors.operations import (
    Answer,
    Cancel,
    Describe,
    Pause,
    Refused,
    Request,
    Resume,
    Status,
    Submit,
    Watch,
    Workflows,
)
from stretto.definitions.errors import StrettoError

_SCHEME: Final = "unix://"
_CHUNK_BYTES: Final = 65_536

__all__ = ["Cancel", "Client", "DaemonUnreachable", "Describe", "NotYet", "Pause", "RequestRefused", "Resume"]
__all__ += ["Status", "Submit", "Watch", "Workflows"]


class DaemonUnreachable(StrettoError):
    """Nobody answers at the daemon's URL, or not to the end."""

    code = "daemon_unreachable"


class NotYet(StrettoError):
    """The URL is of a kind that this version cannot talk to."""

    code = "not_yet"


class RequestRefused(StrettoError):
    """The daemon does not do what it was asked; `refusal` says why."""

    def __init__(self, refusal: Refused) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)

    def __reduce__(self) -> tuple[type["RequestRefused"], tuple[Refused]]:
        return type(self), (self.refusal,)


class Client:
    """Asks a daemon; each request is a connection of its own."""

    def __init__(self, url: str) -> None:
        if url.startswith(("http://", "https://")):
            raise NotYet(f"{url}: a daemon cannot be reached over HTTP yet; use unix:///PATH, its socket")
        path = url.removeprefix(_SCHEME)
        if path == url or not path.startswith("/"):
            raise NotYet(f"{url!r} is no daemon's URL: expected unix:///PATH")
        self.url = url
        self._path = Path(path)

    def ask(self, request: Request) -> Answer:
        """Send a request and return its first answer. Raises as `answers`."""
        answers = self.answers(request)
        with closing(answers):
            for answer in answers:
                return answer
        raise DaemonUnreachable(f"the daemon at {self.url} closed the connection without an answer")

    def answers(self, request: Request) -> Generator[Answer]:
        """Send a request and return its answers as they come, until the daemon closes the connection.

        Raises `DaemonUnreachable` and `RequestRefused`.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.connect(str(self._path))
                _send(connection, encode(request))
                for line in _lines(connection):
                    answer = read_answer(line)
                    if isinstance(answer, Refused):
                        raise RequestRefused(answer)
                    yield answer
            except OSError as error:
                raise DaemonUnreachable(f"cannot reach the daemon at {self.url}: {error.strerror or error}") from error


def _send(connection: socket.socket, frame: bytes) -> None:
    try:
        connection.sendall(frame)
    except BrokenPipeError:
        return  # refused before all of it was read: why stands in the answer


def _lines(connection: socket.socket) -> Iterator[bytes]:
    received = bytearray()
    searched = 0
    while chunk := connection.recv(_CHUNK_BYTES):
        received += chunk
        while (end := received.find(b"\n", searched)) >= 0:
            yield bytes(received[:end])
            del received[: end + 1]
            searched = 0
        searched = len(received)
        if searched > MAX_ANSWER_BYTES:
            raise DaemonUnreachable(f"an answer has more than {MAX_ANSWER_BYTES:,} bytes (MAX_ANSWER_BYTES)")
