"""One client's connection: uvicorn's HTTP/1.1 with bounds on time and number."""

import asyncio
import contextlib
import logging
import secrets
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from stretto.actors.gateway.guests import Guest
from stretto.actors.gateway.http.application import MAX_HEADER_BYTES, SEND_SECONDS, ClientLeft
from stretto.actors.gateway.http.bodies import MAX_REQUEST_BYTES
from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.outlets import SocketOutlet, StreamSockets, TransportOutlet
from stretto.actors.gateway.http.problems import Problem, written
from stretto.actors.gateway.live import Subscription

HEADER_SECONDS: Final = 5.0
"""How long a client may take from its connection, or from the last answer, to the end of a request's headers."""
HANDSHAKE_SECONDS: Final = 5.0
"""How long the handshake of TLS may take."""
IDLE_SECONDS: Final = 60
"""How long a connection is kept open between two requests."""

_METHODS_OF_TRANSPORT: Final = ("_read_ready_cb", "_write_ready")
"""Attributes in which a transport of asyncio has methods of its own, and so refers to itself. It calls none of them
once its connection is lost."""


class Connection(H11Protocol):
    """A connection with a deadline for the headers of each request. It counts as open from before its handshake."""

    def __init__(
        self, config: Config, streams: StreamSockets, peer: Peer, place: Guest, lost: Callable[[], None]
    ) -> None:
        connections = streams.connections
        state = {
            "peer": peer,
            "identified": place.release,
            "refused": place.restrict,
            "cut_off": self.cut_off,
            "complain": self._complain,
            "hand_over": self._hand_over,
            "until_lost": self._until_lost,
        }
        super().__init__(config, connections.state, state, asyncio.get_running_loop())
        self._opening: asyncio.Task[Any] | None = None
        self._is_open = False
        self._head = b""
        self._place = place
        self._application = self.app
        self.app = self._answer
        self._all = connections
        self.peer = peer
        self._lost = lost
        self._deadline: asyncio.TimerHandle | None = None
        self._socket: socket.socket | None = None
        self._streams = streams
        self._outlet: TransportOutlet | None = None
        """The end of the stream that the transport writes for."""
        self._unread = 0
        """The bytes of a request's body that have come after its answer."""
        self._end: asyncio.Future[None] | None = None

    async def open(self, connection: socket.socket, tls: ssl.SSLContext | None, head: bytes) -> None:
        """Begin to serve an accepted connection, with TLS after its handshake.

        Args:
            connection: The connection.
            tls: The context of the handshake, or None without TLS.
            head: The first bytes of the client.

        Raises:
            OSError: The client has left, or its handshake failed or took too long.
        """
        self._opening = asyncio.current_task()
        self._socket, self._head = connection, head
        self._all.add(self)
        try:
            if tls is None:
                await self.loop.connect_accepted_socket(lambda: self, connection)
            else:
                await self.loop.connect_accepted_socket(
                    lambda: self, connection, ssl=tls, ssl_handshake_timeout=HANDSHAKE_SECONDS,
                    ssl_shutdown_timeout=SEND_SECONDS,
                )  # fmt: skip
        except (ssl.SSLError, ConnectionAbortedError):  # not those who leave, as probes of the port do
            self._complain("its handshake of TLS fails")
            raise
        finally:
            self._opening = None
            if not self._is_open:  # a connection that was not made is not lost either
                self._forget()

    def _answer(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        return self._place.charged(self._application(scope, receive, send))

    @property
    def is_guest(self) -> bool:
        """Whether its client has not said who it is."""
        return self._place.is_guest

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # before the first request there is none
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base class
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._is_open = True
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._is_late)
        if self._head:
            self._place.use()
            self.data_received(self._head)
            self._head = b""

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._is_open = False
        self._place.use()
        self._meet_deadline()
        super().connection_lost(exc)
        if self._outlet is not None:
            self._outlet.lose()
        if self._end is not None:
            self._end.set_result(None)
        self._forget()
        self._open_circles()

    def _open_circles(self) -> None:
        """Forget what refers to this object, so that it needs no garbage collector.

        Each full collection stops the runs. Without this, a few hundred connections would make one due.
        """
        self.app = self._application
        self.app_state = {}
        self.scope = self.cycle = None  # type: ignore[assignment]  # as before the first request
        for method in _METHODS_OF_TRANSPORT:
            vars(self.transport).pop(method, None)

    def data_received(self, data: bytes) -> None:
        """Take bytes. Those that begin a request have to end its headers in time."""
        if self._outlet is None:
            self._take(data)
            return
        self._unread += len(data)
        if self._unread > MAX_REQUEST_BYTES:
            self._complain("it goes on after its answer")
            self.close()

    def _take(self, data: bytes) -> None:
        if self._deadline is None and not self.is_busy:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._is_late)
        self._unread = self._unread + len(data) if self.conn.our_state is h11.DONE else 0
        if self._unread > MAX_REQUEST_BYTES:
            self._complain("it goes on after its answer")
            self.close()
            return
        super().data_received(data)
        if self.is_busy:
            self._meet_deadline()
            self._place.had_request()
            self._all.was_used(self)

    def on_response_complete(self) -> None:
        """Begin with the next request, of which a part may be there."""
        super().on_response_complete()
        if not self.is_busy and self._deadline is None and self.conn.trailing_data[0]:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._is_late)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as the base class
        """Refuse bytes that are not a request, or not the rest of its body."""
        error = sys.exception()
        if error is not None:
            error.__traceback__ = None  # h11 raises it with itself in a frame, which keeps this object in a circle
        self._complain("it does not send HTTP/1.1")
        if self.cycle is not None:
            self.cycle.disconnected = True  # its application has no client any more
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            problem = Problem("bad_request", "the data are not a request of HTTP/1.1", {"connection": "close"})
            status, headers, body = written(problem, secrets.token_hex(8), problem)
            head = h11.Response(status_code=status, headers=[*headers.items(), ("content-length", str(len(body)))])
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        if not self.transport.is_closing():
            self.transport.close()  # not at once, as the answer is under way

    def _should_upgrade(self) -> bool:
        """Answer as if the client had not asked for another protocol. The base class logs each of these requests."""
        return False

    def _is_late(self) -> None:
        self._complain("its headers take too long")
        self.close()

    def _complain(self, reason: str) -> None:
        self._all.complaints.note(reason, self.peer.address)

    def close(self) -> None:
        """Close the connection at once."""
        # With TLS, a transport that is closed waits for the client's goodbye.
        if self._opening is not None or self.scheme == "https":
            self.abort()
        elif not self.transport.is_closing():
            self.transport.close()

    def _until_lost(self) -> "asyncio.Future[None]":
        """Return a future that is done when the client has left. Nothing of a request's body is read for it."""
        if self._end is None:
            self._end = self.loop.create_future()
            if not self._is_open:
                self._end.set_result(None)
        return self._end

    def _hand_over(self, stream: Subscription) -> SocketOutlet | TransportOutlet:
        """Let a stream write to the connection, behind the head of its answer. HTTP is over on it.

        Raises:
            ClientLeft: The connection has ended.
        """
        if not self._is_open:  # nothing would end the stream
            raise ClientLeft("it left while its stream was opened")
        self.cycle.disconnected = True  # nothing more is expected of the application
        self.conn.send_failed()  # the stream bypasses h11, which now expects nothing of the client either
        is_chunked = self.scope["http_version"] == "1.1"
        is_plain = is_chunked and self.scheme == "http" and not self.transport.get_write_buffer_size()
        if self._socket is not None and is_plain and not self.transport.is_closing():
            with contextlib.suppress(OSError):  # no descriptor is left for a copy
                outlet = self._streams.open(self._socket, self.peer, stream)
                self._forget()
                self.transport.close()
                return outlet
        self._outlet = TransportOutlet(self.transport, stream, self._complain, chunked=is_chunked)
        if self.flow.write_paused:
            self._outlet.fill()
        return self._outlet

    def pause_writing(self) -> None:
        """Note that the client reads too slowly."""
        super().pause_writing()
        if self._outlet is not None:
            self._outlet.fill()

    def resume_writing(self) -> None:
        """Note that the client has read."""
        super().resume_writing()
        if self._outlet is not None:
            self._outlet.drain()

    def end_after_answer(self) -> None:
        """Close the connection now if it is idle, or after its answer."""
        if self._opening is not None:
            self.abort()
        elif not self.transport.is_closing():
            self.shutdown()

    def abort(self) -> None:
        """Close the connection at once and drop unsent data."""
        if self._opening is not None:
            self._opening.cancel()
        elif self._is_open:
            self.transport.abort()

    def cut_off(self) -> None:
        """End the request at hand, and its connection, without an answer."""
        if self.cycle is not None:  # the connection may be lost already
            self.cycle.disconnected = True
        self.abort()

    def _forget(self) -> None:
        self._place.leave()
        self._all.remove(self)
        self._lost()

    def _meet_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def configuration(application: Any) -> Config:
    """Return the configuration of all connections, loaded."""
    config = Config(
        application, lifespan="off", http="h11", ws="none", log_config=None, access_log=False, server_header=False,
        date_header=False, proxy_headers=False, timeout_keep_alive=IDLE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )  # fmt: skip
    config.load()
    # It has a line for each request that is not HTTP. `Complaints` bounds these.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return config
