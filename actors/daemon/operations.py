"""The daemon's port: /metrics for Prometheus, /healthz and /readyz for probes."""

import ipaddress
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from stretto.actors.gateway import CannotServe
from stretto.metrics.exposition import METRICS_PATH, CannotExpose, ScrapeHandler, open_listener
from stretto.metrics.listener import ConnectionLoop

REQUEST_SECONDS: Final = 10.0
MAX_CONNECTIONS: Final = 16

_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")


class Check(NamedTuple):
    """The result of a probe, and its reason."""

    well: bool
    reason: str


def is_loopback(host: str) -> bool:
    """Return whether a host is a loopback address, which no other machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class OperationsServer:
    """Serves the three paths, each connection on a thread of its own. It does not wake up while idle."""

    def __init__(self, registry: CollectorRegistry, healthy: Callable[[], Check], ready: Callable[[], Check]) -> None:
        self._registry = registry
        self._checks = {"/healthz": healthy, "/readyz": ready}

    def start(self, host: str, port: int) -> str:
        """Bind the port (0 for any free one), start serving and return the URL. Raises `CannotServe`."""
        try:
            listener = open_listener(host, port)
        except CannotExpose as error:
            raise CannotServe(f"cannot serve on {host} port {port}: {error.reason}; {error.remedy}") from error
        bound: int = listener.getsockname()[1]
        self._loop = ConnectionLoop(listener, self._serve, limit=MAX_CONNECTIONS, seconds=REQUEST_SECONDS)
        self._loop.start()
        return f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"

    def stop(self) -> None:
        """Close the port and the clients' connections; return when no thread is left."""
        self._loop.stop()

    def _serve(self, connection: socket.socket) -> None:
        _Handler(connection, self._registry, self._checks)


class _Handler(ScrapeHandler):
    """Answers probes and scrapes."""

    def __init__(
        self, connection: socket.socket, registry: CollectorRegistry, checks: dict[str, Callable[[], Check]]
    ) -> None:
        self._checks = checks
        super().__init__(connection, registry)

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        path, _, query = self.path.partition("?")
        if path == METRICS_PATH:
            self.reply_with_metrics(query)
        elif path in self._checks:
            well, reason = self._checks[path]()
            status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
            self.reply(status, f"{reason}\n".encode(), [_TEXT])
        else:
            self.reply(HTTPStatus.NOT_FOUND, b"not found: there are /metrics, /healthz, /readyz\n", [_TEXT])

    do_HEAD = do_GET  # noqa: N815 - http.server's name
