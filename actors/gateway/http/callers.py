"""Who sends a request: found from the connection, before anything of the request is answered."""

import socket
from typing import NamedTuple

from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.socket_file import may_connect, origin_of
from stretto.actors.journal import Origin
from stretto.actors.operations import Role


class Caller(NamedTuple):
    """Who sends a request.

    Attributes:
        role: What it may do at most.
        origin: The origin of the runs that it starts.
    """

    role: Role
    origin: Origin


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
    return Peer("", Caller("admin", origin_of(connection)) if may_connect(connection) else None)


def caller_of(peer: Peer) -> Caller:
    """Return who sends a request. Raises `Problem` if that is not known."""
    if peer.caller is not None:
        return peer.caller
    if not peer.address:
        raise Problem("not_allowed", "this daemon serves its own user and root only")
    detail = "the port answers no requests of the API yet: use the daemon's UNIX socket"
    raise Problem("unauthenticated", detail, {"www-authenticate": "Bearer"})
