"""Who sends a request: found from the connection, or by the token that the request has."""

import socket
from typing import Final, NamedTuple

from starlette.requests import Request

from stretto.actors.access import Access, Caller, Unauthenticated
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
        raise Problem("not_allowed", "this daemon serves its own user and root only")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != _SCHEME or not token.strip():
        raise Unauthenticated("missing")
    return access.caller_of_token(token.strip(), source=peer.address)
