"""Connections of event streams: one small object each, which the streams write to. None has a task.

Connection --hand over--+--> SocketOutlet      a copy of its socket, without a transport
'--> TransportOutlet   its transport: with TLS, in HTTP/1.0, if bytes wait in it, or if no descriptor is left
"""

import asyncio
import os
import select
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from stretto.actors.gateway.http.application import SEND_SECONDS
from stretto.actors.gateway.http.bodies import MAX_REQUEST_BYTES
from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.open_connections import Connections
from stretto.actors.gateway.live import Subscription
from stretto.actors.process import give_back_all, withhold_all

CLOSED_AT_ONCE: Final = 100
"""Connections that get their last chunk in one turn of the loop, and connections that are closed in one after it.

The end of a run with many clients delays no one else.
"""
_LOOKED_AT: Final = 64
"""How many sockets that have become ready are taken from the kernel at once."""
_READ_BYTES: Final = 64 * 1024
_READABLE: Final = select.EPOLLIN | select.EPOLLET
"""A socket is reported once when something comes. Otherwise the kernel, which forgets a socket when its last copy is
closed, could report the copy in a child that has just been forked again and again."""


class StreamSockets:
    """The sockets of streams. They are waited for together, in one file of the event loop.

    Args:
        connections: All connections. Those of streams are among them.
    """

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._outlets: dict[int, SocketOutlet] = {}
        """All of them, by the descriptors of their sockets."""
        self._leaving: deque[SocketOutlet] = deque()
        self._finished: deque[SocketOutlet] = deque()
        """Those that have nothing more to write. Nothing is left of them but their sockets."""
        withhold_all(self._outlets)
        self._loop.add_reader(self._epoll.fileno(), self._look)

    def open(self, connection: socket.socket, peer: Peer, stream: Subscription) -> "SocketOutlet":
        """Return the connection of a stream: a copy of a socket, whose own end is not the connection's end.

        Raises:
            OSError: The daemon has as many descriptors open as it may have.
        """
        own = connection.dup()
        try:
            own.settimeout(0)
            self._epoll.register(own.fileno(), _READABLE)
        except OSError:
            own.close()
            raise
        outlet = self._outlets[own.fileno()] = SocketOutlet(own, self, peer, stream)
        self.connections.add(outlet)
        return outlet

    def wait_for(self, descriptor: int, *, room: bool) -> None:
        """Wait for a socket to have room, too, or not any more."""
        self._epoll.modify(descriptor, _READABLE | select.EPOLLOUT if room else _READABLE)

    def finish_soon(self, outlet: "SocketOutlet") -> None:
        """Finish a connection in one of the next turns."""
        if not self._leaving:
            self._loop.call_soon(self._finish_some)
        self._leaving.append(outlet)

    def close_all(self, outlets: Iterable["SocketOutlet"]) -> None:
        """Close connections at once. Idempotent."""
        outlets = tuple(outlets)
        self._close_sockets(outlets)
        self._forget(outlets)

    def close(self) -> None:
        """Finish what is about to end, and close what is left."""
        left = tuple(self._outlets.values())
        for each in left:
            each.finish()
        self.close_all(left)
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        give_back_all(self._outlets)

    def _look(self) -> None:
        for descriptor, events in self._epoll.poll(0, _LOOKED_AT):
            outlet = self._outlets.get(descriptor)
            if outlet is not None and events & select.EPOLLOUT:
                outlet.send_rest()
            if outlet is not None and events & ~select.EPOLLOUT:
                outlet.read()

    def _finish_some(self) -> None:
        """Write last chunks. They leave with the end of their connections: no client wakes up before the last one."""
        leaving, finished = self._leaving, list[SocketOutlet]()
        for _ in range(min(len(leaving), CLOSED_AT_ONCE)):
            outlet = leaving.popleft()
            if outlet.finish():
                finished.append(outlet)
        self._forget(finished)
        self._finished += finished
        if leaving:
            self._loop.call_soon(self._finish_some)
        elif self._finished:
            self._close_some()

    def _close_some(self) -> None:
        finished = self._finished
        self._close_sockets([finished.popleft() for _ in range(min(len(finished), CLOSED_AT_ONCE))])
        if finished and not self._leaving:
            self._loop.call_soon(self._close_some)

    def _close_sockets(self, outlets: Iterable["SocketOutlet"]) -> None:
        """Close sockets. Those with neighbouring numbers take one call, in which clients do not wake up one by one."""
        closed = sorted([number for each in outlets if (number := each.detach()) >= 0])
        first = 0
        for end, descriptor in enumerate(closed, 1):
            del self._outlets[descriptor]  # its number may be reused
            if end == len(closed) or closed[end] != descriptor + 1:
                os.closerange(closed[first], descriptor + 1)
                first = end

    def _forget(self, outlets: Sequence["SocketOutlet"]) -> None:
        """Forget connections. It is faster for many of them than for each: the entries of one table lie together."""
        self.connections.remove_all(outlets)
        for each in outlets:
            each.stream.close()


class SocketOutlet:
    """A client's socket, which takes the chunks of an answer.

    Args:
        connection: The socket. It is closed with this object.
        sockets: All of them.
        peer: The other end.
        stream: The stream.
    """

    __slots__ = (
        "__weakref__", "_deadline", "_ignored", "_is_ending", "_is_leaving", "_rest", "_socket", "_sockets",
        "is_full", "peer", "stream",
    )  # fmt: skip

    is_busy = True
    is_guest = False

    def __init__(self, connection: socket.socket, sockets: StreamSockets, peer: Peer, stream: Subscription) -> None:
        self.peer = peer
        self.stream = stream
        self.is_full = False
        self._socket = connection
        self._sockets = sockets
        self._rest = b""
        """The end of the last part, which the socket has not taken."""
        self._is_ending = self._is_leaving = False
        self._ignored = 0
        """The bytes that have come from the client."""
        self._deadline: asyncio.TimerHandle | None = None

    def write(self, frames: bytes) -> None:
        """Write a chunk."""
        self._send(chunk(frames))

    def end(self, frames: bytes) -> None:
        """Write the last chunk soon, and close the connection when the client has taken it."""
        self._rest = last_chunk(frames)
        self._is_ending = self.is_full = True
        self._sockets.finish_soon(self)

    def finish(self) -> bool:
        """Write the last chunk if the stream has ended. Return whether no part of it is left: close the connection."""
        # The end of the connection is in the same packet as the last chunk.
        return self._is_leaving or not self._is_ending or self._send(self._rest, socket.MSG_MORE)

    def hurry(self, seconds: float) -> None:
        """Close the connection if the client does not take what was written within so many seconds."""
        self._meet_deadline()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._is_late)

    def send_rest(self) -> None:
        """Write the end of the last part."""
        if self._is_leaving or not self._rest:
            return
        self._sockets.wait_for(self._socket.fileno(), room=False)
        self._meet_deadline()
        self.is_full = False
        if not self._send(self._rest):
            return
        if self._is_ending:
            self.abort()
        else:
            self.stream.flush()

    def read(self) -> None:
        """Drop what comes from the client, and note its end."""
        while not self._is_leaving:
            try:
                data = self._socket.recv(_READ_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""
            self._ignored += len(data)
            if self._ignored > MAX_REQUEST_BYTES:
                self._complain("it goes on after its answer")
                self.abort()
            elif not data:
                self.abort()

    def end_after_answer(self) -> None:
        """Do nothing: its stream ends it."""

    def abort(self) -> None:
        """Close the connection soon, and drop unsent data."""
        if not self._is_leaving:
            self._is_leaving = self.is_full = True
            self._sockets.finish_soon(self)

    def close(self) -> None:
        """Close the connection at once. Idempotent."""
        self._sockets.close_all((self,))

    def detach(self) -> int:
        """Return the descriptor of the socket, for the caller to close, or -1 if it was detached before."""
        self._is_leaving = self.is_full = True
        if self._deadline is not None:
            self._meet_deadline()
        return self._socket.detach()

    def _send(self, data: bytes, flags: int = 0) -> bool:
        """Write data, and return whether the socket has taken all of it."""
        try:
            sent = self._socket.send(data, flags)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:  # it has left
            self.abort()
            return False
        if sent < len(data):
            self._rest = data[sent:]
            self.is_full = True
            self._sockets.wait_for(self._socket.fileno(), room=True)
            self.hurry(SEND_SECONDS)
            return False
        self._rest = b""
        return True

    def _is_late(self) -> None:
        self._complain("it does not read its answer")
        self.abort()

    def _complain(self, reason: str) -> None:
        self._sockets.connections.complaints.note(reason, self.peer.address)

    def _meet_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class TransportOutlet:
    """A client's transport, which takes the parts of an answer. Its protocol says when it is full, and when it ends.

    Args:
        transport: The transport.
        stream: The stream.
        chunked: Whether the parts are chunks.
        complain: Notes why a client is cut off.
    """

    def __init__(
        self, transport: asyncio.Transport, stream: Subscription, complain: Callable[[str], None], *, chunked: bool,
    ) -> None:  # fmt: skip
        self.is_full = False
        self._transport = transport
        self._stream = stream
        self._complain = complain
        self._chunked = chunked
        self._deadline: asyncio.TimerHandle | None = None

    def write(self, frames: bytes) -> None:
        """Write a part."""
        self._transport.write(chunk(frames) if self._chunked else frames)

    def end(self, frames: bytes) -> None:
        """Write the last part, and close the connection when the client has taken it."""
        self._transport.write(last_chunk(frames) if self._chunked else frames)
        self._transport.close()
        self.hurry(SEND_SECONDS)

    def hurry(self, seconds: float) -> None:
        """Close the connection if the client does not take what was written within so many seconds."""
        self._meet_deadline()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._is_late)

    def fill(self) -> None:
        """Note that the transport takes nothing more for now."""
        self.is_full = True
        self.hurry(SEND_SECONDS)

    def drain(self) -> None:
        """Note that it takes something again."""
        self._meet_deadline()
        self.is_full = False
        self._stream.flush()

    def lose(self) -> None:
        """Note that the connection is closed."""
        self._meet_deadline()
        self.is_full = True
        self._stream.close()

    def _is_late(self) -> None:
        self._complain("it does not read its answer")
        self._transport.abort()

    def _meet_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@lru_cache(maxsize=1)
def chunk(data: bytes) -> bytes:
    """Return a chunk of an answer: one object for all clients that get the same one after the other."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=1)
def last_chunk(data: bytes) -> bytes:
    """Return the last chunk of an answer in the same way, and the end of the answer."""
    return (chunk(data) if data else b"") + b"0\r\n\r\n"
