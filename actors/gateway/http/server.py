"""The gateway: the application on its listeners, from the start to the last answer."""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pykka

from stretto.actors.access import open_access
from stretto.actors.dispatch import call
from stretto.actors.engine import EngineHost
from stretto.actors.gateway.acceptor import Acceptor
from stretto.actors.gateway.http.application import Application
from stretto.actors.gateway.http.callers import peer_of
from stretto.actors.gateway.http.connections import Connection, Connections, configuration
from stretto.actors.gateway.http.daemon_side import DaemonSide
from stretto.actors.gateway.http.ended_runs import EndedRuns
from stretto.actors.gateway.http.endpoints import Endpoints
from stretto.actors.gateway.http.engine_facts import EngineEndpoints, Samples
from stretto.actors.gateway.http.hosts import Hosts
from stretto.actors.gateway.http.origins import Origins
from stretto.actors.gateway.http.probes import Probe, probe_routes
from stretto.actors.gateway.http.problems import STATUSES
from stretto.actors.gateway.http.streams import Streams
from stretto.actors.gateway.live import LiveHub
from stretto.actors.gateway.socket_file import BACKLOG, CannotServe
from stretto.actors.operations import API, ROUTES
from stretto.actors.process import give_back, withhold
from stretto.metrics import get_logger
from stretto.metrics.exposition import CannotExpose, open_listener

if TYPE_CHECKING:
    from stretto.actors.runs import Services

LAST_WORDS_SECONDS: Final = 5.0
"""How long clients may take to read their last answer when the daemon stops."""

_log = get_logger("stretto.gateway")


def is_loopback(host: str) -> bool:
    """Return whether a host is a loopback address, which no other machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_port(host: str, port: int) -> tuple[socket.socket, str]:
    """Return a listening socket and its URL.

    Args:
        host: The address to bind.
        port: The port. 0 takes any free one.

    Raises:
        CannotServe: It cannot be bound.
    """
    try:
        listener = open_listener(host, port)
    except CannotExpose as error:
        raise CannotServe(f"cannot serve on {host} port {port}: {error.reason}; {error.remedy}") from error
    listener.listen(BACKLOG)
    listener.settimeout(0)
    withhold(listener)
    bound: int = listener.getsockname()[1]
    return listener, f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"


class Gateway:
    """Serves run requests. All of it runs in the event loop that starts it.

    Args:
        engine: The engine.
        probes: The probe of each path.
        url: The URL of the port.
        daemon: The daemon, whose settings are those of the port and the socket.
    """

    def __init__(
        self,
        engine: pykka.ActorRef[Any],
        probes: Mapping[str, Probe],
        url: str,
        daemon: DaemonSide,
    ) -> None:
        settings = daemon.settings.serve
        self._daemon = daemon
        self._origins = Origins(url, settings.public_url)
        self._hosts = Hosts(settings.hosts, self._origins.public_host)
        self._engine = engine
        self._probes = probes
        self._ended = EndedRuns(engine)
        self._hub = LiveHub(self._ended.source)
        self._tokens_file = None if settings.tokens_file is None else Path(settings.tokens_file)
        self._connections = Connections()
        self._acceptors: list[Acceptor] = []

    @property
    def abandoned(self) -> int:
        """How many runs have ended because the engine was stopped."""
        return self._ended.abandoned

    async def start(self, *listeners: socket.socket) -> None:
        """Start accepting connections. The caller closes the listeners. Raises as `open_access` does."""
        services: Services = await call(self._engine, EngineHost.services)
        self._access = await asyncio.to_thread(open_access, services.journal, services.readers, self._tokens_file)
        self._ended.stored = services.journal.durable
        await self._hub.start()
        streams = Streams(self._hub, self._access)
        samples = Samples(services.instruments)
        about_engine = EngineEndpoints(self._engine, self._daemon, samples)
        self._endpoints = Endpoints(self._engine, self._ended, streams, self._access, self._origins, about_engine)
        probes = probe_routes(services.instruments.registry, self._probes, samples.take)
        routes = [*self._endpoints.routes(), *probes]
        paths = [*(API + route.place for route in ROUTES), *(route.path for route in routes)]
        instruments = services.instruments
        self._config = configuration(Application(routes, paths, self._hosts, instruments.http(STATUSES)))
        # Both are single reads, which a scrape may do in its own thread.
        instruments.bind_streams(streams=lambda: self._hub.streams, dropped=lambda: self._hub.dropped)
        paused = instruments.accept_pauses.inc
        self._acceptors = [Acceptor(each, self._connect, on_pause=paused) for each in listeners]

    async def stop(self) -> None:
        """Stop accepting, give clients LAST_WORDS_SECONDS to read, then close. Call after the engine has stopped."""
        for acceptor in self._acceptors:
            acceptor.close()
        # Every outcome has reached the streams when they are ended.
        await self._ended.source.drain()
        await self._hub.stop()
        self._connections.shut_down()
        tasks = tuple(self._connections.state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._connections.abort()
        self._endpoints.close()
        await asyncio.to_thread(self._access.close)

    def _connect(self, connection: socket.socket) -> Connection | None:
        peer = peer_of(connection)
        if not self._connections.admit(peer):
            _log.warning("client_refused", reason="too many connections", address=peer.address)
            return None
        # A client that reads to the end would wait for a child's copy, too.
        withhold(connection)
        return Connection(self._config, self._connections, peer, lambda: give_back(connection))
