"""The gateway: the application on its listeners, from the start to the last answer."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pykka

from stretto.actors.access import Caller, open_access
from stretto.actors.dispatch import call
from stretto.actors.engine import EngineHost
from stretto.actors.gateway.acceptor import Acceptor
from stretto.actors.gateway.exposure import check_tokens
from stretto.actors.gateway.guests import TURNS_OF_A_HANDSHAKE, TURNS_OF_A_REQUEST, Guest
from stretto.actors.gateway.http.application import Application
from stretto.actors.gateway.http.arrivals import Arrival
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.callers import OpenProbes, Peers, Readers, Senders
from stretto.actors.gateway.http.connections import configuration
from stretto.actors.gateway.http.cookies import SessionCookie
from stretto.actors.gateway.http.daemon_side import DaemonSide
from stretto.actors.gateway.http.ended_runs import EndedRuns
from stretto.actors.gateway.http.endpoints import Endpoints
from stretto.actors.gateway.http.engine_facts import EngineEndpoints, Samples
from stretto.actors.gateway.http.express import ExpressLane
from stretto.actors.gateway.http.express_connections import ExpressConnection
from stretto.actors.gateway.http.hosts import Hosts
from stretto.actors.gateway.http.in_flight import RequestsInFlight
from stretto.actors.gateway.http.item_values import ItemValues
from stretto.actors.gateway.http.open_connections import Connections
from stretto.actors.gateway.http.opening import Opening
from stretto.actors.gateway.http.origins import Origins
from stretto.actors.gateway.http.outlets import StreamSockets
from stretto.actors.gateway.http.probes import Probe, probe_routes
from stretto.actors.gateway.http.problems import STATUSES
from stretto.actors.gateway.http.proxies import Proxies
from stretto.actors.gateway.http.request_rates import RequestRates
from stretto.actors.gateway.http.restrictions import Restrictions
from stretto.actors.gateway.http.sessions import Sessions
from stretto.actors.gateway.http.streams import Streams
from stretto.actors.gateway.live import LiveHub
from stretto.actors.gateway.paced_loop import PacedLoop
from stretto.actors.gateway.pages.pages import Pages
from stretto.actors.gateway.pages.task_graph import TaskGraphs
from stretto.actors.gateway.socket_file import BACKLOG, CannotServe
from stretto.actors.gateway.socket_users import socket_users
from stretto.actors.operations import API, ROUTES
from stretto.actors.process import give_back, withhold
from stretto.metrics import get_logger
from stretto.metrics.exposition import CannotExpose, open_listener

if TYPE_CHECKING:
    from stretto.actors.gateway.tls import Certificate
    from stretto.actors.runs import Services
    from stretto.actors.settings import ServeSettings

LAST_WORDS_SECONDS: Final = 5.0
"""How long clients may take to read their last answer when the daemon stops."""

_log = get_logger("stretto.gateway")


def open_port(host: str, port: int, scheme: str = "http") -> tuple[socket.socket, str]:
    """Return a listening socket and its URL.

    Args:
        host: The address to bind.
        port: The port. 0 takes any free one.
        scheme: The URL's scheme.

    Raises:
        CannotServe: It cannot be bound.
    """
    try:
        listener = open_listener(host, port)
    except CannotExpose as error:
        raise CannotServe(f"cannot serve on {host} port {port}: {error.text}; {error.remedy}") from error
    listener.listen(BACKLOG)
    listener.settimeout(0)
    # Connections inherit it. asyncio sets it only for a socket that names its protocol, which an accepted one does not,
    # and without it the end of an answer waits up to 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    withhold(listener)
    bound: int = listener.getsockname()[1]
    return listener, f"{scheme}://[{host}]:{bound}" if ":" in host else f"{scheme}://{host}:{bound}"


class Gateway:
    """Serves run requests. All of it runs in the event loop that starts it.

    Args:
        probes: The probe of each path.
        url: The URL of the port.
        settings: The settings of the port and the socket.
        certificate: The certificate of the port, or None without TLS.
    """

    def __init__(
        self, probes: Mapping[str, Probe], url: str, settings: "ServeSettings", certificate: "Certificate | None" = None
    ) -> None:
        self._url = url
        self._settings = settings
        self._certificate = certificate
        self._proxies = Proxies(settings.behind_proxy, settings.proxy_user_header)
        self._peers = Peers(socket_users(settings), self._proxies)
        self._origins = Origins(url, settings.public_url)
        self._hosts = Hosts(settings.hosts, self._origins.public_host)
        self._probes = probes
        self._open_probes = OpenProbes(self._proxies, open_to_all=settings.open_metrics)
        self._opening = Opening(self._hosts, self._open_probes)
        self._config = configuration(self._opening)
        self._tokens_file = None if settings.tokens_file is None else Path(settings.tokens_file)
        self._connections = Connections()
        self._stream_sockets = StreamSockets(self._connections)
        self._acceptors: list[Acceptor] = []
        self._handshakes: set[asyncio.Task[None]] = set()
        self._on_pause: Callable[[], object] = _nothing
        self._loop = asyncio.get_running_loop()
        self._lane = ExpressLane(self._loop)
        self._guests = self._loop.guests if isinstance(self._loop, PacedLoop) else None
        self._has_started = False

    @property
    def abandoned(self) -> int:
        """How many runs have ended because the engine was stopped."""
        return self._ended.abandoned

    def listen(self, *listeners: socket.socket) -> None:
        """Start accepting connections. The caller closes the listeners.

        The probes are answered from now on, and other requests wait for `start`.
        """
        for each in listeners:
            if each.family != socket.AF_UNIX:
                Guest(each.fileno(), "", self._guests).restrict()
        self._acceptors = [Acceptor(each, self._serve, on_pause=self._count_pause) for each in listeners]

    async def start(self, engine: pykka.ActorRef[Any], daemon: DaemonSide) -> None:
        """Answer all requests.

        Args:
            engine: The engine.
            daemon: The daemon.

        Raises:
            CannotServe: Other machines reach the port, and no token is valid.
            CannotUseTokensFile, StoreUnavailable: The tokens cannot be loaded.
        """
        self._ended = EndedRuns(engine)
        self._hub = LiveHub(self._ended.source)
        services: Services = await call(engine, EngineHost.services)
        self._access = await asyncio.to_thread(open_access, services.journal, services.readers, self._tokens_file)
        try:
            check_tokens(self._settings, await asyncio.to_thread(self._access.tokens))
        except CannotServe:
            await asyncio.to_thread(self._access.close)
            raise
        self._ended.stored = services.journal.durable
        services.public_url = self._origins.here
        await self._hub.start()
        streams = Streams(self._hub, self._access)
        samples = Samples(services.instruments)
        cookie = SessionCookie(self._origins.port)
        senders = Senders(self._access, cookie)
        self._sessions = Sessions(self._access, cookie, self._origins, Restrictions(engine))
        self._endpoints = Endpoints(
            engine, self._ended, streams, access=self._access, origins=self._origins, senders=senders,
            sessions=self._sessions, about_engine=EngineEndpoints(engine, daemon, samples),
            in_flight=RequestsInFlight(self._settings.max_requests_of_a_client),
            rates=RequestRates(self._settings.max_requests_per_second), services=services,
        )  # fmt: skip
        instruments = services.instruments
        readers = Readers(senders, self._open_probes)
        pages = Pages(
            Asker(engine, self._endpoints.answers), senders, self._sessions, cookie,
            TaskGraphs(self._endpoints.run_graphs), ItemValues(engine),
            lambda: services.journal.unavailable is not None,
        )  # fmt: skip
        routes = [
            *probe_routes(instruments.registry, self._probes, readers.check, samples.take),
            *self._endpoints.routes(),
            *pages.routes(),
        ]
        paths = [*(API + route.place for route in ROUTES), *(route.path for route in routes)]
        application = Application(
            routes, paths, hosts=self._hosts, origins=self._origins, proxies=self._proxies,
            counting=instruments.http(STATUSES), await_known=senders.await_known, page_of=pages.errors.page_of,
        )  # fmt: skip
        # Both are single reads, which a scrape may do in its own thread.
        instruments.bind_streams(streams=lambda: self._hub.streams, dropped=lambda: self._hub.dropped)
        if self._guests is not None:
            self._guests.budget.bind(services.dispatcher.is_busy)
            self._guests.on_wait = instruments.guest_waits.inc
        self._on_pause = instruments.accept_pauses.inc
        self._has_started = True
        self._opening.open(application)
        self._endpoints.open_lane(self._lane, application)

    def _count_pause(self) -> None:
        self._on_pause()

    async def enter_url(self, caller: Caller) -> str:
        """Return a URL that begins a session with a caller's rights in a browser, once, within a minute."""
        return (await self._sessions.enter_url(caller)).url

    async def stop(self) -> None:
        """Stop accepting, give clients LAST_WORDS_SECONDS to read, then close. Call after the engine has stopped."""
        for acceptor in self._acceptors:
            acceptor.close()
        if not self._has_started:
            self._opening.give_up()
        waited_for: list[asyncio.Future[None]] = [*self._connections.state.tasks]
        if self._has_started:
            # Every outcome has reached the streams when they are ended.
            await self._ended.source.drain()
            self._ended.waits.close()
            await self._hub.stop()
            waited_for += [self._loop.create_task(self._hub.left()), self._lane.left()]
        self._connections.shut_down()
        if waited_for:
            _, late = await asyncio.wait(waited_for, timeout=LAST_WORDS_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._connections.abort()
        self._stream_sockets.close()
        if self._has_started:
            self._endpoints.close()
            await asyncio.to_thread(self._access.close)

    def _serve(self, connection: socket.socket, address: tuple[str, int] | None) -> None:
        peer = self._peers.of(connection, address)
        if not self._connections.admit(peer):
            self._connections.complaints.note("too many connections", peer.address)
            connection.close()
            return
        # A client that reads to the end would wait for a child's copy, too.
        withhold(connection)
        tls = self._certificate is not None and bool(peer.address)
        turns = TURNS_OF_A_REQUEST + (TURNS_OF_A_HANDSHAKE if tls else 0)
        place = Guest(connection.fileno(), peer.name or "socket", self._guests, turns)
        if peer.caller is None:
            place.restrict()
        arrival = Arrival(connection, self._connections, peer, place)
        arrival.wait(self._open, _close, tls=tls)

    def _open(self, arrival: Arrival, head: bytes) -> None:
        connection, place = arrival.connection, arrival.place
        tls = None if self._certificate is None or not arrival.peer.address else self._certificate.context
        opened = ExpressConnection(
            self._config, self._stream_sockets, arrival.peer, place, partial(give_back, connection), self._lane
        )
        task = self._loop.create_task(_opened(place.charged(opened.open(connection, tls, head)), connection))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)


def _nothing() -> None:
    """Do nothing: there is no engine yet whose metrics count the pauses."""


def _close(arrival: Arrival) -> None:
    arrival.place.leave()
    give_back(arrival.connection)
    arrival.connection.close()


async def _opened(opening: Awaitable[None], connection: socket.socket) -> None:
    try:
        await opening
    except OSError as error:
        connection.close()
        _log.debug("client_lost", reason=f"{type(error).__name__}: {error}")
