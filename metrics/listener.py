"""Connections, a thread each: bounded in number and in time, and nothing wakes up while there are none.

`socketserver` looks twice a second whether it should stop, and a socket's own timeout starts anew with each
byte that a slow client sends. Here one thread waits for the listener, for the nearest deadline of an open
connection if there is one, and for a wake-up; nothing else makes it run.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from math import inf
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from threading import Lock, Thread
from time import monotonic

from stretto.metrics.logging import get_logger

ACCEPT_PAUSE_SECONDS = 1.0

log = get_logger(__name__)


class ConnectionLoop:
    """Accepts connections and has `serve` called with each, on a thread of its own, then closes it.

    At most `limit` connections are open; more wait in the listener's queue. One that is open for longer than
    `seconds` is shut down, whatever its client does. `listener` belongs to the loop from here on.
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

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, cut off every open connection, and return when no thread is left. Idempotent."""
        self._stopping = True
        self._wake()
        self._thread.join()

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
        """Until the nearest thing that only the clock tells; None when there is no such thing."""
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
        # Out of file descriptors or threads: the listener stays readable, so going on at once would spin.
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
        # Forgotten first: the loop must never shut down a descriptor that is somebody else's by then.
        with self._lock:
            del self._deadlines[connection]
        connection.close()

    def _shut_down_overdue(self, now: float) -> None:
        with self._lock:
            for connection, deadline in self._deadlines.items():
                if deadline <= now:
                    # Wakes its thread from any read or write. What is left is that thread's to close.
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                    self._deadlines[connection] = inf

    def _wake(self) -> None:
        # A full buffer means that a wake-up is on its way, a closed socket that the loop has ended.
        with suppress(OSError):
            self._waker.send(b"\0")
