"""A request and its response, with the redirects between them."""

import re
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import StreamReader
from aiohttp.http import RawResponseMessage

from stretto.actors.actions.core.http_body import read_body
from stretto.actors.actions.core.http_connection import Connection, Origin
from stretto.actors.actions.core.http_connections import Connections
from stretto.actors.actions.core.http_errors import NoResponse
from stretto.actors.actions.core.http_url import SCHEMES, BadUrl, Target

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_FOR_BODIES: Final = ("content-length", "transfer-encoding")
_FOR_ORIGINS: Final = ("authorization", "proxy-authorization", "host")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        method: In uppercase.
        target: The place that it goes to.
        headers: By name in lowercase. The header Host follows from the target, unless it is given.
        body: The body, or None.
    """

    method: str
    target: Target
    headers: dict[str, str]
    body: bytes | None

    @property
    def encoded(self) -> bytes:
        """The request as it is sent."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in self.headers.items()])
        host = "" if "host" in self.headers else f"host: {self.target.netloc}\r\n"
        head = f"{self.method} {self.target.request_target} HTTP/1.1\r\n{host}{lines}\r\n".encode()
        if "transfer-encoding" not in self.headers:
            return head + self.body if self.body else head
        chunk = b"%x\r\n%b\r\n" % (len(self.body), self.body) if self.body else b""
        return b"%b%b0\r\n\r\n" % (head, chunk)

    def redirected(self, status: int, location: str) -> "Request":
        """Return the request that a redirect asks for.

        As browsers do, it becomes a GET where the status says so. Credentials go to another origin only if that is the
        same host with TLS. Raises NoResponse.
        """
        scheme = _SCHEME.match(location)
        if scheme and scheme[1].lower() not in SCHEMES:
            raise NoResponse(f"the response redirects to a {scheme[1].lower()} URL")
        try:
            target = self.target.joined(location)
        except BadUrl:
            raise NoResponse("the response redirects to an invalid URL") from None
        method, body = self.method, self.body
        headers = {name: value for name, value in self.headers.items() if name != "cookie"}
        if method != "HEAD" and (status in {302, 303} or (status == 301 and method == "POST")):
            method = "GET"
        if method != self.method:
            body = None
            headers = {name: value for name, value in headers.items() if name not in _FOR_BODIES}
        if target.origin != self.target.origin:
            dropped = _FOR_ORIGINS[2:] if _is_same_host_with_tls(self.target, target) else _FOR_ORIGINS
            headers = {name: value for name, value in headers.items() if name not in dropped}
        if target.authorization is not None:
            headers["authorization"] = target.authorization
        return replace(self, method=method, target=target, headers=headers, body=body)


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response.

    Attributes:
        status: The status.
        headers: By name in lowercase, repeated ones joined with commas.
        body: The unpacked body.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class Exchange:
    """The way from a request to its response.

    Args:
        connections: The connections of the event loop.
        verify: Whether certificates of servers are verified.
        most: The bound of the response's body, in bytes.

    Attributes:
        lost: The error with which the connection ended, or None.
        wait: What the request waits for besides the server, for messages, or "".
    """

    def __init__(self, connections: Connections, *, verify: bool, most: int) -> None:
        self.lost: BaseException | None = None
        self.wait = ""
        self._connections = connections
        self._verify = verify
        self._most = most

    async def run(self, request: Request, redirects: int | None) -> Response:
        """Return the response.

        Args:
            request: The request.
            redirects: The number of redirects to follow at most, or None to return the first response.

        Raises:
            BadBody: The response is too large, or its body does not match its headers.
            FAULTS: There is no complete response.
        """
        for _ in range((redirects or 0) + 1):
            connection = await self._connection(request.target)
            try:
                connection.send(request.encoded, has_body=request.method != "HEAD")
                message, stream = await connection.receive()
                headers = _headers(message)
                if redirects is None or message.code not in _REDIRECTS or "location" not in headers:
                    return Response(message.code, headers, await self._body(connection, headers, stream))
                # The body of a redirect is not read. If there is more of it, the connection is not used again.
                request = request.redirected(message.code, headers["location"])
            except BaseException:
                self.lost = connection.lost
                connection.abort()
                raise
            finally:
                self._connections.give_back(connection)
        raise NoResponse(f"more than {redirects} redirects")

    async def _connection(self, target: Target) -> Connection:
        if self._connections.are_all_used:
            self.wait = f"; all {self._connections.most} connections of http.max_connections are in use"
        connection = await self._connections.take(Origin(*target.origin, self._verify))
        self.wait = ""
        return connection

    async def _body(self, connection: Connection, headers: dict[str, str], stream: StreamReader) -> bytes:
        body = await read_body(stream, headers.get("content-encoding", ""), self._most)
        # aiohttp takes any end for the end of a body without a length.
        ends_with_connection = "content-length" not in headers and "transfer-encoding" not in headers
        if ends_with_connection and connection.lost is not None:
            raise connection.lost
        return body


def _headers(message: RawResponseMessage) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in message.raw_headers:
        name = raw_name.decode("latin-1").lower()
        try:
            value = raw_value.decode()
        except UnicodeDecodeError:
            value = raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _is_same_host_with_tls(here: Target, there: Target) -> bool:
    return here.host == there.host and (here.scheme, here.port, there.scheme, there.port) == ("http", 80, "https", 443)
