"""The carrier `processes`: the workers are child processes on this machine, each with a socket of its own."""

import threading
import time
from functools import partial
from itertools import count
from typing import Final

from stretto.actors.pools.carrier import CarrierEvents
from stretto.actors.pools.children import END_SECONDS, Child, keep_running
from stretto.actors.pools.messages import InvalidMessage
from stretto.actors.pools.worker_code import WorkerCode
from stretto.metrics import get_logger

_CODE: Final = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given.pop('path'); "
    "from stretto.actors.pools.process_worker import work; work(**given)"
)
"""Nothing of the worker's own is imported before its path is set: the code is text, and its arguments are data."""

_log = get_logger(__name__)


class ProcessCarrier:
    """Runs a fixed number of worker processes.

    Args:
        pool: The pool's name, which the workers' names begin with.
        workers: How many processes there are.
        slots: How many calls each runs at a time.
        code: The actions that they can run.
    """

    def __init__(self, pool: str, *, workers: int, slots: int, code: WorkerCode) -> None:
        self._pool = pool
        self._workers = workers
        self._slots = slots
        self._code = code
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._children: dict[str, Child] = {}
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self._events: CarrierEvents | None = None

    @property
    def expected(self) -> int:
        """How many workers there should be."""
        return self._workers

    @property
    def keeps_secrets(self) -> bool:
        """Return True: it carries messages on this machine only, and stores none."""
        return True

    @property
    def trouble(self) -> str | None:
        """Return None: a worker that cannot start says so in the log."""
        return None

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
            child.end_by(until)
        for thread in self._threads:
            thread.join(END_SECONDS)

    def _keep_one(self) -> None:
        """Keep one worker running until the carrier stops."""
        keep_running(self._stopped, self._serve_one)

    def _serve_one(self) -> float:
        """Start a worker, and take what it sends until it ends. Return how many seconds it has lived."""
        name = f"{self._pool}-{next(self._numbers)}"
        try:
            child = Child(name, _CODE, {"name": name, "slots": self._slots, **self._code.as_json()})
        except OSError as error:
            _log.error("pool_worker_not_started", pool=self._pool, worker=name, reason=str(error))
            return 0.0
        with self._lock:
            self._children[name] = child
        if self._stopped.is_set():
            child.kill()
        reason, events = "closed", self._events
        if events is None:
            return 0.0
        try:
            for data in child.messages(partial(events.heard, name)):
                events.received(name, data)
        except InvalidMessage:
            reason = "garbage"
        with self._lock:
            del self._children[name]
        code = child.process.wait()
        events.closed(name, reason)
        if not self._stopped.is_set():
            _log.warning("pool_worker_ended", pool=self._pool, worker=name, exit_code=code, reason=reason)
        return time.monotonic() - child.started
