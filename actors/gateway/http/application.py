"""The application: each request has an id, is refused or answered, and no error leaves it."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException

from stretto.actors.gateway.http.cross_site import check_origin
from stretto.actors.gateway.http.dates import date
from stretto.actors.gateway.http.hosts import Hosts
from stretto.actors.gateway.http.origins import Origins
from stretto.actors.gateway.http.problems import Limit, Problem, problem_of, written
from stretto.actors.gateway.http.proxies import Proxies
from stretto.actors.gateway.http.routing import LazyRoute, RouteTable
from stretto.actors.operations import EVENTS
from stretto.definitions.errors import nearest
from stretto.metrics import HttpInstruments, get_logger, request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PageOf = Callable[[Scope, Problem, str], tuple[dict[str, str], bytes] | None]
"""Returns a problem as a page, given the request's scope and id."""

NO_ROUTE: Final = "none"
"""The route of requests to paths that do not exist, and of those that are refused before they are routed."""
MAX_HEADER_BYTES: Final = 16 * 1024
MORE_HEADERS: Final = "stretto.more_headers"
"""The state of a request that has more headers for its answer, whatever that is."""
SEND_SECONDS: Final = 30.0
"""How long a client may leave an answer unread that does not fit into the socket."""
ONLY_TLS: Final = b"strict-transport-security", b"max-age=31536000"
"""The header by which browsers call the host with TLS only, for a year."""
REPORTED: Final = frozenset(
    {
        "busy", "cross_site_request", "forbidden", "foreign_origin", "headers_too_large", "invalid_csrf_token",
        "limit_exceeded", "misdirected_request", "not_allowed", "request_timeout", "too_many_logins",
        "too_many_streams", "unauthenticated",
    }
)  # fmt: skip
"""The codes of refusals that the log has: who is refused for these may be an attacker."""

DEFAULT_HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    # A browser that is led to an answer, a drawing say, runs nothing in it.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
"""The headers of answers that have no others of these names."""
_DEFAULTS: Final = tuple((name.encode(), value.encode()) for name, value in DEFAULT_HEADERS.items())

_log = get_logger("stretto.gateway")


class ClientGone(Exception):
    """The client does not read its answer, or has left."""


class ClientLeft(ClientGone):
    """The client has left before there was an answer."""


class Application:
    """The ASGI application.

    Args:
        routes: The routes.
        paths: The paths of the routes, for the nearest one of a path that does not exist.
        hosts: The names of the port.
        origins: The daemon's own origins.
        proxies: The proxies before the port.
        counting: Counts the requests.
        await_known: Waits, before a request is routed, until its sender can be looked up.
        page_of: Returns the headers and the text of a refusal as a page, or None for who wants no page.
    """

    def __init__(  # noqa: PLR0913 - each judges, answers or counts something else
        self,
        routes: Sequence[LazyRoute],
        paths: Sequence[str],
        *,
        hosts: Hosts,
        origins: Origins,
        proxies: Proxies,
        counting: HttpInstruments,
        await_known: Callable[[Scope], Awaitable[None]],
        page_of: PageOf,
    ) -> None:
        self._page_of = page_of
        self._paths = list(paths)
        self._hosts = hosts
        self._origins = origins
        self._proxies = proxies
        self._counting = counting
        self._await_known = await_known
        self._patterns: dict[Any, str] = {route.endpoint: route.path for route in routes}
        self._routes = RouteTable(routes, self._not_found)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        identity = secrets.token_hex(8)
        scope["app"] = self  # the router then raises an exception for a method that a path does not have
        scope["state"]["request_id"] = identity
        request_id.set(identity)  # each request is answered in a task of its own
        response = _Response(send, identity, scope)
        began = time.perf_counter()
        try:
            await self._answer(scope, receive, response)
        finally:
            self._count(scope, response, time.perf_counter() - began)

    def check(self, scope: Scope) -> None:
        """Check what is the same for all requests. The scope of a proxy's request becomes that of its client.

        Raises:
            Problem: The request is refused.
        """
        _check_head(scope)
        self._proxies.apply(scope)
        self._hosts.check(scope)
        check_origin(scope, self._origins)

    def refusal(self, error: BaseException, scope: Scope, request_id: str) -> tuple[int, Mapping[str, str], bytes]:
        """Count and report the refusal of a request. Return the status, the headers and the body of its answer."""
        problem = _of_the_router(error) or problem_of(error)
        if problem is None:
            _log.error("request_failed", request=request_id, exc_info=error)
            problem = Problem("internal_error", "the request failed, see the daemon's log")
        status, headers, body = written(problem, request_id, error)
        page = self._page_of(scope, problem, request_id)
        if page is not None:
            headers, body = headers | page[0], page[1]
        self._counting.refused(problem.code)
        if problem.code in {"unauthenticated", "hook_refused"}:
            scope["state"]["refused"]()
        if problem.code in REPORTED:
            scope["state"]["complain"](problem.code)
        return status, headers, body

    def count(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """Count an answered request. A stream has no `seconds`."""
        self._counting.answered(route, method, status)
        if seconds is not None:
            self._counting.took(route, seconds)

    async def _answer(self, scope: Scope, receive: Receive, response: "_Response") -> None:
        try:
            self.check(scope)
            await self._await_known(scope)
            await self._routes.of(scope["path"])(scope, receive, response.send)
        except ClientGone as gone:
            _log.debug("client_lost", request=response.request_id, reason=str(gone))
            if not isinstance(gone, ClientLeft):
                scope["state"]["complain"]("it does not read its answer")
            scope["state"]["cut_off"]()
        except Exception as error:  # noqa: BLE001 - one bad request harms no other client
            with contextlib.suppress(ClientGone):
                await self._refuse(error, scope, response)
                return
            scope["state"]["cut_off"]()

    async def _refuse(self, error: Exception, scope: Scope, response: "_Response") -> None:
        if response.has_started:
            problem = problem_of(error)
            if problem is None:
                _log.error("request_failed", request=response.request_id, exc_info=error)
            raise ClientGone("its answer failed" if problem is None else problem.detail) from error
        status, headers, body = self.refusal(error, scope, response.request_id)
        await response.send({"type": "http.response.start", "status": status, "headers": _encoded(headers, len(body))})
        await response.send({"type": "http.response.body", "body": body})

    def _count(self, scope: Scope, response: "_Response", seconds: float) -> None:
        if response.status is None:
            return  # it was cancelled, because the gateway has stopped
        # The router sets the endpoint, also for a method that the path does not have.
        route = self._patterns.get(scope.get("endpoint"), NO_ROUTE)
        self.count(route, scope["method"], response.status, None if response.is_stream else seconds)

    async def _not_found(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        path = scope["path"][:200]
        hint = nearest(path, self._paths)
        raise Problem("not_found", f"there is nothing at {path}" + (f"; {hint}" if hint else ""))


def _check_head(scope: Scope) -> None:
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    names = {name for name, _ in headers}
    if b"transfer-encoding" in names and (b"content-length" in names or scope["http_version"] == "1.0"):
        # A proxy could see another end of the request, and take the rest for a request of its own.
        detail = "a request must not have Transfer-Encoding with Content-Length, or in HTTP/1.0"
        raise Problem("bad_request", detail, {"connection": "close"})
    if scope["http_version"] not in {"1.0", "1.1"}:
        detail = f"the version must be HTTP/1.1, got {scope['http_version']}"
        raise Problem("bad_request", detail, {"connection": "close"})
    size = sum(len(name) + len(value) for name, value in headers)
    if size > MAX_HEADER_BYTES:
        detail = f"the headers must have at most {MAX_HEADER_BYTES:,} bytes together (MAX_HEADER_BYTES), got {size:,}"
        limit = Limit("MAX_HEADER_BYTES", MAX_HEADER_BYTES, size)
        raise Problem("headers_too_large", detail, {"connection": "close"}, limit)


def _of_the_router(error: BaseException) -> Problem | None:
    if not isinstance(error, HTTPException):
        return None
    allowed = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
    return Problem("method_not_allowed", f"this path has {allowed} only", {"allow": allowed})


def _encoded(headers: Mapping[str, str], length: int) -> list[tuple[bytes, bytes]]:
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    return [*lines, (b"content-length", str(length).encode())]


class _Response:
    """An answer that has the request's id, and a bound on the time in which it is taken."""

    def __init__(self, send: Send, request_id: str, scope: Scope) -> None:
        self._scope = scope
        self.request_id = request_id
        self.status: int | None = None
        """The status that was sent."""
        self.is_stream = False
        """Whether it is a stream of events, which ends when the client leaves."""
        self._send = send

    @property
    def has_started(self) -> bool:
        """Whether a part was sent."""
        return self.status is not None

    async def send(self, message: Message) -> None:
        """Send a part of the answer. Raises `ClientGone`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = dict(message["headers"])
            self.is_stream = headers.get(b"content-type", b"").startswith(EVENTS.encode())
            own = (b"date", date().encode()), (b"x-request-id", self.request_id.encode())
            message["headers"] = [*message["headers"], *own]
            message["headers"] += (line for line in _DEFAULTS if line[0] not in headers)
            message["headers"] += self._scope["state"].get(MORE_HEADERS, ())
            if self._scope["scheme"] == "https":
                message["headers"].append(ONLY_TLS)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError:
            raise ClientGone(f"it left its answer unread for {SEND_SECONDS:g} s") from None
