"""The page for Prometheus, and an HTTP server for it."""

import errno
import os
import socket
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from threading import Lock
from typing import NamedTuple

from prometheus_client import CollectorRegistry, make_wsgi_app

from stretto.metrics.listener import ConnectionLoop
from stretto.metrics.logging import get_logger

METRICS_PATH = "/metrics"
# Prometheus's default timeout, after which the client has given up.
REQUEST_SECONDS = 10.0
MAX_CONNECTIONS = 8
MAX_PORT = 65_535

_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_REMEDIES = {
    errno.EADDRINUSE: "choose another port (0 takes any that is free) or stop the process that uses this one",
    errno.EACCES: "choose a port above 1023, or give this process the right to use lower ones",
    errno.EADDRNOTAVAIL: "choose an address that this machine has, such as 127.0.0.1",
}

log = get_logger(__name__)


class CannotExpose(Exception):
    """The metrics cannot be served at this host and port."""

    def __init__(self, host: str, port: int, reason: Exception) -> None:
        self.host = host
        self.port = port
        self.reason = reason
        number = reason.errno if isinstance(reason, OSError) else None
        self.remedy = _REMEDIES.get(number or 0, f"check the host and the port (0 to {MAX_PORT})")
        self.text = _text_of(reason)
        super().__init__(f"cannot expose metrics on {host} port {port}: {self.text}; {self.remedy}")


def _text_of(reason: Exception) -> str:
    """Return a reason without the number of the error, and without the address, which Python repeats in it."""
    if not isinstance(reason, OSError) or reason.errno is None:
        return str(reason)
    return os.strerror(reason.errno) if reason.errno > 0 else reason.strerror or str(reason)


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens on a host and port. Raises `CannotExpose`."""
    # For such a port create_server would raise OverflowError and leave a socket open.
    if not 0 <= port <= MAX_PORT:
        raise CannotExpose(host, port, ValueError("there is no such port"))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise CannotExpose(host, port, error) from error


class Exposition(NamedTuple):
    """The response to a scrape."""

    headers: Sequence[tuple[str, str]]
    body: bytes


def expose(registry: CollectorRegistry, *, accept: str = "", accept_encoding: str = "", query: str = "") -> Exposition:
    """Scrape a registry. An exception of a gauge's source passes through.

    Args:
        registry: The metrics.
        accept: The request's Accept header, which chooses the format.
        accept_encoding: The request's Accept-Encoding header, which chooses the compression.
        query: The URL's query. `name[]=...` restricts the response to those series.

    Returns:
        The headers and the body of the response.
    """
    headers: list[tuple[str, str]] = []

    def start_response(_status: str, response_headers: list[tuple[str, str]]) -> None:
        headers.extend(response_headers)

    # prometheus_client offers content negotiation only as a WSGI application, which reads only these variables.
    app = make_wsgi_app(registry)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": METRICS_PATH,
        "QUERY_STRING": query,
        "HTTP_ACCEPT": accept,
        "HTTP_ACCEPT_ENCODING": accept_encoding,
    }
    body = b"".join(app(environ, start_response))
    return Exposition(headers, body)


class MetricsServer:
    """Serves a registry at `/metrics` over HTTP, without wake-ups while idle.

    Args:
        registry: The metrics.
        host: The address to bind.
        port: The port to bind. 0 takes any free port.
    """

    def __init__(self, registry: CollectorRegistry, host: str = "127.0.0.1", port: int = 0) -> None:
        self._registry = registry
        self._host = host
        self._port = port
        self._lock = Lock()
        self._loop: ConnectionLoop | None = None

    @property
    def port(self) -> int:
        """The port. After `start` it is the bound port."""
        return self._port

    @property
    def url(self) -> str:
        """The URL for Prometheus."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}{METRICS_PATH}"

    def start(self) -> None:
        """Bind the port and start to serve.

        Raises:
            CannotExpose: The host or the port cannot be bound.
            RuntimeError: The server has been started before.
        """
        with self._lock:
            if self._loop is not None:
                raise RuntimeError("this metrics server has already been started")
            listener = open_listener(self._host, self._port)
            self._port = listener.getsockname()[1]
            self._loop = ConnectionLoop(listener, self._serve, limit=MAX_CONNECTIONS, seconds=REQUEST_SECONDS)
            self._loop.start()

    def stop(self) -> None:
        """Close the port and all connections, and return when all threads have ended. Idempotent."""
        with self._lock:
            if self._loop is not None:
                self._loop.stop()

    def _serve(self, connection: socket.socket) -> None:
        ScrapeHandler(connection, self._registry)


class ScrapeHandler(BaseHTTPRequestHandler):
    """Answers the single request of a connection. A subclass may add paths to `/metrics`."""

    server_version = "stretto"
    sys_version = ""

    def __init__(self, connection: socket.socket, registry: CollectorRegistry) -> None:
        self._registry = registry
        # The base class only stores the client's address and the server, and this class uses neither.
        super().__init__(connection, ("", 0), None)  # type: ignore[arg-type]

    def parse_request(self) -> bool:
        """Refuse all methods except GET and HEAD with 405. http.server would answer 501."""
        if not super().parse_request():
            return False
        if self.command in {"GET", "HEAD"}:
            return True
        self.reply(HTTPStatus.METHOD_NOT_ALLOWED, b"use GET or HEAD\n", [_TEXT, ("Allow", "GET, HEAD")])
        # Closing with part of the request unread would reset the connection and lose the response.
        self.connection.shutdown(socket.SHUT_WR)
        while self.rfile.read1(65536):
            pass
        return False

    def do_GET(self) -> None:
        """Serve the metrics, a pointer to them at `/`, or 404."""
        path, _, query = self.path.partition("?")
        if path == METRICS_PATH:
            self.reply_with_metrics(query)
        elif path == "/":
            self.reply(HTTPStatus.OK, f"Stretto's metrics are at {METRICS_PATH}\n".encode(), [_TEXT])
        else:
            self.reply(HTTPStatus.NOT_FOUND, f"not found, see {METRICS_PATH}\n".encode(), [_TEXT])

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing, because scrapes come every few seconds."""

    def reply_with_metrics(self, query: str) -> None:
        """Send a scrape, or 500 if a gauge's source raises."""
        try:
            headers, body = expose(
                self._registry,
                accept=self.headers.get("Accept", ""),
                accept_encoding=self.headers.get("Accept-Encoding", ""),
                query=query,
            )
        except Exception:
            log.exception("scrape_failed")
            message = b"the scrape failed; see Stretto's log\n"
            self.reply(HTTPStatus.INTERNAL_SERVER_ERROR, message, [_TEXT])
        else:
            self.reply(HTTPStatus.OK, body, headers)

    def reply(self, status: HTTPStatus, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        """Send a response, without its body for HEAD."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
