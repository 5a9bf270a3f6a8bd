"""The connections of an event loop's requests, kept alive and reused.

They are bounded, those in use and the idle ones together. A request above the bound waits for one. No timer closes an
idle connection, because it would wake an idle daemon: the next request does, or the server.
"""

import asyncio
import ssl
import time
from collections import deque
from typing import Final

from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.core.http_connection import Connection, Origin, connect
from stretto.actors.actions.core.http_settings import http_settings
from stretto.actors.actions.core.http_tls import tls_context

KEPT_ALIVE: Final = 128
KEPT_ALIVE_SECONDS: Final = 4.0
"""Many servers close a connection after 5 seconds, counted from when they have sent their answer. A request that is
under way to one just then is lost, so no connection is used that long."""


class Connections:
    """The connections of the running event loop.

    Args:
        policy: The addresses that may be connected to.
        most: The connections that are open at a time.

    Attributes:
        most: As given.
    """

    def __init__(self, policy: AddressPolicy, most: int) -> None:
        self.most = most
        self._policy = policy
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._in_use: set[Connection] = set()
        self._opening = 0
        # Both hold the same connections, the longest idle first.
        self._idle: dict[Connection, None] = {}
        self._idle_by_origin: dict[Origin, dict[Connection, None]] = {}
        self._waiting: deque[tuple[Origin, asyncio.Future[Connection | None]]] = deque()

    @property
    def are_all_used(self) -> bool:
        """Whether a request to any server has to wait."""
        return len(self._in_use) + self._opening >= self.most

    async def take(self, origin: Origin) -> Connection:
        """Return an idle connection or a new one, after a wait if all are used. `give_back` releases it.

        Raises:
            NoResponse: All addresses of the host are denied.
            OSError: The host is unknown, no address answers, or TLS fails.
        """
        connection = self._take_idle(origin)
        if connection is None and self.are_all_used:
            connection = await self._handed_over(origin)
        elif connection is None:
            self._opening += 1
            if len(self._in_use) + self._opening + len(self._idle) > self.most:
                self._close_idle(next(iter(self._idle)))
        if connection is None:
            try:
                context = self._context(verify=origin.verify) if origin.scheme == "https" else None
                connection = await connect(origin, self._policy, context)
            except BaseException:
                self._hand_over(None)
                raise
            self._opening -= 1
        self._in_use.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Release a connection: keep it if another request can be sent, else close it."""
        self._in_use.discard(connection)
        self._opening += 1
        self._hand_over(connection)

    async def close(self) -> None:
        """Close all connections."""
        ends = []
        for connection in (*self._idle, *self._in_use):
            if connection.closed is not None:
                ends.append(connection.closed)
            connection.abort()
        self._idle.clear()
        self._idle_by_origin.clear()
        await asyncio.gather(*ends, return_exceptions=True)

    def _context(self, *, verify: bool) -> ssl.SSLContext:
        if verify not in self._contexts:
            self._contexts[verify] = tls_context(verify=verify)
        return self._contexts[verify]

    async def _handed_over(self, origin: Origin) -> Connection | None:
        """Wait for a connection to the origin, or for the right to open one."""
        future: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        entry = (origin, future)
        self._waiting.append(entry)
        try:
            connection = await future
        except asyncio.CancelledError:
            if not future.cancelled():  # the connection was handed over in the same moment
                self._hand_over(future.result())
            elif entry in self._waiting:
                self._waiting.remove(entry)
            raise
        if connection is None:
            return None
        if not connection.is_still_reusable:  # the server has closed it in the same moment
            connection.abort()
            return None
        self._opening -= 1
        return connection

    def _hand_over(self, connection: Connection | None) -> None:
        """Give a place that counts as being opened, and its connection if there is one, to the next that waits."""
        if connection is not None and not connection.is_reusable:
            connection.abort()
            connection = None
        while self._waiting:
            origin, future = self._waiting.popleft()
            if future.done():  # it was cancelled in the same moment
                continue
            if connection is not None and connection.origin != origin:
                connection.abort()
                connection = None
            future.set_result(connection)
            return
        self._opening -= 1
        if connection is not None:
            self._keep(connection)

    def _keep(self, connection: Connection) -> None:
        connection.idle_since = now = time.monotonic()
        connection.is_idle = True
        self._idle[connection] = None
        self._idle_by_origin.setdefault(connection.origin, {})[connection] = None
        while self._idle:
            longest = next(iter(self._idle))
            if len(self._idle) <= KEPT_ALIVE and now - longest.idle_since <= KEPT_ALIVE_SECONDS:
                break
            self._close_idle(longest)

    def _take_idle(self, origin: Origin) -> Connection | None:
        """Return the connection to the origin that was used last, if it is still good."""
        while siblings := self._idle_by_origin.get(origin):
            connection = next(reversed(siblings))
            self._forget(connection)
            is_young = time.monotonic() - connection.idle_since <= KEPT_ALIVE_SECONDS
            if is_young and connection.is_still_reusable:
                return connection
            connection.abort()
        return None

    def _close_idle(self, connection: Connection) -> None:
        self._forget(connection)
        connection.abort()

    def _forget(self, connection: Connection) -> None:
        connection.is_idle = False
        del self._idle[connection]
        siblings = self._idle_by_origin[connection.origin]
        del siblings[connection]
        if not siblings:
            del self._idle_by_origin[connection.origin]


def shared_connections() -> Connections:
    """Return the running loop's connections."""
    settings = http_settings()
    if settings.connections is None:
        settings.connections = Connections(settings.policy, settings.max_connections)
    return settings.connections
