"""Connections for httpx, kept alive and reused.

httpcore has a pool, but each request walks through all its connections and requests. With 1,000 requests in flight
that took 20 ms of processor time a request, 32 s in all. This transport takes 1 ms. It bounds the idle connections.
The engine bounds the requests in flight.
"""

import ssl
from collections.abc import AsyncIterator
from typing import Final, TypeAlias

import httpcore
import httpx

from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.core.checked_backend import CheckedBackend

KEPT_ALIVE: Final = 128
KEPT_ALIVE_SECONDS: Final = 5.0

Origin: TypeAlias = tuple[bytes, bytes, int]
_PORTS: Final = {b"http": 80, b"https": 443}


class Transport(httpx.AsyncBaseTransport):
    """Sends each request on its own connection, and reuses an idle connection to the same origin."""

    def __init__(self, ssl_context: ssl.SSLContext, policy: AddressPolicy) -> None:
        self._ssl_context = ssl_context
        self._backend = CheckedBackend(policy)
        # Both hold the same connections, the longest idle first.
        self._idle: dict[httpcore.AsyncHTTPConnection, Origin] = {}
        self._idle_by_origin: dict[Origin, dict[httpcore.AsyncHTTPConnection, None]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Closing the response releases the connection. Raises httpcore's errors."""
        url = request.url
        origin = (url.raw_scheme, url.raw_host, url.port or _PORTS[url.raw_scheme])
        connection = await self._take(origin) or self._connection_to(origin)
        try:
            response = await connection.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(scheme=origin[0], host=origin[1], port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except BaseException:
            await connection.aclose()
            raise
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(self, origin, connection, response),
            extensions=response.extensions,
        )

    async def release(self, origin: Origin, connection: httpcore.AsyncHTTPConnection) -> None:
        """Keep a connection for reuse if possible, and close connections that were idle for too long."""
        if connection.is_idle():
            self._idle[connection] = origin
            self._idle_by_origin.setdefault(origin, {})[connection] = None
        else:
            await connection.aclose()
        while self._idle:
            longest = next(iter(self._idle))
            if len(self._idle) <= KEPT_ALIVE and not longest.has_expired():
                break
            self._forget(longest)
            await longest.aclose()

    async def aclose(self) -> None:
        """Close the idle connections. Responses close the others."""
        while self._idle:
            connection = next(iter(self._idle))
            self._forget(connection)
            await connection.aclose()

    async def _take(self, origin: Origin) -> httpcore.AsyncHTTPConnection | None:
        while idle := self._idle_by_origin.get(origin):
            connection = next(reversed(idle))
            self._forget(connection)
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    def _connection_to(self, origin: Origin) -> httpcore.AsyncHTTPConnection:
        return httpcore.AsyncHTTPConnection(
            httpcore.Origin(*origin),
            ssl_context=self._ssl_context,
            keepalive_expiry=KEPT_ALIVE_SECONDS,
            network_backend=self._backend,
        )

    def _forget(self, connection: httpcore.AsyncHTTPConnection) -> None:
        origin = self._idle.pop(connection)
        siblings = self._idle_by_origin[origin]
        del siblings[connection]
        if not siblings:
            del self._idle_by_origin[origin]


class _Body(httpx.AsyncByteStream):
    """A streamed response body. Closing it releases the connection."""

    def __init__(
        self,
        transport: Transport,
        origin: Origin,
        connection: httpcore.AsyncHTTPConnection,
        response: httpcore.Response,
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._connection = connection
        self._response = response
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._response.aclose()
            await self._transport.release(self._origin, self._connection)
