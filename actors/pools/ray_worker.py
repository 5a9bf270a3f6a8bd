"""A worker of a pool on Ray: an actor, which a gateway asks for messages and gives some. It does not import Ray.

gateway --deliver(parts)--> RayWorker --> Worker --> the runners of a daemon
        <---poll() = parts--'
"""

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from stretto.actors.journal import read_key_file
from stretto.actors.pools.call_log import forward_logs
from stretto.actors.pools.messages import InvalidMessage
from stretto.actors.pools.parts import MAX_PART_BYTES, Incoming, Outgoing, line_from, line_to
from stretto.actors.pools.serving import Worker
from stretto.actors.pools.worker_code import WorkerCode
from stretto.metrics import configure_logging, get_logger

LAST_WORDS_SECONDS: Final = 2.0
"""A worker that has stopped lives so much longer, so that its last messages are asked for."""

_log = get_logger(__name__)


class RayWorker:
    """Runs calls in the process of a Ray actor, one a process.

    Args:
        name: The worker's name.
        slots: How many calls it runs at a time.
        code: Its actions, as they are on this node.
        key_file: The file with the pool's key on this node, or None.
        labels: What it says of itself.
    """

    def __init__(
        self, name: str, slots: int, code: WorkerCode, key_file: str | None, labels: Mapping[str, str]
    ) -> None:
        configure_logging("WARNING")
        registry = code.load()
        keys = None if key_file is None else read_key_file(key_file)
        self._incoming = Incoming(line_to(name), keys)
        self._outgoing = Outgoing(line_from(name), keys)
        self._parts: deque[bytes] = deque()
        self._ready: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._lock = threading.Lock()
        self._inbox = ThreadPoolExecutor(1, thread_name_prefix="stretto-pool-inbox")
        self._worker = Worker(registry, self._send, name=name, process=os.getpid(), slots=slots, labels=labels)
        forward_logs(self._worker.logged)
        if keys is not None:
            _write_nowhere()
        self._worker.join()
        threading.Thread(target=self._end, name="stretto-pool-end", daemon=True).start()

    async def deliver(self, parts: Sequence[bytes]) -> None:
        """Take parts of messages. Returns when they have been taken, so that the next ones come behind them."""
        await asyncio.get_running_loop().run_in_executor(self._inbox, self._take, parts)

    async def poll(self) -> list[bytes]:
        """Return the next parts, as soon as there are any. An empty list means that the worker has stopped."""
        if self._ready is None:
            self._ready = asyncio.get_running_loop(), asyncio.Event()
        event = self._ready[1]
        while True:
            event.clear()
            parts = self._next()
            if parts or self._worker.has_stopped:
                return parts
            await event.wait()

    async def stop(self) -> None:
        """Stop the calls and the commands of the worker."""
        await asyncio.get_running_loop().run_in_executor(None, self._worker.stop)

    def _take(self, parts: Sequence[bytes]) -> None:
        for part in parts:
            self._worker.heard()
            try:
                data = self._incoming.add(part)
                if data is not None:
                    self._worker.receive(data)
            except (InvalidMessage, ValueError) as error:
                _log.error("pool_message_invalid", reason=str(error))
                self._worker.stop()
                return

    def _next(self) -> list[bytes]:
        parts: list[bytes] = []
        size = 0
        with self._lock:
            while self._parts and (not parts or size + len(self._parts[0]) <= MAX_PART_BYTES):
                part = self._parts.popleft()
                size += len(part)
                parts.append(part)
        return parts

    def _send(self, data: bytes) -> None:
        with self._lock:
            self._parts.extend(self._outgoing.parts(data))
        self._wake()

    def _wake(self) -> None:
        if self._ready is not None:
            loop, event = self._ready
            with contextlib.suppress(RuntimeError):  # the loop is closed, because the process ends
                loop.call_soon_threadsafe(event.set)

    def _end(self) -> None:
        """End the process behind the worker."""
        self._worker.wait()
        self._worker.stop()
        self._wake()
        time.sleep(LAST_WORDS_SECONDS)
        os._exit(0)


def _write_nowhere() -> None:
    """Drop what this process writes outside of its calls: Ray keeps that in files, and it may have secrets of runs.

    The runners capture what calls print. Threads that an action starts and commands that inherit its streams are none.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
