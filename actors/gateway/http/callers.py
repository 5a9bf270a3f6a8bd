"""Who sends a request: found from the connection, or by the token or the session that the request has."""

import asyncio
import contextlib
import socket
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from starlette.requests import Request

from stretto.actors.access import WAIT_SECONDS, Access, Caller, Unauthenticated, require_unrestricted
from stretto.actors.gateway.exposure import is_loopback, network_of
from stretto.actors.gateway.http.cookies import SessionCookie
from stretto.actors.gateway.http.cross_site import CSRF_HEADER, check_csrf_token, check_is_of_own_page, is_safe
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.http.proxies import Proxies
from stretto.actors.gateway.socket_users import SocketUsers

if TYPE_CHECKING:
    from concurrent.futures import Future

_SCHEME: Final = "bearer"


class Peer(NamedTuple):
    """The other end of a connection, as the listener sees it, or a proxy's client, as the proxy says.

    Attributes:
        address: The address, or "" on the UNIX socket.
        caller: Who all requests of the connection are from, or None if that is not known from the connection.
        is_proxy: Whether it is a named proxy, or a client of one.
        user: The user whom the proxy names, or None.
    """

    address: str
    caller: Caller | None
    is_proxy: bool = False
    user: str | None = None

    @property
    def is_owner(self) -> bool:
        """Whether it is a process of the daemon's own user, or root's."""
        return self.caller is not None and self.caller.origin == "owner"

    @property
    def name(self) -> str:
        """The name by which its connections are counted: the network of the address, or the user."""
        return network_of(self.address) or ("" if self.caller is None else self.caller.who)


class Peers:
    """Knows the other ends of connections.

    Args:
        users: The users of the socket.
        proxies: The proxies before the port.
    """

    def __init__(self, users: SocketUsers, proxies: Proxies) -> None:
        self._users = users
        self._proxies = proxies

    def of(self, connection: socket.socket, of_port: tuple[str, int] | None) -> Peer:
        """Return the other end of an accepted connection.

        Args:
            connection: The connection.
            of_port: The address of a client of the port, as `accept` returns it. None or empty for the socket's.

        Raises:
            OSError: A client of the socket has left.
        """
        if not of_port:
            return Peer("", self._users.caller(connection))
        address = of_port[0]
        return Peer(address, None, is_proxy=address in self._proxies)


class Senders:
    """Finds out who sends a request.

    Args:
        access: Knows the tokens and sessions.
        cookie: The cookie that has a session.
    """

    def __init__(self, access: Access, cookie: SessionCookie) -> None:
        self._access = access
        self._cookie = cookie

    async def await_known(self, scope: MutableMapping[str, Any]) -> None:
        """Wait until the store has been asked about the token or session of a request, if that must be.

        Args:
            scope: The request's ASGI scope.
        """
        if not self._access.is_shared or scope["state"]["peer"].caller is not None:
            return
        request = Request(scope)
        token = bearer_token(request)
        secret = None if token is not None else self._cookie.secret_in(request)
        if token is not None or secret is not None:
            await known(self._access.awaited(token=token, session=secret))

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
            raise Problem(
                "not_allowed", "this daemon serves its own user, root, and members of serve.socket_group only"
            )
        token = bearer_token(request)
        secret = None
        if token is not None:
            caller = self._access.caller_of_token(token, source=peer.address)
        else:
            secret = self._cookie.secret_in(request)
            if secret is None:
                raise Unauthenticated("missing")
            caller = self._access.caller_of_session(secret, source=peer.address)
        request.scope["state"]["identified"]()
        return msgspec.structs.replace(caller, for_user=peer.user), secret


async def known(waiting: "Future[None] | None") -> None:
    """Wait for what `Access.awaited` returned, WAIT_SECONDS at most: then what is known has to do."""
    if waiting is not None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(waiting), WAIT_SECONDS)


def bearer_token(request: Request) -> str | None:
    """Return the token of a request's header, or None without one. A proxy may have other schemes for itself."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == _SCHEME else None


class OpenProbes:
    """Knows which addresses may read the metrics and the probes without a token.

    Args:
        proxies: The proxies before the port: with one, a request from this machine may be anybody's.
        open_to_all: Whether everybody may read them (`serve.open_metrics`).
    """

    def __init__(self, proxies: Proxies, *, open_to_all: bool) -> None:
        self._trusts_loopback = not proxies
        self._open_to_all = open_to_all

    def to(self, address: str) -> bool:
        """Return whether a client with an address may. "" is the socket."""
        return self._open_to_all or not address or (self._trusts_loopback and is_loopback(address))


class Readers:
    """Knows who may read the metrics and the probes.

    Args:
        senders: Finds out who sends a request.
        open_probes: Knows who needs no token.
    """

    def __init__(self, senders: Senders, open_probes: OpenProbes) -> None:
        self._senders = senders
        self._open_probes = open_probes

    def check(self, request: Request) -> None:
        """Refuse a request whose sender may not read them.

        Raises:
            Unauthenticated: It has no valid token, and needs one.
            Forbidden: Its token is for some workflows only, or has no role.
        """
        address = request.scope["state"]["peer"].address
        if self._open_probes.to(address):
            return
        require_unrestricted(self._senders.sender_of(request), "viewer")
