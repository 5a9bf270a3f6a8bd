"""The endpoints of sessions: log in and out, and who sends a request."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from stretto.actors.access import LOCAL, Access, Caller, Unauthenticated, csrf_token, require
from stretto.actors.gateway.exposure import network_of
from stretto.actors.gateway.http.callers import known
from stretto.actors.gateway.http.cookies import SessionCookie
from stretto.actors.gateway.http.cross_site import check_is_not_of_another_page
from stretto.actors.gateway.http.failed_logins import FailedLogins
from stretto.actors.gateway.http.origins import Origins, origin_of
from stretto.actors.gateway.http.restrictions import Restrictions
from stretto.actors.journal import time_as_json
from stretto.actors.operations import (
    CreateEnterCode,
    Done,
    EnterCodeCreated,
    LogIn,
    LogOut,
    Me,
    MeAnswer,
    Request,
    Route,
    body_of,
)
from stretto.metrics import get_logger

ENTER_PATH: Final = "/enter"
"""The page that takes a code."""
NEXT: Final = "next"
"""The parameter of that page with the path of the page to show then."""

_log = get_logger("stretto.gateway")
_Answered = Callable[[Route, Any, HttpRequest, Caller], Awaitable[Response]]


class Begun(NamedTuple):
    """A session that has just begun: its secret, and who has it."""

    secret: str
    caller: Caller


class Sessions:
    """Begins and ends the sessions of browsers. All of it runs in one event loop.

    Args:
        access: Knows the tokens and sessions.
        cookie: The cookie that has a session.
        origins: The URLs by which browsers call the daemon.
        restrictions: Knows which runs callers see.
    """

    def __init__(self, access: Access, cookie: SessionCookie, origins: Origins, restrictions: Restrictions) -> None:
        self._access = access
        self._cookie = cookie
        self._origins = origins
        self._restrictions = restrictions
        self._failed = FailedLogins()
        self.answers: Mapping[type[Request], _Answered] = {
            LogOut: self._log_out,
            Me: self._me,
            CreateEnterCode: self._create_enter_code,
        }
        """The answers to requests of known callers."""

    def admit(self, http: HttpRequest) -> None:
        """Refuse a log-in before its secret is received.

        Raises:
            Problem: The browser says that another page sends it, or the address has failed too often.
        """
        check_is_not_of_another_page(http)
        self._failed.check(_address_of(http))

    async def begin(self, http: HttpRequest, request: LogIn) -> Begun:
        """Begin a session for who has a code or a token. Call `admit` first.

        Raises:
            Unauthenticated: The code or the token is not valid.
            Forbidden: The token is not one for people.
        """
        address = _address_of(http)
        try:
            if request.code is not None:
                await known(self._access.awaited(code=request.code))
                entering = self._access.enter(request.code)
            else:
                await known(self._access.awaited(token=request.token or ""))
                of_token = self._access.caller_of_token(request.token or "", source=address, via="page")
                require(of_token, "viewer")
                entering = self._access.begin_session(of_token)
            secret = await asyncio.wrap_future(entering)
        except Unauthenticated:
            self._failed.add(address)
            raise
        caller = self._access.caller_of_session(secret, source=address)
        _log.info("session_begun", who=caller.who, role=caller.role, source=address)
        return Begun(secret, caller)

    def give(self, http: HttpRequest, response: Response, begun: Begun) -> None:
        """Give the browser a session with an answer."""
        self._cookie.add(response, begun.secret, secure=self._origins.is_secure(http.scope))

    async def log_in(self, route: Route, request: LogIn, http: HttpRequest) -> Response:
        """Begin a session, and answer who has it. Raises as `begin` does."""
        begun = await self.begin(http, request)
        response = self._said(route, begun.caller, begun.secret)
        self.give(http, response, begun)
        return response

    async def end(self, http: HttpRequest, response: Response) -> None:
        """End the session of a request, if it has one, and take it from the browser with an answer."""
        secret = self._cookie.secret_in(http)
        if secret is not None:
            await asyncio.wrap_future(self._access.end_session(secret))
            self._cookie.clear(response, secure=self._origins.is_secure(http.scope))

    async def enter_url(
        self, caller: Caller, run: str | None = None, http: HttpRequest | None = None
    ) -> EnterCodeCreated:
        """Return a URL that begins a session with a caller's rights.

        Args:
            caller: Whose rights.
            run: The run whose page is to be shown, or None.
            http: The request for it, whose sender reaches the daemon as it does here. None is for this machine.
        """
        code = await asyncio.wrap_future(self._access.new_enter_code(caller))
        query = "" if run is None else "?" + urlencode({NEXT: f"/runs/{quote(run, safe='')}"})
        base = self._origins.here if http is None else self._url_for(http)
        return EnterCodeCreated(f"{base}{ENTER_PATH}{query}#{code.text}", time_as_json(code.expires_at))

    def _url_for(self, http: HttpRequest) -> str:
        """Return the daemon's URL for who sends a request: the public one, or the one that the request calls."""
        called = self._origins.link("")
        if not called and http.scope["state"]["peer"].address:
            called = origin_of(f"{http.scope['scheme']}://{http.headers['host'].strip()}")
        return called or self._origins.here

    async def _log_out(self, route: Route, _request: LogOut, http: HttpRequest, _caller: Caller) -> Response:
        response = Response(body_of(route, Done()), route.status, media_type=route.media_type)
        await self.end(http, response)
        return response

    async def _me(self, route: Route, _request: Me, http: HttpRequest, caller: Caller) -> Response:
        return self._said(route, caller, None if caller.session is None else self._cookie.secret_in(http))

    async def _create_enter_code(
        self, route: Route, request: CreateEnterCode, http: HttpRequest, caller: Caller
    ) -> Response:
        run = None if request.run is None else await self._restrictions.run_to_show(request.run, caller)
        made = await self.enter_url(caller, run, http)
        return Response(body_of(route, made), route.status, media_type=route.media_type)

    def _said(self, route: Route, caller: Caller, secret: str | None) -> Response:
        workflows = None if caller.workflows is None else list(caller.workflows)
        expires_at = self._access.expires_at(caller)
        answer = MeAnswer(
            caller.who, caller.role, workflows, caller.via, caller.origin,
            None if expires_at is None else time_as_json(expires_at), None if secret is None else csrf_token(secret),
        )  # fmt: skip
        return Response(body_of(route, answer), route.status, media_type=route.media_type)


def _address_of(http: HttpRequest) -> str:
    return network_of(http.scope["state"]["peer"].address) or LOCAL
