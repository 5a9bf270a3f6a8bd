"""A worker of a pool on Ray: an actor that takes messages from a gateway and sends some. It does not import Ray.

gateway --deliver(parts)----------> RayWorker --> Worker --> the runners of a daemon
        <--stream() yields parts--'

Its methods run on threads, each in a group of its own: a coroutine, or a call for each answer, would cost Ray twice the
processor time.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from stretto.actors.journal import read_key_file
from stretto.actors.pools.call_log import forward_logs
from stretto.actors.pools.parts import MAX_PART_BYTES, Incoming, Outgoing, line_from, line_to
from stretto.actors.pools.serving import Worker
from stretto.actors.pools.worker_code import WorkerCode
from stretto.metrics import configure_logging, get_logger

LAST_WORDS_SECONDS: Final = 2.0
"""A worker that has stopped lives so much longer, so that its last messages are asked for."""

STREAM_MESSAGES: Final = 1_000
"""A stream ends after so many, and the gateway asks for the next one: Ray keeps a note of each until the end."""

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
        self._changed = threading.Condition()
        self._worker = Worker(registry, self._send, name=name, process=os.getpid(), slots=slots, labels=labels)
        forward_logs(self._worker.logged)
        if keys is not None:
            _write_nowhere()
        self._worker.join()
        threading.Thread(target=self._end, name="stretto-pool-end", daemon=True).start()

    def deliver(self, parts: Sequence[bytes]) -> None:
        """Take parts of messages. Ray calls it in the order of the calls, one after the other.

        A failure stops the worker: the gateway does not wait for an answer.
        """
        for part in parts:
            self._worker.heard()
            try:
                data = self._incoming.add(part)
                if data is not None:
                    self._worker.receive(data)
            except Exception as error:  # noqa: BLE001 - a worker that has not taken a message is of no use
                _log.error("pool_message_invalid", reason=str(error))
                self._worker.stop()
                return

    def stream(self) -> Iterator[list[bytes]]:
        """Yield parts as soon as there are any. A stream without any means that the worker has stopped."""
        for _ in range(STREAM_MESSAGES):
            parts = self._next()
            if not parts:
                return
            yield parts

    def stop(self) -> None:
        """Stop the calls and the commands of the worker."""
        self._worker.stop()

    def _next(self) -> list[bytes]:
        """Wait for parts, and return them, or an empty list if the worker has stopped."""
        parts: list[bytes] = []
        size = 0
        with self._changed:
            self._changed.wait_for(lambda: self._parts or self._worker.has_stopped)
            while self._parts and (not parts or size + len(self._parts[0]) <= MAX_PART_BYTES):
                part = self._parts.popleft()
                size += len(part)
                parts.append(part)
        return parts

    def _send(self, data: bytes) -> None:
        with self._changed:
            self._parts.extend(self._outgoing.parts(data))
            self._changed.notify()

    def _end(self) -> None:
        """End the process behind the worker."""
        self._worker.wait()
        self._worker.stop()
        with self._changed:
            self._changed.notify()
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
