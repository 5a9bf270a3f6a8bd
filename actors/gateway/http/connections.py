"""One client's connection: uvicorn's HTTP/1.1 with bounds on time and number."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from stretto.actors.gateway.http.application import MAX_HEADER_BYTES
from stretto.actors.gateway.http.callers import Peer

MAX_CONNECTIONS: Final = 1024
"""At this number, the connection that has been idle for longest is closed for a new one."""
MAX_CONNECTIONS_OF_A_PEER: Final = 256
HEADER_SECONDS: Final = 5.0
"""How long a client may take from its connection, or from the last answer, to the end of a request's headers."""
IDLE_SECONDS: Final = 60
"""How long a connection is kept open between two requests."""


class Connections:
    """All open connections, from the one that has been without a request for longest to the busy ones.

    Attributes:
        state: What uvicorn's connections share.
    """

    def __init__(self) -> None:
        self.state = ServerState()
        self._open: dict[Connection, None] = {}
        self._of_peers: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, peer: Peer) -> bool:
        """Return whether a peer may have another connection. Make room for it if there is none."""
        if peer.caller is None and self._of_peers[peer.address] >= MAX_CONNECTIONS_OF_A_PEER:
            return False
        if len(self._open) < MAX_CONNECTIONS:
            return True
        idlest = next((each for each in self._open if not each.is_busy), None)
        if idlest is None:
            return False
        idlest.close()
        return True

    def add(self, connection: "Connection", peer: Peer) -> None:
        """Count an open connection."""
        self._open[connection] = None
        self._of_peers[peer.address] += 1

    def remove(self, connection: "Connection", peer: Peer) -> None:
        """Forget a connection that is closed. Idempotent."""
        if self._open.pop(connection, self) is None:
            self._of_peers[peer.address] -= 1
            if not self._of_peers[peer.address]:
                del self._of_peers[peer.address]

    def was_used(self, connection: "Connection") -> None:
        """Note that a connection has had a request just now."""
        self._open[connection] = self._open.pop(connection, None)

    def shut_down(self) -> None:
        """Close the idle connections now and the others after their answer."""
        for connection in tuple(self._open):
            connection.shutdown()

    def abort(self) -> None:
        """Close all connections at once."""
        for connection in tuple(self._open):
            connection.transport.abort()


class Connection(H11Protocol):
    """A connection with a deadline for the headers of each request."""

    def __init__(
        self, config: Config, connections: Connections, peer: Peer, lost: Callable[[], None],
    ) -> None:  # fmt: skip
        state = {"peer": peer, "cut_off": self.cut_off}
        super().__init__(config, connections.state, state, asyncio.get_running_loop())
        self._all = connections
        self._peer = peer
        self._lost = lost
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # before the first request there is none
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base class
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._all.add(self, self._peer)
        self._deadline = self.loop.call_later(HEADER_SECONDS, self.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._meet_deadline()
        self._all.remove(self, self._peer)
        super().connection_lost(exc)
        self._lost()

    def data_received(self, data: bytes) -> None:
        """Take bytes. Those that begin a request have to end its headers in time."""
        if self._deadline is None and not self.is_busy:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.close)
        super().data_received(data)
        if self.is_busy:
            self._meet_deadline()
            self._all.was_used(self)

    def close(self) -> None:
        """Close the connection at once."""
        if not self.transport.is_closing():
            self.transport.close()

    def cut_off(self) -> None:
        """Close the connection at once and drop unsent data."""
        self.cycle.disconnected = True
        self.transport.abort()

    def _meet_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def configuration(application: Any) -> Config:
    """Return the configuration of all connections, loaded."""
    config = Config(
        application, lifespan="off", http="h11", ws="none", log_config=None, access_log=False, server_header=False,
        date_header=False, proxy_headers=False, timeout_keep_alive=IDLE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )  # fmt: skip
    config.load()
    return config
