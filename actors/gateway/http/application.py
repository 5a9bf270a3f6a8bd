"""The application: each request has an id, is refused or answered, and no error leaves it."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router

from stretto.actors.gateway.http.hosts import Hosts
from stretto.actors.gateway.http.problems import Problem, problem_of, written
from stretto.definitions.errors import nearest
from stretto.metrics import get_logger

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_HEADER_BYTES: Final = 16 * 1024
SEND_SECONDS: Final = 30.0
"""How long a client may leave an answer unread that does not fit into the socket."""

_log = get_logger("stretto.gateway")


class ClientGone(Exception):
    """The client does not read its answer, or has left."""


class Application:
    """The ASGI application.

    Args:
        routes: The routes.
        paths: The paths of the routes, for the nearest one of a path that does not exist.
        hosts: The names of the port.
    """

    def __init__(self, routes: Sequence[BaseRoute], paths: Sequence[str], hosts: Hosts) -> None:
        self._paths = list(paths)
        self._hosts = hosts
        self._router = Router(routes, redirect_slashes=False, default=self._not_found)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id = secrets.token_hex(8)
        scope["app"] = self  # the router then raises an exception for a method that a path does not have
        scope["state"]["request_id"] = request_id
        response = _Response(send, request_id)
        try:
            _check_headers(scope["headers"])
            self._hosts.check(scope)
            await self._router(scope, receive, response.send)
        except ClientGone as gone:
            _log.debug("client_lost", request=request_id, reason=str(gone))
            scope["state"]["cut_off"]()
        except Exception as error:  # noqa: BLE001 - one bad request harms no other client
            with contextlib.suppress(ClientGone):
                await self._refuse(error, request_id, response)
                return
            scope["state"]["cut_off"]()

    async def _refuse(self, error: Exception, request_id: str, response: "_Response") -> None:
        problem = _of_the_router(error) or problem_of(error)
        if problem is None:
            _log.error("request_failed", request=request_id, exc_info=error)
            problem = Problem("internal_error", "the request failed, see the daemon's log")
        if response.has_started:
            raise ClientGone(problem.detail) from error
        status, headers, body = written(problem, request_id, error)
        await response.send({"type": "http.response.start", "status": status, "headers": _encoded(headers, len(body))})
        await response.send({"type": "http.response.body", "body": body})

    async def _not_found(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        path = scope["path"][:200]
        hint = nearest(path, self._paths)
        raise Problem("not_found", f"there is nothing at {path}" + (f"; {hint}" if hint else ""))


def _check_headers(headers: Sequence[tuple[bytes, bytes]]) -> None:
    size = sum(len(name) + len(value) for name, value in headers)
    if size > MAX_HEADER_BYTES:
        detail = f"the headers must have at most {MAX_HEADER_BYTES:,} bytes together (MAX_HEADER_BYTES), got {size:,}"
        raise Problem("headers_too_large", detail)


def _of_the_router(error: Exception) -> Problem | None:
    if not isinstance(error, HTTPException):
        return None
    allowed = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
    return Problem("method_not_allowed", f"this path has {allowed} only", {"allow": allowed})


def _encoded(headers: dict[str, str], length: int) -> list[tuple[bytes, bytes]]:
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    return [*lines, (b"content-length", str(length).encode())]


class _Response:
    """An answer that has the request's id, and a bound on the time in which it is taken."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.has_started = False
        self._send = send
        self._request_id = request_id

    async def send(self, message: Message) -> None:
        """Send a part of the answer. Raises `ClientGone`."""
        if message["type"] == "http.response.start":
            self.has_started = True
            names = {name for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], (b"x-request-id", self._request_id.encode())]
            if b"cache-control" not in names:
                message["headers"].append((b"cache-control", b"no-store"))
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError:
            raise ClientGone(f"it left its answer unread for {SEND_SECONDS:g} s") from None
