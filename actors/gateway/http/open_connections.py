"""All open connections, and their bounds in number."""

from collections.abc import Iterable
from typing import Final, Protocol

from uvicorn.server import ServerState

from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.complaints import Complaints

MAX_CONNECTIONS: Final = 1024
"""At this number, the connection that has been idle for longest is closed for a new one: a guest's, if there is one."""
MAX_CONNECTIONS_OF_A_PEER: Final = 256


class Open(Protocol):
    """A connection as `Connections` has it."""

    peer: Peer

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""

    @property
    def is_guest(self) -> bool:
        """Whether its client has not said who it is."""

    def close(self) -> None:
        """Close it at once."""

    def end_after_answer(self) -> None:
        """Close it now if it is idle, or after its answer."""

    def abort(self) -> None:
        """Close it at once and drop unsent data."""


class Connections:
    """All open connections, from the one that has been without a request for longest to the busy ones.

    Attributes:
        state: What uvicorn's connections share.
        complaints: Reports why clients were refused or cut off.
    """

    def __init__(self) -> None:
        self.state = ServerState()
        self.complaints = Complaints()
        self._open: dict[Open, str] = {}
        """Each with the name of its peer."""
        self._of_peers: dict[str, int] = {}
        """How many each peer has."""

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, peer: Peer) -> bool:
        """Return whether a peer may have another connection. Make room for it if there is none."""
        is_bounded = not (peer.is_owner or peer.is_proxy)
        has = self._of_peers.get(peer.name, 0) if is_bounded else 0
        if has >= MAX_CONNECTIONS_OF_A_PEER:
            return False
        if len(self._open) < MAX_CONNECTIONS:
            return True
        if has > MAX_CONNECTIONS // len(self._of_peers):
            return False  # it has more than its part
        idle = (each for each in self._open if not each.is_busy)
        idlest = next((each for each in self._open if each.is_guest and not each.is_busy), None) or next(idle, None)
        if idlest is None:
            return False
        idlest.close()
        self.remove(idlest)  # its end comes later, and another one must make room for the next client
        return True

    def add(self, connection: Open) -> None:
        """Count an open connection."""
        name = self._open[connection] = connection.peer.name
        self._of_peers[name] = self._of_peers.get(name, 0) + 1

    def remove(self, connection: Open) -> bool:
        """Forget a connection that is closed. Return whether it was open."""
        return self.remove_all((connection,)) == 1

    def remove_all(self, connections: Iterable[Open]) -> int:
        """Forget connections that are closed. Return how many of them were open."""
        removed, of_peers = 0, self._of_peers
        for each in connections:
            name = self._open.pop(each, None)
            if name is not None:
                removed += 1
                of_peers[name] -= 1
                if not of_peers[name]:
                    del of_peers[name]
        return removed

    def was_used(self, connection: Open) -> None:
        """Note that a connection has had a request just now."""
        name = self._open.pop(connection, None)
        if name is not None:
            self._open[connection] = name

    def shut_down(self) -> None:
        """Close the idle connections now and the others after their answer."""
        for connection in tuple(self._open):
            connection.end_after_answer()

    def abort(self) -> None:
        """Close all connections at once."""
        for connection in tuple(self._open):
            connection.abort()
