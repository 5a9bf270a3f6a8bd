"""The daemon's port: /metrics for Prometheus, /healthz and /readyz for whoever restarts it or sends it work."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from stretto.actors.gateway.socket_file import CannotServe
from stretto.metrics import expose, get_logger
from stretto.metrics.listener import ConnectionLoop

REQUEST_SECONDS: Final = 10.0
MAX_CONNECTIONS: Final = 16

_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
_log = get_logger("stretto.daemon")


class Check(NamedTuple):
    """What a probe is told: whether all is well, and why or why not."""

    well: bool
    reason: str


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine's own, which no other machine reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class OperationsServer:
    """Answers at the three paths, each connection on a thread of its own; an idle one makes no wake-ups."""

    def __init__(self, registry: CollectorRegistry, healthy: Callable[[], Check], ready: Callable[[], Check]) -> None:
        self._registry = registry
        self._checks = {"/healthz": healthy, "/readyz": ready}

    def start(self, host: str, port: int) -> str:
        """Bind the port (0: any that is free) and begin to serve; return the URL. Raises `CannotServe`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CannotServe(f"cannot serve on {host} port {port}: {reason}; choose another --port") from error
        bound: int = listener.getsockname()[1]
        self._loop = ConnectionLoop(listener, self._serve, limit=MAX_CONNECTIONS, seconds=REQUEST_SECONDS)
        self._loop.start()
        return f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"

    def stop(self) -> None:
        """Close the port and cut off the clients; return when no thread is left."""
        self._loop.stop()

    def _serve(self, connection: socket.socket) -> None:
        _Handler(connection, self._registry, self._checks)


class _Handler(BaseHTTPRequestHandler):
    """Answers the one request of a connection."""

    server_version = "stretto"
    sys_version = ""

    def __init__(
        self, connection: socket.socket, registry: CollectorRegistry, checks: dict[str, Callable[[], Check]]
    ) -> None:
        self._registry = registry
        self._checks = checks
        # The address and the server are for subclasses only, and this one asks for neither.
        super().__init__(connection, ("", 0), None)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/metrics":
            self._reply_with_metrics(query)
        elif path in self._checks:
            well, reason = self._checks[path]()
            status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
            self._reply(status, f"{reason}\n".encode(), [_TEXT])
        else:
            self._reply(HTTPStatus.NOT_FOUND, b"not found: there are /metrics, /healthz, /readyz\n", [_TEXT])

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: a probe each few seconds is no news."""

    def _reply_with_metrics(self, query: str) -> None:
        try:
            headers, body = expose(
                self._registry,
                accept=self.headers.get("Accept", ""),
                accept_encoding=self.headers.get("Accept-Encoding", ""),
                query=query,
            )
        except Exception:  # noqa: BLE001 - a gauge's source may raise anything, and a scrape harms nobody
            _log.exception("scrape_failed")
            self._reply(HTTPStatus.INTERNAL_SERVER_ERROR, b"the scrape failed, see Stretto's log\n", [_TEXT])
        else:
            self._reply(HTTPStatus.OK, body, headers)

    def _reply(self, status: HTTPStatus, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
