"""A daemon for tests of clients: each connection gets the next of the test's answers."""

import json
import queue
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tests.support.waiting import PATIENCE

HEAD: Final = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
EVENTS: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
LOST: Final = b""
"""No answer: the connection is cut."""
HELD: Final = None
"""No answer: the connection stays open until the client leaves."""


def answered(status: int, body: Any) -> bytes:
    """Return an answer of JSON."""
    return HEAD % status + json.dumps(body).encode()


def event(name: str, **data: Any) -> bytes:
    """Return an event of a stream, with the `id` if there is one."""
    identity = f"id: {data.pop('id')}\n" if "id" in data else ""
    return f"{identity}event: {name}\ndata: {json.dumps(data)}\n\n".encode()


class Scripted:
    """What has been asked."""

    def __init__(self, listener: socket.socket, answers: Sequence[bytes | None], url: str) -> None:
        self.url = url
        self.asked: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        self.headers: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        self._listener = listener
        self._answers = answers
        self.thread = threading.Thread(target=self.serve)

    def next(self) -> tuple[str, dict[str, Any]]:
        """Return the next request as it comes: its method and path, and its body."""
        return self.asked.get(timeout=PATIENCE)

    def next_headers(self) -> dict[str, str]:
        """Return the headers of the next request as it comes, their names in lower case."""
        return self.headers.get(timeout=PATIENCE)

    def ended(self) -> None:
        """Return when it listens no more."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()

    def serve(self) -> None:
        """Answer one connection after the other, then listen no more."""
        for answer in self._answers:
            try:
                connection = self._listener.accept()[0]
            except OSError:  # the test is over
                return
            with connection, connection.makefile("rb") as data:
                first = data.readline().decode()
                headers: dict[str, str] = {}
                while (line := data.readline()) not in {b"\r\n", b""}:
                    name, _, value = line.decode().strip().partition(": ")
                    headers[name.lower()] = value
                size = int(headers.get("content-length", 0))
                self.headers.put(headers)
                self.asked.put((first.rpartition(" ")[0], json.loads(data.read(size) or b"{}")))
                if answer is None:
                    data.read()
                else:
                    connection.sendall(answer)
        self._listener.close()


@contextmanager
def scripted(folder: Path, *answers: bytes | None) -> Iterator[Scripted]:
    """Listen at a socket until the block ends."""
    path = folder / "scripted"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        daemon = Scripted(listener, answers, f"unix://{path}")
        daemon.thread.start()
        try:
            yield daemon
        finally:
            with suppress(OSError):  # it listens no more
                listener.shutdown(socket.SHUT_RDWR)
            daemon.thread.join()
