"""The client's end of the API: one connection a request, and no event loop. Several threads can use one client."""

import socket
import ssl
import threading
import time
import weakref
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from select import POLLIN, poll
from typing import Final

from stretto.actors.gateway.run_state import LAST_WORDS, RunState
from stretto.actors.gateway.trust import client_context, unconnected_error
from stretto.actors.gateway.wire import (
    Address,
    AnswerLost,
    ClientClosed,
    DaemonUnreachable,
    EventReader,
    Exchange,
    RequestRefused,
    StreamEvent,
    address_of,
    ended_of,
    lines_of,
    value_of,
)
from stretto.actors.operations import (
    Accepted,
    Answer,
    Ended,
    Export,
    FollowOutput,
    OutcomeOf,
    Progress,
    Refused,
    Request,
    Submit,
    Watch,
    linked_values,
    with_value,
)

CONNECT_SECONDS: Final = 10.0
"""How long a host may take to answer to a connection."""
KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""After which silence a host is asked whether it is there, how often, and how many times, in seconds."""
PIECE_BYTES: Final = 256 * 1024
"""How much is read at once."""
MOST_PIECES: Final = 64
"""How often a stream is read on while more is there, before its events are returned."""


class Client:
    """Sends requests to a daemon, each on a connection of its own.

    Args:
        url: `unix:///PATH`, `http://HOST:PORT` or `https://HOST:PORT`.
        token: The token with which the client says who it is, or None.

    Raises:
        BadUrl: The URL is another one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self._token = token
        self._address = address_of(url)
        self._closed = False
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End all connections: requests in other threads fail, and new ones raise `ClientClosed`."""
        with self._lock:
            self._closed = True
            for each in list(self._sockets):
                with suppress(OSError):
                    # Not the method of a TLS socket, which would take its state from under the thread that reads.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    def ask(self, request: Request) -> Answer:
        """Send a request and return its answer, in which large values are whole. Raises as `answers` does."""
        exchange = Exchange(self.url, request, self._token)
        with self._connected(None) as connection:
            connection.send(exchange)
            answer = exchange.answer(connection.rest_of(exchange))
        for path, whole in linked_values(request, answer):
            answer = with_value(answer, path, value_of(self.url, self.ask(whole)))
        return answer

    def answers(self, request: Request) -> Generator[Answer]:
        """Send a request and yield its answers as they arrive.

        A run that is submitted is followed to its end. Most requests have one answer.

        Raises:
            DaemonUnreachable: No daemon answers, or it goes away before the last answer.
            RequestRefused: The daemon refuses the request.
            NotText, InvalidIdempotencyKey: The request is not UTF-8, or its key is not printable.
        """
        if isinstance(request, Export):
            yield from self._lines_of(request)
            return
        if isinstance(request, Watch):
            with self.stream(request.run) as stream:
                yield from self._news_in(stream, request.run)
            return
        answer = self.ask(request)
        if not (isinstance(request, Submit) and isinstance(answer, Accepted)):
            yield answer
            return
        # Followed before its id is known to the caller, so that the outcome comes even if the daemon is stopped next.
        with ExitStack() as stack:
            try:
                stream = stack.enter_context(self.stream(answer.run))
            except (DaemonUnreachable, RequestRefused):
                yield answer
                raise
            yield answer
            yield from self._news_in(stream, answer.run)

    @contextmanager
    def stream(self, run: str, last_id: str = "", until: float | None = None) -> Iterator["Stream"]:
        """Open the stream of a run for the time of a block.

        Args:
            run: The run's id.
            last_id: The id of the last event that the caller has, or "".
            until: The instant of `time.monotonic()` after which the daemon counts as gone. None waits without a limit.

        Raises:
            DaemonUnreachable: No daemon answers, or not until then.
            RequestRefused: The daemon refuses the request.
        """
        with self.stream_of(Watch(run), last_id, until) as stream:
            yield stream

    def output(self, request: FollowOutput) -> Generator[StreamEvent]:
        """Follow the output of an item: yield `output` as the first event, then `more`, and `ended` as the last.

        Raises:
            DaemonUnreachable: No daemon answers, or it goes away before the end.
            RequestRefused: The daemon refuses the request, or stops.
        """
        with self.stream_of(request) as stream:
            while (events := stream.next_events()) is not None:
                for each in events:
                    if each.name in LAST_WORDS:
                        raise RequestRefused(Refused("engine_stopped", str(each.data["reason"])))
                    yield each
                    if each.name == "ended":
                        return
        raise AnswerLost(f"the daemon at {self.url} closed the connection before the end of the output")

    @contextmanager
    def stream_of(self, request: Request, last_id: str = "", until: float | None = None) -> Iterator["Stream"]:
        """Open the stream that a request asks for. See `stream`."""
        exchange = Exchange(self.url, request, self._token, last_id=last_id, most=None)
        with self._connected(until) as connection:
            connection.send(exchange)
            first = connection.first_of(exchange)
            if exchange.is_refused:
                raise exchange.refusal(first + connection.rest_of(exchange))
            yield Stream(connection, exchange, EventReader(self.url), first)

    def _news_in(self, stream: "Stream", run: str) -> Generator[Answer]:
        """Yield a run's progress, and its outcome as the last. A daemon that goes away may end it early."""
        state = RunState(run)
        while (events := stream.next_events()) is not None:
            for event in events:
                changed = state.take(event)
                if state.farewell:
                    raise RequestRefused(Refused("engine_stopped", state.farewell))
                if state.ended is not None:
                    yield self.outcome_of(state)
                    return
                if changed:
                    yield Progress(run, state.status, state.tasks.copy())

    def outcome_of(self, state: RunState) -> Ended:
        """Return the outcome of an ended run, which is asked for if it is too large for an event."""
        whole = state.outcome_in_event()
        if whole is not None:
            return whole
        return ended_of(self.url, self.ask(OutcomeOf(state.run)))

    def _lines_of(self, request: Export) -> Generator[Answer]:
        exchange = Exchange(self.url, request, self._token, most=None)
        with self._connected(None) as connection:
            connection.send(exchange)
            rest = connection.first_of(exchange)
            if exchange.is_refused:
                raise exchange.refusal(rest + connection.rest_of(exchange))
            while rest or not exchange.over:
                *lines, rest = (rest + connection.part_of(exchange)).split(b"\n")
                if exchange.over and rest:
                    lines, rest = [*lines, rest], b""
                yield from lines_of(self.url, lines)

    @contextmanager
    def _connected(self, until: float | None) -> Iterator["_Connection"]:
        try:
            opened = _opened(self._address, until)
        except OSError as error:
            raise unconnected_error(self.url, error) from error
        with opened:
            with self._lock:
                if self._closed:
                    raise ClientClosed(f"the client of {self.url} is closed")
                self._sockets.add(opened)
            yield _Connection(opened, until)


class _Connection:
    """A connection, and until when it is read."""

    def __init__(self, opened: socket.socket, until: float | None) -> None:
        self._socket = opened
        self._until = until
        self._poll = poll()
        self._poll.register(opened, POLLIN)

    def send(self, exchange: Exchange) -> None:
        """Send a request."""
        try:
            # The daemon may refuse a request before it has read all of it: its answer says why.
            with suppress(BrokenPipeError):
                self._socket.sendall(exchange.request)
        except OSError as error:
            raise exchange.lost(error) from error

    def part_of(self, exchange: Exchange) -> bytes:
        """Wait for a part of an answer's body."""
        self._socket.settimeout(_left(self._until))
        try:
            data = self._socket.recv(PIECE_BYTES)
        except OSError as error:
            raise exchange.lost(error) from error
        return exchange.feed(data)

    def first_of(self, exchange: Exchange) -> bytes:
        """Wait for the status of an answer. Return what has come of its body."""
        first = b""
        while not exchange.status:
            first = self.part_of(exchange)
        return first

    def rest_of(self, exchange: Exchange) -> bytes:
        """Wait for the rest of an answer's body."""
        parts: list[bytes] = []
        while not exchange.over:
            parts.append(self.part_of(exchange))
        return b"".join(parts)

    def has_more(self) -> bool:
        """Return whether something can be read at once."""
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0
        return pending or bool(self._poll.poll(0))


class Stream:
    """An open stream of events."""

    def __init__(self, connection: _Connection, exchange: Exchange, reader: EventReader, first: bytes) -> None:
        self._connection = connection
        self._exchange = exchange
        self._reader = reader
        self._events = reader.feed(first)

    def next_events(self) -> list[StreamEvent] | None:
        """Wait for events, and return all that are there. None is the end of the stream, whichever way it ends."""
        events, self._events = self._events, []
        try:
            pieces = 0
            while not self._exchange.over and (not events or (pieces < MOST_PIECES and self._connection.has_more())):
                events += self._reader.feed(self._connection.part_of(self._exchange))
                pieces += 1
        except AnswerLost:
            return events or None
        return events or None


def _opened(address: Address, until: float | None) -> socket.socket:
    """Return a connected socket. Raises OSError."""
    if address.scheme == "unix":
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _closing_on_error(opened):
            # Without a timeout: with one, a full queue of the daemon would be an error at once.
            opened.connect(address.host)
        return opened
    seconds = min(_left(until) or CONNECT_SECONDS, CONNECT_SECONDS)
    opened = socket.create_connection((address.host, address.port), seconds)
    with _closing_on_error(opened):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            opened.setsockopt(socket.IPPROTO_TCP, option, value)
        if address.scheme == "https":
            opened = client_context().wrap_socket(opened, server_hostname=address.host)
    opened.settimeout(None)
    return opened


@contextmanager
def _closing_on_error(opened: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        opened.close()
        raise


def _left(until: float | None) -> float | None:
    """Return the seconds until an instant, at least a millisecond: none at all would mean not to wait."""
    return None if until is None else max(until - time.monotonic(), 0.001)
