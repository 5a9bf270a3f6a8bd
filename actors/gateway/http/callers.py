"""Who sends a request: found from the connection, or by the token that the request has."""

import socket
from typing import Final, NamedTuple

import msgspec
from starlette.requests import Request

from stretto.actors.access import Access, Caller, Unauthenticated, require_unrestricted
from stretto.actors.gateway.exposure import is_loopback
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.http.proxies import Proxies
from stretto.actors.gateway.socket_users import SocketUsers

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
        """The name by which its connections are counted: the address, or the user."""
        return self.address or ("" if self.caller is None else self.caller.who)


class Peers:
    """Knows the other ends of connections.

    Args:
        users: The users of the socket.
        proxies: The proxies before the port.
    """

    def __init__(self, users: SocketUsers, proxies: Proxies) -> None:
        self._users = users
        self._proxies = proxies

    def of(self, connection: socket.socket) -> Peer:
        """Return the other end of an accepted connection. Raises OSError if it has left."""
        if connection.family == socket.AF_UNIX:
            return Peer("", self._users.caller(connection))
        address = connection.getpeername()[0]
        return Peer(address, None, is_proxy=address in self._proxies)


def sender_of(request: Request, access: Access) -> Caller:
    """Return who sends a request.

    Args:
        request: The request.
        access: Knows the tokens.

    Raises:
        Problem: The request comes over the socket from a user that may not connect.
        Unauthenticated: The request comes over the port and has no valid token.
    """
    peer: Peer = request.scope["state"]["peer"]
    if peer.caller is not None:
        return peer.caller
    if not peer.address:
        raise Problem("not_allowed", "this daemon serves its own user, root, and members of serve.socket_group only")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != _SCHEME or not token.strip():
        raise Unauthenticated("missing")
    caller = access.caller_of_token(token.strip(), source=peer.address)
    return msgspec.structs.replace(caller, for_user=peer.user)


class Readers:
    """Knows who may read the metrics and the probes.

    Args:
        access: Knows the tokens.
        proxies: The proxies before the port: with one, a request from this machine may be anybody's.
        open_to_all: Whether everybody may read them (`serve.open_metrics`).
    """

    def __init__(self, access: Access, proxies: Proxies, *, open_to_all: bool) -> None:
        self._access = access
        self._trusts_loopback = not proxies
        self._open_to_all = open_to_all

    def check(self, request: Request) -> None:
        """Refuse a request whose sender may not read them.

        Raises:
            Unauthenticated: It has no valid token, and needs one.
            Forbidden: Its token is for some workflows only, or has no role.
        """
        address = request.scope["state"]["peer"].address
        if self._open_to_all or not address or (self._trusts_loopback and is_loopback(address)):
            return
        require_unrestricted(sender_of(request, self._access), "viewer")
