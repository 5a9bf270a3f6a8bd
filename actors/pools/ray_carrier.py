"""The carrier `ray`: the workers are actors on a Ray cluster, which this process knows through a gateway alone.

pool --send--> RayCarrier --parts, a socket--> gateway (child process, imports Ray) --> RayWorker, an actor on a node

Ray ends the process that has connected to it when the cluster's head is gone for a minute. So the gateway is a child,
which is started again, and the workers of an ended one are lost.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from stretto.actors.journal import Keyring
from stretto.actors.pools.carrier import CarrierEvents
from stretto.actors.pools.children import END_SECONDS, Child, keep_running
from stretto.actors.pools.messages import InvalidMessage
from stretto.actors.pools.parts import Incoming, Outgoing, line_from, line_to
from stretto.actors.pools.ray_pipe import (
    Alive,
    Connected,
    Deliver,
    Discard,
    Gone,
    Received,
    Started,
    ToDaemon,
    Trouble,
    decode_to_daemon,
    encode_pipe,
)
from stretto.actors.pools.worker_code import WorkerCode
from stretto.metrics import get_logger

CONNECT_SECONDS: Final = 60.0
"""A gateway that has not connected in this time is ended, and another one is started."""
SILENT_SECONDS: Final = 90.0
"""One that has connected and says nothing for so long is ended, too. Ray itself ends one without a head after 60 s."""
MIN_WAIT_SECONDS: Final = 0.1
"""The time between two looks at a gateway that is late."""
_CODE: Final = (
    "import json, os, sys; given = json.loads(sys.argv[1]); sys.path[:] = given.pop('path'); "
    "os.environ.setdefault('RAY_BACKEND_LOG_LEVEL', 'error'); "
    "from stretto.actors.pools.ray_gateway import serve; serve(**given)"
)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RayPlace:
    """The cluster, and the resources of one worker on it.

    Attributes:
        address: The address of the cluster's head, as HOST:PORT.
        cpus: The CPUs that Ray reserves for a worker.
        gpus: The GPUs.
        memory: The bytes of memory that Ray reserves, or 0.
        labels: The labels that a node must have.
        key_file: The file of the pool's key on each worker, or None.
    """

    address: str
    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    key_file: str | None = None


class _Line:
    """The line to a worker, and the one from it."""

    def __init__(self, worker: str, keys: Keyring | None) -> None:
        self.outgoing = Outgoing(line_to(worker), keys)
        self.incoming = Incoming(line_from(worker), keys)


class _Watch:
    """Ends a gateway that says nothing for too long, on a thread of its own.

    Args:
        child: The gateway.
        seconds: How long it may be silent.
    """

    def __init__(self, child: Child, seconds: float) -> None:
        self._seconds = seconds
        self._child = child
        self._heard_at = time.monotonic()
        self._stopped = threading.Event()
        self._has_ended_it = False
        self._thread = threading.Thread(target=self._watch, name=f"stretto-watch-{child.name}", daemon=True)
        self._thread.start()

    def heard(self) -> None:
        """Take note that it has said something."""
        self._heard_at = time.monotonic()

    def stop(self) -> bool:
        """End the watch, and return whether it has ended the gateway."""
        self._stopped.set()
        self._thread.join()
        return self._has_ended_it

    def _watch(self) -> None:
        while not self._stopped.wait(max(self._heard_at + self._seconds - time.monotonic(), MIN_WAIT_SECONDS)):
            # Its messages wait to be read if this process has been stopped itself: the next look counts.
            silent = time.monotonic() - self._heard_at
            if silent >= self._seconds + MIN_WAIT_SECONDS:
                self._has_ended_it = True
                self._child.kill()
                return


class RayCarrier:
    """Has a number of workers run on a Ray cluster.

    Args:
        pool: The pool's name, which the workers' names begin with.
        place: The cluster, and the resources of a worker.
        workers: How many workers there are.
        slots: How many calls each runs at a time.
        code: The actions that they can run, as they are on the workers' nodes.
        keys: Encrypts what travels over Ray, or None. The workers read the same keys from their own file.
    """

    def __init__(  # noqa: PLR0913 - what a carrier is made of
        self, pool: str, place: RayPlace, *, workers: int, slots: int, code: WorkerCode, keys: Keyring | None
    ) -> None:
        self._pool = pool
        self._place = place
        self._workers = workers
        self._slots = slots
        self._code = code
        self._keys = keys
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._lines: dict[str, _Line] = {}
        self._first = 1
        self._trouble: str | None = "it connects to Ray"
        self._stopped = threading.Event()
        self._events: CarrierEvents | None = None
        self._thread = threading.Thread(target=self._keep, name=f"stretto-pool-{pool}-ray", daemon=True)

    @property
    def expected(self) -> int:
        """How many workers there should be."""
        return self._workers

    @property
    def keeps_secrets(self) -> bool:
        """Whether it has a key: Ray stores large messages, and may write them to disks."""
        return self._keys is not None

    @property
    def trouble(self) -> str | None:
        """Why no worker can start, or None."""
        return self._trouble

    @property
    def gateway(self) -> int | None:
        """The process id of the gateway."""
        child = self._child
        return None if child is None else child.process.pid

    def start(self, events: CarrierEvents) -> None:
        """Start the gateway."""
        self._events = events
        self._thread.start()

    def send(self, worker: str, data: bytes) -> None:
        """Send a message to a worker."""
        with self._lock:
            child, line = self._child, self._lines.get(worker)
        if child is not None and line is not None:
            for part in line.outgoing.parts(data):
                child.outgoing.put(encode_pipe(Deliver(worker, part)))

    def discard(self, worker: str) -> None:
        """End a worker."""
        with self._lock:
            child, line = self._child, self._lines.pop(worker, None)
        if child is not None and line is not None:
            self._trouble = self._trouble or f"the last worker at {self._place.address} does not answer"
            child.outgoing.put(encode_pipe(Discard(worker)))

    def stop(self) -> None:
        """End the gateway with its workers, and join the thread. Idempotent."""
        self._stopped.set()
        with self._lock:
            child = self._child
        if child is not None:
            child.part()
            child.end_by(time.monotonic() + END_SECONDS)
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)

    # ---- the carrier's thread

    def _keep(self) -> None:
        keep_running(self._stopped, self._serve)

    def _serve(self) -> float:
        """Start a gateway, and take what it sends until it ends. Return for how many seconds it was connected."""
        given = {
            "place": {**asdict(self._place), "labels": dict(self._place.labels)}, "pool": self._pool,
            "workers": self._workers, "slots": self._slots, "first": self._first, **self._code.as_json(),
        }  # fmt: skip
        try:
            child = Child(f"{self._pool}-gateway", _CODE, given)
        except OSError as error:
            self._trouble = f"the gateway to Ray cannot start: {error}"
            _log.error("pool_gateway_not_started", pool=self._pool, reason=str(error))
            return 0.0
        with self._lock:
            self._child = child
        if self._stopped.is_set():
            child.kill()
        reason = ""
        watch = _Watch(child, CONNECT_SECONDS)
        connected: float | None = None
        try:
            for data in child.messages(lambda: None):
                message = decode_to_daemon(data)
                watch.heard()
                if isinstance(message, Connected):
                    watch.stop()
                    watch = _Watch(child, SILENT_SECONDS)
                    connected = time.monotonic()
                    self._trouble = f"Ray at {self._place.address} has not started a worker yet"
                    _log.info("pool_gateway_connected", pool=self._pool, nodes=message.nodes)
                elif isinstance(message, Trouble):
                    reason = message.text
                elif not isinstance(message, Alive):
                    self._handle(message)
        except InvalidMessage as error:
            reason = f"the gateway to Ray has sent what is not a message: {error}"
        if watch.stop():
            address = self._place.address
            reason = (
                f"Ray at {address} does not answer, or its token is another one"
                if connected is None
                else f"the gateway to Ray at {address} did not answer, and is started again"
            )
        self._ended(child.process.wait(), reason)
        return 0.0 if connected is None else time.monotonic() - connected

    def _ended(self, code: int, reason: str) -> None:
        address = self._place.address
        self._trouble = (
            reason or f"the gateway to Ray at {address} has ended with exit code {code}, and is started again"
        )
        with self._lock:
            self._child = None
            lost, self._lines = list(self._lines), {}
        for worker in lost:
            self._close(worker, "gateway")
        if not self._stopped.is_set():
            _log.warning("pool_gateway_ended", pool=self._pool, exit_code=code, reason=reason)

    def _handle(self, message: ToDaemon) -> None:
        events = self._events
        if events is None:
            return
        if isinstance(message, Gone):
            if message.text:
                self._trouble = f"the last worker at {self._place.address} has ended: {message.text}"
            with self._lock:
                known = self._lines.pop(message.worker, None)
            if known is not None:
                self._close(message.worker, "closed")
            if message.text:
                _log.warning("pool_worker_ended", pool=self._pool, worker=message.worker, reason=message.text)
        elif isinstance(message, Started):
            self._expect(message.worker)
        elif isinstance(message, Received):
            self._receive(message, events)

    def _receive(self, message: Received, events: CarrierEvents) -> None:
        with self._lock:
            line = self._lines.get(message.worker)
        if line is None:
            return  # the pool has lost the worker
        try:
            data = line.incoming.add(message.part)
        except InvalidMessage as error:
            self._trouble = f"the last worker at {self._place.address} has sent what is not a message: {error}"
            _log.error("pool_worker_invalid", pool=self._pool, worker=message.worker, reason=str(error))
            events.closed(message.worker, "garbage")
            return
        self._trouble = None
        if data is None:
            events.heard(message.worker)
        else:
            events.received(message.worker, data)

    def _expect(self, worker: str) -> None:
        """Make the lines of a worker that the gateway starts."""
        number = worker.rpartition("-")[2]
        with self._lock:
            if len(self._lines) >= self._workers or not number.isdecimal() or worker in self._lines:
                raise InvalidMessage(f"there are {self._workers:,} workers, and it starts {worker!r}")
            self._first = max(self._first, int(number) + 1)
            self._lines[worker] = _Line(worker, self._keys)

    def _close(self, worker: str, reason: str) -> None:
        if self._events is not None:
            self._events.closed(worker, reason)
