"""A carrier of pools whose worker runs in the test's own process, so that a test can count what it does."""

import threading
from queue import SimpleQueue

from stretto.actors.actions import ActionRegistry
from stretto.actors.pools import CarrierEvents, Worker
from stretto.actors.pools.messages import ToWorker, decode_to_worker
from tests.support.waiting import PATIENCE


class InProcessCarrier:
    """Carries messages to one worker in this process.

    Args:
        actions: The actions of the worker.
        slots: How many calls it runs at a time.

    Attributes:
        sent: What the pool has sent.
    """

    expected = 1
    keeps_secrets = True
    trouble = None
    name = "in-process"

    def __init__(self, actions: ActionRegistry, slots: int) -> None:
        self._actions = actions
        self._slots = slots
        self.sent: list[ToWorker] = []
        self._inbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._worker: Worker | None = None
        self._events: CarrierEvents | None = None

    def start(self, events: CarrierEvents) -> None:
        """Take reports. The worker joins later."""
        self._events = events

    def join(self) -> None:
        """Let the worker join."""
        events = self._events
        assert events is not None
        self._worker = Worker(
            self._actions, lambda data: events.received(self.name, data), name=self.name, process=1, slots=self._slots
        )
        self._thread.start()
        self._worker.join()

    def send(self, _worker: str, data: bytes) -> None:
        """Send a message to the worker."""
        self.sent.append(decode_to_worker(data))
        self._inbox.put(data)

    def discard(self, _worker: str) -> None:
        """Do nothing: the worker ends with the carrier."""

    def stop(self) -> None:
        """End the worker and the thread."""
        self._inbox.put(None)
        if self._worker is not None:
            self._thread.join()
            self._worker.stop()
            # A worker's process ends without waiting for them.
            for thread in (self._worker._beater, self._worker._flusher, self._worker._outputs._thread):
                if thread.ident is not None:
                    thread.join(PATIENCE)

    def _read(self) -> None:
        assert self._worker is not None
        for data in iter(self._inbox.get, None):
            self._worker.receive(data)
            self._received()

    def _received(self) -> None:
        """Take note that the worker has handled a message."""


class WorkerHere(InProcessCarrier):
    """Carries messages to a worker in this process, which joins at once."""

    def __init__(self, actions: ActionRegistry, slots: int) -> None:
        super().__init__(actions, slots)
        self._welcomed = threading.Event()

    def start(self, events: CarrierEvents) -> None:
        """Let the worker join."""
        super().start(events)
        self.join()

    def wait_for_welcome(self) -> None:
        """Return when the worker has all its threads."""
        assert self._welcomed.wait(PATIENCE)

    def _received(self) -> None:
        self._welcomed.set()
