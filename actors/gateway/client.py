"""The client's end of the socket, for the command line: plain sockets, no event loop."""

import socket
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from stretto.actors.gateway.protocol import MAX_ANSWER_BYTES, encode, read_answer
from stretto.actors.operations import Answer, Refused, Request
from stretto.definitions.errors import StrettoError

_SCHEME: Final = "unix://"
_CHUNK_BYTES: Final = 65_536


class DaemonUnreachable(StrettoError):
    """No daemon answers at the URL, or its answer is cut off."""

    code = "daemon_unreachable"


class NotYet(StrettoError):
    """This version cannot use a URL of this kind."""

    code = "not_yet"


class NotText(StrettoError):
    """A request contains bytes that are not UTF-8, from an argument of a command."""

    code = "not_text"


class RequestRefused(StrettoError):
    """The daemon refused the request; `refusal` says why."""

    def __init__(self, refusal: Refused) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)

    def __reduce__(self) -> tuple[type["RequestRefused"], tuple[Refused]]:
        return type(self), (self.refusal,)


class Client:
    """Sends requests to a daemon, each on a connection of its own."""

    def __init__(self, url: str) -> None:
        if url.startswith(("http://", "https://")):
            raise NotYet(f"{url}: daemons do not speak HTTP yet; use unix:///PATH, the daemon's socket")
        path = url.removeprefix(_SCHEME)
        if path == url or not path.startswith("/"):
            raise NotYet(f"a daemon's URL must be unix:///PATH, got {url!r}")
        self.url = url
        self._path = Path(path)

    def ask(self, request: Request) -> Answer:
        """Send a request and return its first answer. Raises as `answers` does."""
        answers = self.answers(request)
        with closing(answers):
            for answer in answers:
                return answer
        raise DaemonUnreachable(f"the daemon at {self.url} closed the connection without an answer")

    def answers(self, request: Request) -> Generator[Answer]:
        """Send a request and yield its answers as they arrive, until the daemon closes the connection.

        Raises `DaemonUnreachable`, `RequestRefused` and `NotText`.
        """
        try:
            frame = encode(request)
        except UnicodeEncodeError as error:
            raise NotText(f"an argument must be text in UTF-8, got {error.object[:80]!a}") from None
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.connect(str(self._path))
                _send(connection, frame)
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
        return  # the daemon refused the request before reading all of it: the answer says why


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
