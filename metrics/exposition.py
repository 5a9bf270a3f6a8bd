"""The page that Prometheus scrapes, and a server for it."""

import errno
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
# Prometheus's own default: whoever scrapes has given up by then.
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
        super().__init__(f"cannot expose metrics on {host} port {port}: {reason}; {self.remedy}")


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens on a host and port. Raises `CannotExpose`."""
    # create_server would raise OverflowError, and leave a socket open.
    if not 0 <= port <= MAX_PORT:
        raise CannotExpose(host, port, ValueError("there is no such port"))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise CannotExpose(host, port, error) from error


class Exposition(NamedTuple):
    """An answer to a scrape."""

    headers: Sequence[tuple[str, str]]
    body: bytes


def expose(registry: CollectorRegistry, *, accept: str = "", accept_encoding: str = "", query: str = "") -> Exposition:
    """Scrape a registry: in the format and the compression that a client's headers ask for.

    `query` is a URL's query; `name[]=...` restricts the answer to those series. Raises what a gauge's source
    raises.
    """
    headers: list[tuple[str, str]] = []

    def start_response(_status: str, response_headers: list[tuple[str, str]]) -> None:
        headers.extend(response_headers)

    # prometheus_client offers its content negotiation only as an application, which reads no more than this.
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
    """Serves a registry at `/metrics` over HTTP; an idle one makes no wake-ups."""

    def __init__(self, registry: CollectorRegistry, host: str = "127.0.0.1", port: int = 0) -> None:
        self._registry = registry
        self._host = host
        self._port = port
        self._lock = Lock()
        self._loop: ConnectionLoop | None = None

    @property
    def port(self) -> int:
        """The port: once started, the one that is bound."""
        return self._port

    @property
    def url(self) -> str:
        """What Prometheus is to scrape."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}{METRICS_PATH}"

    def start(self) -> None:
        """Bind the port and begin to serve.

        Raises CannotExpose when the host or the port cannot be had, RuntimeError when it has been started.
        """
        with self._lock:
            if self._loop is not None:
                raise RuntimeError("this metrics server has been started already")
            listener = open_listener(self._host, self._port)
            self._port = listener.getsockname()[1]
            self._loop = ConnectionLoop(listener, self._serve, limit=MAX_CONNECTIONS, seconds=REQUEST_SECONDS)
            self._loop.start()

    def stop(self) -> None:
        """Close the port, cut off the clients, and return when no thread is left. Idempotent."""
        with self._lock:
            if self._loop is not None:
                self._loop.stop()

    def _serve(self, connection: socket.socket) -> None:
        ScrapeHandler(connection, self._registry)


class ScrapeHandler(BaseHTTPRequestHandler):
    """Answers the one request of a connection. A subclass may have more paths than `/metrics`."""

    server_version = "stretto"
    sys_version = ""

    def __init__(self, connection: socket.socket, registry: CollectorRegistry) -> None:
        self._registry = registry
        # The address and the server are for subclasses only, and this one asks for neither.
        super().__init__(connection, ("", 0), None)  # type: ignore[arg-type]

    def parse_request(self) -> bool:
        """Refuse every method but two; http.server would call the others unknown (501)."""
        if not super().parse_request():
            return False
        if self.command in {"GET", "HEAD"}:
            return True
        self.reply(HTTPStatus.METHOD_NOT_ALLOWED, b"use GET or HEAD\n", [_TEXT, ("Allow", "GET, HEAD")])
        # A close with part of the request unread would reset the connection, and the answer with it.
        self.connection.shutdown(socket.SHUT_WR)
        while self.rfile.read1(65536):
            pass
        return False

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == METRICS_PATH:
            self.reply_with_metrics(query)
        elif path == "/":
            self.reply(HTTPStatus.OK, f"Stretto's metrics are at {METRICS_PATH}\n".encode(), [_TEXT])
        else:
            self.reply(HTTPStatus.NOT_FOUND, f"not found, see {METRICS_PATH}\n".encode(), [_TEXT])

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: a scrape each few seconds is no news."""

    def reply_with_metrics(self, query: str) -> None:
        """Send a scrape, or 500 when a gauge's source raises."""
        try:
            headers, body = expose(
                self._registry,
                accept=self.headers.get("Accept", ""),
                accept_encoding=self.headers.get("Accept-Encoding", ""),
                query=query,
            )
        except Exception:
            log.exception("scrape_failed")
            message = b"the scrape failed, see Stretto's log\n"
            self.reply(HTTPStatus.INTERNAL_SERVER_ERROR, message, [_TEXT])
        else:
            self.reply(HTTPStatus.OK, body, headers)

    def reply(self, status: HTTPStatus, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        """Send an answer; to HEAD, without its body."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
