"""The client's end of the API in an event loop: one connection a request, and no thread."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, cast

from stretto.actors.gateway.client import CONNECT_SECONDS, KEEPALIVE
from stretto.actors.gateway.run_state import RunState
from stretto.actors.gateway.trust import client_context, unconnected_error
from stretto.actors.gateway.wire import (
    ClientClosed,
    EventReader,
    Exchange,
    StreamEvent,
    address_of,
    ended_of,
    lines_of,
    value_of,
)
from stretto.actors.operations import Answer, Ended, FollowOutput, OutcomeOf, Request, Watch, linked_values, with_value
from stretto.definitions.errors import StrettoError


class Followed(Protocol):
    """A run or an output as a client puts it together from events."""

    farewell: str

    @property
    def request(self) -> Watch | FollowOutput:
        """The request for its stream."""

    @property
    def last_id(self) -> str:
        """The id of the last event."""

    def take(self, event: StreamEvent) -> bool:
        """Take an event, and return whether there is something for the caller."""


class AsyncClient:
    """Sends requests to a daemon, each on a connection of its own. For one event loop.

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
        self._open: set[_Receiver] = set()

    def close(self) -> None:
        """End all connections: requests under way fail, and new ones raise `ClientClosed`."""
        self._closed = True
        for receiver in self._open:
            receiver.fail(self._closed_error())

    async def ask(self, request: Request) -> Answer:
        """Send a request and return its answer. Raises as `Client.ask`."""
        exchange = Exchange(self.url, request, self._token)
        answer = exchange.answer(await self._body_of(exchange))
        for path, whole in linked_values(request, answer):
            answer = with_value(answer, path, value_of(self.url, await self.ask(whole)))
        return answer

    async def all_of(self, request: Request) -> list[Answer]:
        """Send a request that has several answers, and return them."""
        exchange = Exchange(self.url, request, self._token, most=None)
        body = await self._body_of(exchange)
        if exchange.is_refused:
            raise exchange.refusal(body)
        return list(lines_of(self.url, filter(None, body.split(b"\n"))))

    @asynccontextmanager
    async def stream(self, state: Followed) -> AsyncIterator["AsyncStream"]:
        """Open the stream of what is followed for the time of a block. It continues after the last event of `state`."""
        exchange = Exchange(self.url, state.request, self._token, last_id=state.last_id, most=None)
        stream = AsyncStream(exchange, state, EventReader(self.url))
        async with self._sent(exchange, stream.take) as receiver:
            receiver.ended.add_done_callback(stream.end)
            yield stream

    async def outcome_of(self, state: RunState) -> Ended:
        """Return the outcome of an ended run, which is asked for if it is too large for an event."""
        whole = state.outcome_in_event()
        return ended_of(self.url, await self.ask(OutcomeOf(state.run))) if whole is None else whole

    async def _body_of(self, exchange: Exchange) -> bytes:
        parts: list[bytes] = []
        async with self._sent(exchange, parts.append) as receiver:
            await receiver.ended
        return b"".join(parts)

    @asynccontextmanager
    async def _sent(self, exchange: Exchange, take: Callable[[bytes], object]) -> AsyncIterator["_Receiver"]:
        receiver = _Receiver(exchange, take)
        await self._connect(receiver)
        try:
            if self._closed:
                raise self._closed_error()
            self._open.add(receiver)
            receiver.transport.write(exchange.request)
            yield receiver
        finally:
            self._open.discard(receiver)
            receiver.transport.abort()

    async def _connect(self, receiver: "_Receiver") -> None:
        if self._closed:
            raise self._closed_error()
        loop, address = asyncio.get_running_loop(), self._address
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if address.scheme == "unix":
                    await loop.create_unix_connection(lambda: receiver, address.host)
                    return
                context = client_context() if address.scheme == "https" else None
                await loop.create_connection(lambda: receiver, address.host, address.port, ssl=context)
                connected: socket.socket = receiver.transport.get_extra_info("socket")
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, value in KEEPALIVE:
                    connected.setsockopt(socket.IPPROTO_TCP, option, value)
        except OSError as error:
            raise unconnected_error(self.url, error) from error

    def _closed_error(self) -> ClientClosed:
        return ClientClosed(f"the client of {self.url} is closed")


class AsyncStream:
    """An open stream. Its events are put into the state as they arrive: nothing is kept for a slow reader."""

    def __init__(self, exchange: Exchange, state: Followed, reader: EventReader) -> None:
        self._exchange = exchange
        self._state = state
        self._reader = reader
        self._refusal = b""
        self._has_changed = False
        self._ended: asyncio.Future[None] | None = None
        self._news = asyncio.Event()

    def take(self, part: bytes) -> None:
        """Take a part of the stream."""
        if self._exchange.is_refused:
            self._refusal += part
            return
        for event in self._reader.feed(part):
            self._has_changed |= self._state.take(event)
        if self._has_changed or self._state.farewell:
            self._news.set()

    def end(self, ended: "asyncio.Future[None]") -> None:
        """Note that nothing follows."""
        self._ended = ended
        self._news.set()

    async def changed(self) -> bool:
        """Wait for a change of the state, and return True; False at the end. Raises as `Client.stream`."""
        while not (self._has_changed or self._state.farewell or self._ended is not None):
            self._news.clear()
            await self._news.wait()
        if self._has_changed:
            self._has_changed = False
            return True
        if self._exchange.is_refused and self._exchange.over:
            raise self._exchange.refusal(self._refusal)
        if self._ended is not None and not self._state.farewell:
            self._ended.result()  # raises why
        return False


class _Receiver(asyncio.Protocol):
    """Takes one answer as it arrives.

    Attributes:
        ended: Done when nothing follows. Its exception is why the answer is not complete.
    """

    def __init__(self, exchange: Exchange, take: Callable[[bytes], object]) -> None:
        self._exchange = exchange
        self._take = take
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # A caller that is cancelled does not ask for it.
        self.ended.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.ended.done():
            return
        try:
            self._take(self._exchange.feed(data))
        except StrettoError as error:
            self.fail(error)
        else:
            if self._exchange.over:
                self.ended.set_result(None)

    def eof_received(self) -> None:
        self.data_received(b"")

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(self._exchange.lost(error or ConnectionResetError("the connection was closed")))

    def fail(self, error: StrettoError) -> None:
        """End with an error, unless it has ended."""
        if not self.ended.done():
            self.ended.set_exception(error)
