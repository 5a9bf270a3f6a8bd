"""One connection of core.http to a checked address. The check is of the very address of the connection.

A host is resolved once and its addresses are checked. The connection goes to a checked address. A second look-up, in
which the name could point elsewhere, never happens. The peer of the connection is checked before anything is sent.
Redirects connect through here as well. The Host header and the TLS server name stay those of the URL.
"""

import asyncio
import socket
import ssl
from select import POLLIN, poll
from typing import Any, Final, NamedTuple, TypeAlias

from aiohttp import StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, RawResponseMessage

from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.core.http_errors import MAX_HEAD_BYTES, TOO_LONG_HEAD, AddressDenied, BadBody

# One of several addresses may never answer. After this time the next one is tried.
CONNECT_SECONDS_AN_ADDRESS: Final = 10.0
MAX_HEADERS: Final = 1_000
"""The headers of a response."""
MAX_INTERIM_RESPONSES: Final = 20
"""The responses (100 Continue, 103 Early Hints ...) before the one that counts."""

SocketAddress: TypeAlias = tuple[Any, ...]


class Origin(NamedTuple):
    """The place that a connection leads to.

    Attributes:
        scheme: http or https.
        host: In ASCII, an IPv6 address without brackets.
        port: The port.
        verify: Whether the server's certificate is verified.
    """

    scheme: str
    host: str
    port: int
    verify: bool


class Connection(ResponseHandler):
    """A connection to a server: aiohttp's protocol, with a bound on the heads of responses.

    Attributes:
        origin: The place that it leads to.
        idle_since: The instant of `time.monotonic()` at which its last response was complete.
        is_idle: Whether it waits for its next request. Bytes that come then close it.
        lost: The error with which it ended, or None.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin) -> None:
        super().__init__(loop)
        self.origin = origin
        self.idle_since = 0.0
        self.is_idle = False
        self.lost: BaseException | None = None
        self._head_bytes = 0
        self._expects_head = False
        self._poll = poll()

    @property
    def is_reusable(self) -> bool:
        """Whether another request can be sent: nothing is left of the last response, and none came unasked."""
        return self.is_connected() and not self.should_close

    @property
    def is_still_reusable(self) -> bool:
        """The same after a while: nothing has come that the loop has not handled, such as the connection's end."""
        return self.is_reusable and not self._poll.poll(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open transport."""
        super().connection_made(transport)
        self._poll.register(transport.get_extra_info("socket"), POLLIN)

    def send(self, request: bytes, *, has_body: bool) -> None:
        """Send a request.

        Args:
            request: Its head and its body.
            has_body: Whether the response can have a body. That to HEAD has none.
        """
        self._head_bytes = 0
        self._expects_head = True
        self.set_response_params(
            skip_payload=not has_body,
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=MAX_HEAD_BYTES,
            max_field_size=MAX_HEAD_BYTES,
            max_headers=MAX_HEADERS,
        )
        if self.transport is not None:  # else `receive` raises the error with which it was lost
            self.transport.write(request)

    async def receive(self) -> tuple[RawResponseMessage, StreamReader]:
        """Return the head of the response, and the stream of its body. Raises `FAULTS` and `BadBody`."""
        for _ in range(MAX_INTERIM_RESPONSES + 1):
            message, payload = await self.read()
            if message.code == 101 or not 100 <= message.code <= 199:
                return message, payload
        raise BadBody(f"answered with more than {MAX_INTERIM_RESPONSES} interim responses, the maximum of core.http")

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Take the head of a response and the stream of its body from the parser."""
        self._expects_head = 100 <= data[0].code <= 199 and data[0].code != 101
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the transport."""
        if self.is_idle:
            # No one asked for them, and nothing else bounds the responses that wait to be read.
            self.abort()
            return
        super().data_received(data)
        if self._expects_head:
            # The head is not complete, so all of these bytes are part of it.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.abort()  # first, because it forgets the error
                self.set_exception(HttpProcessingError(message=TOO_LONG_HEAD))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take the end of the connection from the transport."""
        self.lost = exc
        super().connection_lost(exc)


async def connect(origin: Origin, policy: AddressPolicy, context: ssl.SSLContext | None) -> Connection:
    """Connect to the first allowed address of a host that answers.

    Args:
        origin: The host, by name or address, and the port.
        policy: The addresses that may be connected to.
        context: For TLS, or None.

    Raises:
        AddressDenied: All addresses are denied.
        OSError: The host is unknown, no address answers, or TLS fails.
    """
    found = await _resolve(origin.host, origin.port)
    allowed = [each for each in found if not policy.denies(each[1][0])]
    if not allowed:
        raise AddressDenied(policy, found[0][1][0])
    *first, last = allowed
    for address in first:
        try:
            async with asyncio.timeout(CONNECT_SECONDS_AN_ADDRESS):
                connected = await _connect(*address)
        except OSError:  # TimeoutError is one
            continue
        return await _opened(origin, policy, context, connected)
    return await _opened(origin, policy, context, await _connect(*last))


async def _resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, SocketAddress]]:
    """Return the addresses of a host, each once."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


async def _connect(family: socket.AddressFamily, address: SocketAddress) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(0)
        await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made


async def _opened(
    origin: Origin, policy: AddressPolicy, context: ssl.SSLContext | None, connected: socket.socket
) -> Connection:
    """Return the connection of a socket, after a check of where the kernel has connected to. Nothing was sent yet."""
    loop = asyncio.get_running_loop()
    try:
        peer = connected.getpeername()[0]
    except OSError:
        connected.close()
        raise
    if policy.denies(peer):
        connected.close()
        raise AddressDenied(policy, peer)
    name = origin.host.rstrip(".") if context is not None else None
    _, connection = await loop.create_connection(
        lambda: Connection(loop, origin), sock=connected, ssl=context, server_hostname=name
    )
    return connection
