"""The carrier `processes`: the workers are child processes on this machine, each with a socket of its own.

A worker that ends is started again, after a pause that doubles while it ends at once. All of them end with this
process, however that ends: their sockets are closed then.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from stretto.actors.pools.carrier import CarrierEvents
from stretto.actors.pools.framing import read_frame, write_frame
from stretto.actors.process import give_back, withhold
from stretto.metrics import get_logger

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 30.0
END_SECONDS: Final = 5.0
_CODE: Final = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given.pop('path'); "
    "from stretto.actors.pools.process_worker import work; work(**given)"
)
"""Nothing of the worker's own is imported before its path is set: the code is text, and its arguments are data."""

_log = get_logger(__name__)


class _Child:
    """A worker's process."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", channel: socket.socket) -> None:
        self.name = name
        self.process = process
        self.channel = channel
        self.outgoing: SimpleQueue[bytes | None] = SimpleQueue()
        self.started = time.monotonic()

    def part(self) -> None:
        """Say that nothing more comes: the worker ends its calls, then itself."""
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """End the process, what it has started, and the connection, which a process that it has forked may hold."""
        if self.process.poll() is None:
            for group in (self.process.pid, *_started_by(self.process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_RDWR)


class ProcessCarrier:
    """Runs a fixed number of worker processes.

    Args:
        pool: The pool's name, which the workers' names begin with.
        workers: How many processes there are.
        slots: How many calls each runs at a time.
        actions: Modules and files with the actions that they can run.
    """

    def __init__(self, pool: str, *, workers: int, slots: int, actions: Sequence[str]) -> None:
        self._pool = pool
        self._workers = workers
        self._slots = slots
        self._actions = list(actions)
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._children: dict[str, _Child] = {}
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self._events: CarrierEvents | None = None

    @property
    def expected(self) -> int:
        """How many workers there should be."""
        return self._workers

    @property
    def processes(self) -> dict[str, int]:
        """The process ids of the workers by name."""
        with self._lock:
            return {name: child.process.pid for name, child in self._children.items()}

    def start(self, events: CarrierEvents) -> None:
        """Start the workers."""
        self._events = events
        for place in range(self._workers):
            name = f"stretto-pool-{self._pool}-{place}"
            thread = threading.Thread(target=self._keep_one, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def send(self, worker: str, data: bytes) -> None:
        """Send a message to a worker."""
        with self._lock:
            child = self._children.get(worker)
        if child is not None:
            child.outgoing.put(data)

    def discard(self, worker: str) -> None:
        """End a worker's process."""
        with self._lock:
            child = self._children.get(worker)
        if child is not None:
            child.kill()

    def stop(self) -> None:
        """End all workers with what they run, and join the threads.

        A worker has `END_SECONDS` to end its calls.
        """
        self._stopped.set()
        with self._lock:
            children = list(self._children.values())
        until = time.monotonic() + END_SECONDS
        for child in children:
            child.part()
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(until - time.monotonic(), 0.0))
            child.kill()
        for thread in self._threads:
            thread.join(END_SECONDS)

    def _keep_one(self) -> None:
        """Keep one worker running until the carrier stops."""
        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            name = f"{self._pool}-{next(self._numbers)}"
            lived = 0.0
            try:
                lived = self._serve(self._begin(name))
            except OSError as error:
                _log.error("pool_worker_not_started", pool=self._pool, worker=name, reason=str(error))
            pause = FIRST_PAUSE if lived > LONGEST_PAUSE else pause
            self._stopped.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _begin(self, name: str) -> _Child:
        ours, theirs = socket.socketpair()
        given = {
            "path": sys.path, "channel": theirs.fileno(), "name": name, "slots": self._slots, "actions": self._actions,
        }  # fmt: skip
        try:
            with theirs:
                process = subprocess.Popen(  # noqa: S603 - the command is the carrier's own
                    [sys.executable, "-P", "-c", _CODE, json.dumps(given)],
                    stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True,
                )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        withhold(ours)
        child = _Child(name, process, ours)
        with self._lock:
            self._children[name] = child
        if self._stopped.is_set():
            child.kill()
        return child

    def _serve(self, child: _Child) -> float:
        """Take what a worker sends until it ends. Return how many seconds it has lived."""
        writer = threading.Thread(target=_write, args=(child,), name=f"stretto-to-{child.name}", daemon=True)
        writer.start()
        reason = "closed"
        try:
            with child.channel.makefile("rb") as stream:
                while (data := read_frame(stream)) is not None:
                    if self._events is not None:
                        self._events.received(child.name, data)
        except OSError:
            pass
        except ValueError:
            reason = "garbage"
        with self._lock:
            del self._children[child.name]
        child.kill()
        child.outgoing.put(None)
        give_back(child.channel)
        writer.join(END_SECONDS)
        child.channel.close()
        code = child.process.wait()
        if self._events is not None:
            self._events.closed(child.name, reason)
        if not self._stopped.is_set():
            _log.warning("pool_worker_ended", pool=self._pool, worker=child.name, exit_code=code, reason=reason)
        return time.monotonic() - child.started


def _started_by(process: int) -> list[int]:
    """Return the process groups that a process has started, where the system tells them.

    Each command of core.local leads a session of its own, which a signal to the worker's group does not reach.
    """
    groups = []
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            groups += [int(child) for child in tasks.read_text().split()]
    return groups


def _write(child: _Child) -> None:
    """Write the messages for a worker until None comes."""
    with contextlib.suppress(OSError):
        while (data := child.outgoing.get()) is not None:
            write_frame(child.channel, data)
