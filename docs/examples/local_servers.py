"""Small HTTP servers on this machine, for the examples to talk to.

    with LocalServers(1000) as servers:
        servers.addresses       # [{"host": "127.0.0.1", "port": 40123}, {"host": "127.0.0.2", ...}, ...]
        servers.url             # of the first one: "http://127.0.0.1:40123"
        servers.requests        # how many requests have been answered, by path

Each server has a loopback address of its own. All share one port, one thread and one event loop, so a thousand of them
start in a moment, and no other machine can reach them. An answer depends only on the request (and on whether it is the
first of its kind), so every run of an example gives the same result:

- `GET /health`: 200, but 503 from every hundredth server;
- `POST /notify` with {"id": N, ...}: 200 and a receipt, but 503 the first time that an N divisible by 10 is sent
  (a retry succeeds), and always 422 when N divided by 1,000 leaves 777 (a retry is useless).

Linux only: other systems have no loopback address but 127.0.0.1.

As a program, it prints the servers as the input of health_check.yaml, and serves until Ctrl-C or the end of its input:

    python docs/examples/local_servers.py 1000
"""

import asyncio
import json
import resource
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

UNHEALTHY_ONE_IN = 100
BUSY_AT_FIRST_ONE_IN = 10
REFUSED_ONE_IN, REFUSED_REMAINDER = 1000, 777
FILES_BESIDE_LISTENERS = 1000
"""Connections, pipes and files that the process may need beside one listening socket a server."""


def is_healthy(number: int) -> bool:
    """Return whether the server with this number (from 0) answers its health check with 200."""
    return number % UNHEALTHY_ONE_IN != UNHEALTHY_ONE_IN - 1


def is_busy_at_first(notification: int) -> bool:
    """Return whether the first attempt to send this notification is answered with 503."""
    return notification % BUSY_AT_FIRST_ONE_IN == 0


def is_refused(notification: int) -> bool:
    """Return whether sending this notification is always answered with 422."""
    return notification % REFUSED_ONE_IN == REFUSED_REMAINDER


class LocalServers:
    """`count` servers, listening as long as the `with` block lasts."""

    def __init__(self, count: int = 1) -> None:
        self.requests: Counter[str] = Counter()
        self._notified: set[int] = set()
        self._loop = asyncio.new_event_loop()
        _allow_open_files(count + FILES_BESIDE_LISTENERS)
        self._sockets = list(_listening(count))
        self.addresses = [dict(zip(("host", "port"), each.getsockname(), strict=True)) for each in self._sockets]
        self.url = "http://{host}:{port}".format(**self.addresses[0])
        self._thread = threading.Thread(target=self._serve, name="local-servers")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        connections: set[asyncio.Transport] = set()
        servers = [
            self._loop.run_until_complete(
                self._loop.create_server(partial(_Connection, self, number, connections), sock=listening)
            )
            for number, listening in enumerate(self._sockets)
        ]
        self._loop.run_forever()
        for server in servers:
            server.close()
        for connection in connections:
            connection.abort()
        # A connection says that it is closed in the loop's next turn.
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def answer(self, server: int, method: str, path: str, body: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
        """Return the status and the JSON that a server answers a request with."""
        self.requests[path] += 1
        if (method, path) == ("GET", "/health"):
            if is_healthy(server):
                return HTTPStatus.OK, {"status": "up", "load": server % 7 / 10}
            return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "down"}
        if (method, path) == ("POST", "/notify"):
            return self._notify(int(json.loads(body)["id"]))
        return HTTPStatus.NOT_FOUND, {}

    def _notify(self, notification: int) -> tuple[HTTPStatus, dict[str, Any]]:
        first_try = notification not in self._notified
        self._notified.add(notification)
        if is_refused(notification):
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"reason": "no such address"}
        if is_busy_at_first(notification) and first_try:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"reason": "busy, try again"}
        return HTTPStatus.OK, {"receipt": f"R{notification:05}"}


class _Connection(asyncio.Protocol):
    """Just enough of HTTP/1.1 for the examples: requests one after the other, bodies with a Content-Length."""

    def __init__(self, servers: LocalServers, number: int, connections: set[asyncio.Transport]) -> None:
        self._servers = servers
        self._number = number
        self._connections = connections
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end_of_head, rest = self._received.partition(b"\r\n\r\n")
        if not end_of_head:
            return
        request_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._received = rest[length:]
        method, path, _version = request_line.split(" ")
        status, answer = self._servers.answer(self._number, method, path, rest[:length])
        content = json.dumps(answer).encode()
        self._transport.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n".encode()
            + content
        )


def _listening(count: int) -> Iterator[socket.socket]:
    """Yield sockets that listen on 127.0.0.1, 127.0.0.2 ... 127.0.0.250, 127.0.1.1 ..., all on one free port."""
    port = 0
    for number in range(count):
        host = f"127.0.{number // 250}.{number % 250 + 1}"
        listening = socket.create_server((host, port))
        port = listening.getsockname()[1]
        yield listening


def _allow_open_files(count: int) -> None:
    """Raise this process's limit of open files: each server needs one to listen, and 1,024 are usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (count if hard == resource.RLIM_INFINITY else min(count, hard), hard)
        )


if __name__ == "__main__":
    with LocalServers(int(sys.argv[1]) if len(sys.argv) > 1 else 1000) as local_servers:
        print(json.dumps({"servers": local_servers.addresses}), flush=True)
        with suppress(KeyboardInterrupt):
            sys.stdin.read()
