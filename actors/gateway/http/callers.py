"""Who sends a request: found from the connection, or by the token or the session that the request has."""

import socket
from typing import Final, NamedTuple

from starlette.requests import Request

from stretto.actors.access import Access, Caller, Unauthenticated
from stretto.actors.gateway.http.cookies import SessionCookie
from stretto.actors.gateway.http.cross_site import CSRF_HEADER, check_csrf_token, check_is_of_own_page, is_safe
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.socket_file import caller_of, may_connect

_SCHEME: Final = "bearer"


class Peer(NamedTuple):
    """The other end of a connection, as the listener sees it.

    Attributes:
        address: The address, or "" on the UNIX socket.
        caller: Who all requests of the connection are from, or None if that is not known from the connection.
    """

    address: str
    caller: Caller | None


def peer_of(connection: socket.socket) -> Peer:
    """Return the other end of an accepted connection. Raises OSError if it has left."""
    if connection.family != socket.AF_UNIX:
        return Peer(connection.getpeername()[0], None)
    return Peer("", caller_of(connection) if may_connect(connection) else None)


class Senders:
    """Finds out who sends a request.

    Args:
        access: Knows the tokens and sessions.
        cookie: The cookie that has a session.
    """

    def __init__(self, access: Access, cookie: SessionCookie) -> None:
        self._access = access
        self._cookie = cookie

    def sender_of(self, request: Request) -> Caller:
        """Return who sends a request of the API.

        Raises:
            Problem: The request comes over the socket from a user that may not connect. Or it has a session, would
                change something, and is not surely from a page of this daemon.
            Unauthenticated: The request comes over the port and has no valid token or session.
        """
        caller, secret = self._found(request)
        if secret is not None and not is_safe(request.method):
            check_is_of_own_page(request)
            check_csrf_token(secret, request.headers.get(CSRF_HEADER))
        return caller

    def viewer_of(self, request: Request) -> Caller:
        """Return who looks at a page. Raises as `sender_of` does."""
        return self._found(request)[0]

    def sender_of_form(self, request: Request, csrf: str | None) -> Caller:
        """Return who sends a form of a page, which has the session's token in a field. Raises as `sender_of` does."""
        caller, secret = self._found(request)
        if secret is not None:
            check_is_of_own_page(request)
            check_csrf_token(secret, csrf)
        return caller

    def _found(self, request: Request) -> tuple[Caller, str | None]:
        """Return who sends a request, and the secret of the session if that says so."""
        peer: Peer = request.scope["state"]["peer"]
        if peer.caller is not None:
            return peer.caller, None
        if not peer.address:
            raise Problem("not_allowed", "this daemon serves its own user and root only")
        token = bearer_token(request)
        if token is not None:
            return self._access.caller_of_token(token, source=peer.address), None
        secret = self._cookie.secret_in(request)
        if secret is None:
            raise Unauthenticated("missing")
        return self._access.caller_of_session(secret, source=peer.address), secret


def bearer_token(request: Request) -> str | None:
    """Return the token of a request's header, or None without one. A proxy may have other schemes for itself."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == _SCHEME else None
