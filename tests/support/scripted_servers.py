"""A server of raw sockets that calls a function for each connection: for answers that no HTTP library would give."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

from tests.support.waiting import PATIENCE

Script: TypeAlias = "Callable[[socket.socket, ScriptedServer], object]"
"""What is done with a connection; then it is closed. OSErrors of a client that gives up are expected."""


class ScriptedServer:
    """Calls its script for each connection, on a thread of its own.

    Attributes:
        requests: The head of each request that `next_request` has read.
        accepted: The number of connections.
        stopping: Set at the end: a script that stalls waits for it.
    """

    def __init__(self, script: Script) -> None:
        self.requests: list[bytes] = []
        self.accepted = 0
        self.stopping = threading.Event()
        self._script = script
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def next_request(self, connection: socket.socket) -> bool:
        """Read one request without a body; return whether there was one."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return False
            head += byte
        self.requests.append(head)
        return True

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.accepted += 1
            connection.settimeout(PATIENCE)
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._script(connection, self)
        self._open.discard(connection)

    def close(self) -> None:
        """Let the scripts end, close their connections, and wait for them."""
        self.stopping.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join()
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def serving(script: Script) -> Iterator[ScriptedServer]:
    """Serve in the block."""
    server = ScriptedServer(script)
    try:
        yield server
    finally:
        server.close()


def answering(answer: bytes) -> Script:
    """Read one request, answer it, and close the connection."""

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        if server.next_request(connection):
            connection.sendall(answer)

    return script


def stalling(beginning: bytes) -> Script:
    """Answer with these bytes, and then no more."""

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        if server.next_request(connection):
            connection.sendall(beginning)
            server.stopping.wait()

    return script


def endless(beginning: bytes, piece: bytes) -> Script:
    """Answer with a beginning, and with pieces for as long as the client takes them."""

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        if server.next_request(connection):
            connection.sendall(beginning)
            while not server.stopping.is_set():
                connection.sendall(piece)

    return script


def resetting(beginning: bytes, received: threading.Event) -> Script:
    """Answer with these bytes, and reset the connection once `received` is set."""

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        if server.next_request(connection):
            connection.sendall(beginning)
            received.wait(PATIENCE)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script
