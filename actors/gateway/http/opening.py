"""Requests while the daemon starts: probes are answered at once, and all others wait for the application."""

import asyncio
import secrets
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from stretto.actors.gateway.http.application import DEFAULT_HEADERS, Application, Receive, Scope, Send
from stretto.actors.gateway.http.callers import OpenProbes, Peer
from stretto.actors.gateway.http.hosts import Hosts
from stretto.actors.gateway.http.probes import Check, as_response
from stretto.actors.gateway.http.problems import Problem, written

START_SECONDS: Final = 30.0
"""How long a request waits for the start of the daemon."""
EARLY_PROBES: Final = MappingProxyType(
    {"/healthz": Check(well=True, reason="healthy: starting"), "/readyz": Check(well=False, reason="starting")}
)
"""The results of the probes before there is an engine that could be asked."""
MAX_EARLY_REQUESTS: Final = 128
"""Requests that wait for it. More of them are refused at once, so that probes find a free connection: fewer than the
connections that one peer may have, because the probes may come from the same address."""


class Opening:
    """The application of a daemon from its first moment: it answers probes until the real one is there.

    No token can be checked before the store is open. So a request waits, and its token is never refused for that.

    Args:
        hosts: The names of the port.
        open_probes: Knows who may read the probes without a token.
    """

    def __init__(self, hosts: Hosts, open_probes: OpenProbes) -> None:
        self._hosts = hosts
        self._open_probes = open_probes
        self._application: Application | None = None
        self._opened: asyncio.Future[Application] = asyncio.get_running_loop().create_future()
        self._waiting = 0

    def open(self, application: Application) -> None:
        """Let the application answer all requests, first those that wait."""
        self._application = application
        self._opened.set_result(application)

    def give_up(self) -> None:
        """Refuse the requests that wait: the daemon does not start."""
        self._opened.set_exception(Problem("engine_stopped", "the daemon has not started"))
        self._opened.exception()  # no one may wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = self._application or await self._answer_to(scope)
        if isinstance(answer, Response):
            answer.headers.update(DEFAULT_HEADERS)
        await answer(scope, receive, send)

    async def _answer_to(self, scope: Scope) -> Response | Application:
        """Return the answer to a request, or the application when it is there."""
        peer: Peer = scope["state"]["peer"]
        check = EARLY_PROBES.get(scope["path"])
        try:
            if check is not None and scope["method"] in {"GET", "HEAD"} and self._open_probes.to(peer.address):
                self._hosts.check(scope)
                return as_response(check)
            return await self._wait(scope["state"]["until_lost"]())
        except Problem as problem:
            status, headers, body = written(problem, secrets.token_hex(8), problem)
            return Response(body, status, headers)

    async def _wait(self, lost: "asyncio.Future[None]") -> Application:
        """Wait for the application, as long as the client does."""
        if self._waiting >= MAX_EARLY_REQUESTS:
            raise Problem(
                "engine_starting",
                f"the daemon is starting, and {MAX_EARLY_REQUESTS} requests wait for it (MAX_EARLY_REQUESTS)",
            )
        self._waiting += 1
        try:
            await asyncio.wait((self._opened, lost), timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting -= 1
        if self._opened.done():
            return self._opened.result()
        if lost.done():
            raise Problem("engine_starting", "the client has left before the daemon has started")
        detail = f"the daemon is starting, and has not been ready for {START_SECONDS:g} s (START_SECONDS)"
        raise Problem("engine_starting", detail)
