"""Small HTTP servers on this machine, for the examples to talk to.

    with LocalServers(HealthChecks(), 1000) as servers:
        servers.addresses       # [{"host": "127.0.0.1", "port": 40123}, {"host": "127.0.0.2", ...}, ...]
        servers.url             # of the first one: "http://127.0.0.1:40123"

Each server has a loopback address of its own. All share one port, one thread and one event loop, so a thousand of them
start in a moment, and no other machine can reach them. An answer depends only on the requests so far, so every run of
an example gives the same result. Linux only: other systems have no loopback address but 127.0.0.1.
"""

import asyncio
import json
import resource
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from types import TracebackType
from typing import Any, Protocol, Self

FILES_BESIDE_LISTENERS = 1000
"""Connections, pipes and files that the process may need beside one listening socket a server."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a JSON body."""

    status: HTTPStatus
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Application(Protocol):
    """Answers the requests that the servers get. It is called on one thread."""

    def answer(self, server: int, method: str, path: str, body: bytes) -> Answer:
        """Answer a request to the server with this number, from 0."""


class HealthChecks:
    """`GET /health`: 200, but 503 from every hundredth server."""

    UNHEALTHY_ONE_IN = 100

    def __init__(self) -> None:
        self.checks = 0

    @classmethod
    def is_healthy(cls, server: int) -> bool:
        """Return whether the server with this number answers with 200."""
        return server % cls.UNHEALTHY_ONE_IN != cls.UNHEALTHY_ONE_IN - 1

    def answer(self, server: int, method: str, path: str, _body: bytes) -> Answer:
        """Answer a request."""
        if (method, path) != ("GET", "/health"):
            return Answer(HTTPStatus.NOT_FOUND)
        self.checks += 1
        if self.is_healthy(server):
            return Answer(HTTPStatus.OK, {"status": "up", "load": server % 7 / 10})
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "down"})

    def __str__(self) -> str:
        return f"the servers answered {self.checks:,} health checks"


class CustomersApi:
    """`POST /customers` with {"id": "N", "email": ...}: 201, and the customer is kept.

    For the first POST of every hundredth N it is busy: 429, with the request to try again after a second. It refuses a
    customer without an "@" in the address: 422, each time.
    """

    BUSY_ONE_IN = 100

    def __init__(self) -> None:
        self.customers: dict[str, dict[str, str]] = {}
        self.requests = 0
        self._was_busy_for: set[str] = set()

    def answer(self, _server: int, method: str, path: str, body: bytes) -> Answer:
        """Answer a request."""
        if (method, path) != ("POST", "/customers"):
            return Answer(HTTPStatus.NOT_FOUND)
        self.requests += 1
        customer: dict[str, str] = json.loads(body)
        if int(customer["id"]) % self.BUSY_ONE_IN == 0 and customer["id"] not in self._was_busy_for:
            self._was_busy_for.add(customer["id"])
            return Answer(HTTPStatus.TOO_MANY_REQUESTS, {"reason": "busy"}, {"Retry-After": "1"})
        if "@" not in customer["email"]:
            return Answer(HTTPStatus.UNPROCESSABLE_ENTITY, {"reason": "not an address"})
        self.customers[customer["id"]] = customer
        return Answer(HTTPStatus.CREATED, {"id": customer["id"]})

    def __str__(self) -> str:
        return f"the API has {len(self.customers):,} customers after {self.requests:,} requests"


class Hosts:
    """Hosts that releases are deployed to, and the releases.

    - `GET /releases/VERSION`: an artefact and its digest.
    - `GET /release`, `PUT /release` with {"version": ...}: the installed version.
    - `PUT /traffic` with {"on": true or false}: whether the host serves users.
    - `GET /health`: 503 if the installed version ends with "-broken", on every third host.
    """

    def __init__(self, count: int) -> None:
        self.versions = ["1.0.0"] * count
        self.in_traffic = [True] * count
        self.installations: list[tuple[int, str]] = []

    def answer(self, server: int, method: str, path: str, body: bytes) -> Answer:
        """Answer a request."""
        match method, path.split("/")[1:]:
            case "GET", ["releases", version]:
                artefact = f"release {version}"
                return Answer(HTTPStatus.OK, {"artefact": artefact, "sha256": sha256(artefact.encode()).hexdigest()})
            case "GET", ["release"]:
                return Answer(HTTPStatus.OK, {"version": self.versions[server]})
            case "PUT", ["release"]:
                self.versions[server] = json.loads(body)["version"]
                self.installations.append((server, self.versions[server]))
                return Answer(HTTPStatus.OK, {})
            case "PUT", ["traffic"]:
                self.in_traffic[server] = json.loads(body)["on"]
                return Answer(HTTPStatus.OK, {})
            case "GET", ["health"] if self.versions[server].endswith("-broken") and server % 3 == 2:
                return Answer(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "down"})
            case "GET", ["health"]:
                return Answer(HTTPStatus.OK, {"status": "up"})
        return Answer(HTTPStatus.NOT_FOUND)

    def __str__(self) -> str:
        return f"the hosts run {', '.join(self.versions)}"


class LocalServers:
    """`count` servers of an application, listening as long as the `with` block lasts."""

    def __init__(self, application: Application, count: int = 1) -> None:
        self.application = application
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
                self._loop.create_server(partial(_Connection, self.application, number, connections), sock=listening)
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


class _Connection(asyncio.Protocol):
    """Just enough of HTTP/1.1 for the examples: requests one after the other, bodies with a Content-Length."""

    def __init__(self, application: Application, number: int, connections: set[asyncio.Transport]) -> None:
        self._application = application
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
        answer = self._application.answer(self._number, method, path, rest[:length])
        content = json.dumps(answer.content).encode()
        further = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        self._transport.write(
            f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: application/json\r\n{further}"
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
