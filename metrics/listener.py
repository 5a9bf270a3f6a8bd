"""A server loop with one thread a connection, bounded in number and time, and without wake-ups while idle.

`socketserver` wakes up twice a second to see if it should stop, and a socket's timeout restarts with each byte of a
slow client. Here one thread waits for the listener, for the nearest deadline of a connection, and for a wake-up.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from math import inf
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from threading import Lock, Thread
from time import monotonic
from weakref import WeakSet

from stretto.metrics.logging import get_logger

ACCEPT_PAUSE_SECONDS = 1.0

log = get_logger(__name__)


class ConnectionLoop:
    """Accepts connections, calls `serve` with each on its own thread, and closes them.

    Args:
        listener: The listening socket. The loop closes it.
        serve: Handles one connection.
        limit: The largest number of open connections. Others wait in the listener's queue.
        seconds: The longest time of a connection, after which it is shut down.
    """

    def __init__(
        self, listener: socket.socket, serve: Callable[[socket.socket], None], *, limit: int, seconds: float
    ) -> None:
        listener.settimeout(0)
        self._listener = listener
        self._listening = False
        self._deaf_until = -inf
        self._serve = serve
        self._limit = limit
        self._seconds = seconds
        self._lock = Lock()
        self._deadlines: dict[socket.socket, float] = {}
        self._workers: list[Thread] = []
        self._woken, self._waker = socket.socketpair()
        self._waker.settimeout(0)
        self._stopping = False
        self._thread = Thread(target=self._run, name="stretto-metrics", daemon=True)
        _loops.add(self)

    def start(self) -> None:
        """Start to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, shut down all connections, and return when all threads have ended. Idempotent."""
        self._stopping = True
        self._wake()
        self._thread.join()

    def leave_to_the_parent(self) -> None:
        """Close this process's copy of all sockets. Only a forked child calls this: it would keep the port taken."""
        for each in (self._listener, *self._deadlines, self._woken, self._waker):
            each.close()

    def _run(self) -> None:
        try:
            with DefaultSelector() as selector:
                selector.register(self._woken, EVENT_READ)
                while not self._stopping:
                    self._listen_if_there_is_room(selector)
                    ready = {key.fileobj for key, _ in selector.select(self._seconds_to_wait())}
                    if self._woken in ready:
                        self._woken.recv(4096)
                    if self._listener in ready:
                        self._accept()
                    self._shut_down_overdue(monotonic())
                    self._workers = [worker for worker in self._workers if worker.is_alive()]
        finally:
            self._listener.close()
            self._shut_down_overdue(inf)
            for worker in self._workers:
                worker.join()
            self._woken.close()
            self._waker.close()

    def _listen_if_there_is_room(self, selector: BaseSelector) -> None:
        with self._lock:
            room = len(self._deadlines) < self._limit and monotonic() >= self._deaf_until
        if room and not self._listening:
            selector.register(self._listener, EVENT_READ)
        elif self._listening and not room:
            selector.unregister(self._listener)
        self._listening = room

    def _seconds_to_wait(self) -> float | None:
        """Return the time until the next deadline, or None if there is none."""
        now = monotonic()
        with self._lock:
            due = min(self._deadlines.values(), default=inf)
        if not self._listening and self._deaf_until > now:
            due = min(due, self._deaf_until)
        return None if due == inf else max(0.0, due - now)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._pause(error)
            return
        connection.settimeout(None)
        with self._lock:
            self._deadlines[connection] = monotonic() + self._seconds
        worker = Thread(target=self._work, args=(connection,), name="stretto-metrics-connection", daemon=True)
        try:
            worker.start()
        except RuntimeError as error:
            self._close(connection)
            self._pause(error)
        else:
            self._workers.append(worker)

    def _pause(self, error: Exception) -> None:
        # Without file descriptors or threads the listener stays readable, so an immediate retry would spin.
        log.warning("connection_not_accepted", error=str(error), pause_seconds=ACCEPT_PAUSE_SECONDS)
        self._deaf_until = monotonic() + ACCEPT_PAUSE_SECONDS

    def _work(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except OSError as error:
            log.debug("connection_lost", error=str(error))
        except Exception:
            log.exception("connection_failed")
        finally:
            self._close(connection)
            self._wake()

    def _close(self, connection: socket.socket) -> None:
        # Forgotten first, so that the loop never shuts down a descriptor that has been reused.
        with self._lock:
            del self._deadlines[connection]
        connection.close()

    def _shut_down_overdue(self, now: float) -> None:
        with self._lock:
            for connection, deadline in self._deadlines.items():
                if deadline <= now:
                    # Wakes the connection's thread from any read or write. That thread closes the socket.
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                    self._deadlines[connection] = inf

    def _wake(self) -> None:
        # A full buffer means that a wake-up is pending. A closed socket means that the loop has ended.
        with suppress(OSError):
            self._waker.send(b"\0")


_loops: WeakSet[ConnectionLoop] = WeakSet()


def _leave_all_to_the_parent() -> None:
    for loop in tuple(_loops):
        loop.leave_to_the_parent()


os.register_at_fork(after_in_child=_leave_all_to_the_parent)
