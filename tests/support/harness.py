"""What the end-to-end tests share: an engine that must leave nothing behind, an exact census of its actors, its scrape.

Nothing here sleeps or looks again and again: tests wait for futures, queues and the census, PATIENCE seconds at most.
"""

import asyncio
import contextlib
import json
import logging
import os
import queue
import select
import selectors
import socket
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pykka
from prometheus_client.parser import text_string_to_metric_families

from stretto.actors import Engine, Outcome, RunHandle, action
from stretto.actors.dispatch import Dispatcher
from tests.support.paths import EXAMPLES

PATIENCE = 180.0
ACTIONS = sorted(EXAMPLES.rglob("*_actions.py"))


class Census:
    """Which actors are alive, by class, at every moment.

    It stands in the two places where a dispatcher counts an actor in (before its first message) and out (when its
    mailbox closes), and counts under a lock: `peak` is the true maximum, no sample.
    """

    def __init__(self) -> None:
        self.peak: Counter[str] = Counter()
        self._alive: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Count all actors that start in the `with` block."""
        admit = Dispatcher.admit

        def counting(dispatcher: Dispatcher, class_name: str) -> Callable[[], int]:
            leave = admit(dispatcher, class_name)
            self._count(class_name, 1)

            def counting_leave() -> int:
                left = leave()
                self._count(class_name, -1)
                return left

            return counting_leave

        with mock.patch.object(Dispatcher, "admit", counting):
            yield

    def wait_until_gone(self, *class_names: str) -> None:
        """Return when no actor of these classes is alive."""
        with self._changed:
            gone = self._changed.wait_for(lambda: not any(self._alive[name] for name in class_names), PATIENCE)
        assert gone, f"still alive: {self._alive}"

    def _count(self, class_name: str, change: int) -> None:
        with self._changed:
            self._alive[class_name] += change
            self.peak[class_name] = max(self.peak[class_name], self._alive[class_name])
            self._changed.notify_all()


class Metrics:
    """What one scrape told."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = [each for family in text_string_to_metric_families(text) for each in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Return the one value of that name (without `stretto_`) that has these labels, and maybe others."""
        values = [
            each.value
            for each in self._samples
            if each.name == f"stretto_{name}" and labels.items() <= each.labels.items()
        ]
        assert len(values) == 1, f"{len(values)} values of {name} {labels}"
        return values[0]

    def by(self, name: str, *labels: str, **where: str) -> dict[Any, float]:
        """Return {label: value} (or {(label, label): value}) of all values of that name but zeros."""
        return {
            each.labels[labels[0]] if len(labels) == 1 else tuple(each.labels[label] for label in labels): each.value
            for each in self._samples
            if each.name == f"stretto_{name}" and each.value and where.items() <= each.labels.items()
        }


class Bed:
    """A running engine, its census and its scrape."""

    def __init__(self, engine: Any, census: Census) -> None:
        self.engine = engine
        self.census = census

    def submit(
        self, workflow: str | Path, inputs: dict[str, Any] | None = None, watcher: pykka.ActorRef[Any] | None = None
    ) -> RunHandle:
        """Submit a run and return its handle once it is accepted."""
        handle: RunHandle = self.engine.submit(str(workflow), inputs, watcher).get(timeout=PATIENCE)
        return handle

    def run(self, workflow: str | Path, inputs: dict[str, Any] | None = None) -> Outcome:
        """Run a workflow and return its outcome, when its actors are gone as well."""
        outcome = self.submit(workflow, inputs).outcome.get(timeout=PATIENCE)
        self.census.wait_until_gone("RunSupervisor", "ItemActor")
        return outcome

    def metrics(self) -> Metrics:
        """Scrape the engine over HTTP."""
        return scrape(self.engine.metrics_url.get(timeout=PATIENCE))


def scrape(url: str) -> Metrics:
    """Return what a real GET of that URL tells."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - an engine's own URL
        return Metrics(answer.read().decode())


class Failures(logging.Handler):
    """What actors that broke have logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(f"{record.getMessage()}: {record.exc_info[1] if record.exc_info else None!r}")

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to the log of all actors in the `with` block."""
        logger = logging.getLogger("stretto.actors")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)


@contextmanager
def running_engine(*, crashes: int = 0, **options: Any) -> Iterator[Bed]:
    """Run an engine; afterwards no thread and no actor may be left that was not there before.

    `crashes`: how many of its actors break on purpose; no other may.
    """
    threads, actors = set(threading.enumerate()), set(pykka.ActorRegistry.get_all())
    census, failures = Census(), Failures()
    with census.taken(), failures.heard():
        reference = Engine.start(metrics_port=0, **options)
        try:
            yield Bed(reference.proxy(), census)
        finally:
            if reference.is_alive():
                reference.proxy().stop(grace=0).get(timeout=PATIENCE)
    left_threads, left_actors = set(threading.enumerate()) - threads, set(pykka.ActorRegistry.get_all()) - actors
    assert not left_threads
    assert not left_actors
    census.wait_until_gone(*census.peak)
    assert len(failures.told) == crashes, failures.told


@contextmanager
def examples_engine(**options: Any) -> Iterator[Bed]:
    """Run an engine that knows the examples."""
    with running_engine(definitions=str(EXAMPLES), actions=list(map(str, ACTIONS)), **options) as bed:
        yield bed


class Inbox(pykka.ThreadingActor):
    """A watcher that puts what it is told where a test can wait for it."""

    use_daemon_thread = True

    def __init__(self, told: queue.SimpleQueue[Any]) -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: Any) -> None:
        self._told.put(message)


class Gate:
    """Where the action `gate.pass` waits, in whatever process, until the test lets it go.

    Args:
        path: The path of its socket.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.cancelled: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting: dict[int, socket.socket] = {}
        self._let_go: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.name)
        self._listener.listen(1024)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._end, self._ended = socket.socketpair()
        self._selector.register(self._ended, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def arrivals(self, count: int) -> set[int]:
        """Return the numbers of the next `count` that arrive."""
        return {self._arrived.get(timeout=PATIENCE) for _ in range(count)}

    @property
    def nobody_waits(self) -> bool:
        """Whether all that arrived have been told of by `arrivals`."""
        return self._arrived.empty()

    def let_go(self, *numbers: int) -> None:
        """Let these go on, also if they have not arrived yet."""
        with self._lock:
            self._let_go.update(numbers)
            for number in numbers:
                self._release(number)

    def close(self) -> None:
        """Let nobody in any more."""
        self._end.close()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()

    def _release(self, number: int) -> None:
        connection = self._waiting.get(number)
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._ended:
                    return
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is self._listener:
                    self._selector.register(self._listener.accept()[0], selectors.EVENT_READ)
                else:
                    self._heard(key.fileobj)

    def _heard(self, connection: socket.socket) -> None:
        data = connection.recv(64)
        with self._lock:
            if data:
                number = int(data)
                self._waiting[number] = connection
                self._arrived.put(number)
                if number in self._let_go:
                    self._release(number)
                return
            self._selector.unregister(connection)
            connection.close()
            for number in [each for each, its in self._waiting.items() if its is connection]:
                del self._waiting[number]
                if number not in self._let_go:
                    self.cancelled.put(number)


@action("gate.pass")
async def pass_gate(gate: str, number: int) -> int:
    """Wait at a gate, and return the number."""
    reader, writer = await asyncio.open_unix_connection(gate)
    try:
        writer.write(str(number).encode())
        await reader.read()
    finally:
        writer.close()
    return number


@contextmanager
def opened_gate(path: Path) -> Iterator[Gate]:
    """Make a gate, and close it again."""
    gate = Gate(path)
    try:
        yield gate
    finally:
        gate.close()


class Fifo:
    """A named pipe by which processes tell a test something, line by line."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        # Open for both: it never ends, and processes can open it at any time.
        self._descriptor = os.open(path, os.O_RDWR)
        self._received = b""

    def lines(self, count: int) -> list[str]:
        """Return the next `count` lines."""
        while self._received.count(b"\n") < count:
            ready, _, _ = select.select([self._descriptor], [], [], PATIENCE)
            assert ready, f"only {self._received!r} was told"
            self._received += os.read(self._descriptor, 65536)
        *lines, self._received = self._received.split(b"\n", count)
        return [line.decode() for line in lines]

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


@contextmanager
def fifo(path: Path) -> Iterator[Fifo]:
    """Make a named pipe and close it again."""
    pipe = Fifo(path)
    try:
        yield pipe
    finally:
        pipe.close()


@contextmanager
def watched(process: int) -> Iterator[Callable[[float], bool]]:
    """Give a function that waits so many seconds for a process's end, and tells whether it has come."""
    descriptor = os.pidfd_open(process)
    try:
        yield lambda seconds: bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def write_workflow(folder: Path, name: str, text: str) -> Path:
    """Write a definition, and return its path."""
    path = folder / f"{name}.yaml"
    path.write_text(f'version: "1.0.0"\n{text}', encoding="utf-8")
    return path


def write_log(path: Path, entries: int) -> tuple[Counter[str], list[str]]:
    """Write a log of JSON lines; return how often each level stands in it, and the messages of its errors."""
    levels = ("INFO", "DEBUG", "INFO", "WARNING", "ERROR", "INFO", "INFO")
    services = ("auth", "cart", "mail")
    chosen = [levels[number % len(levels)] for number in range(entries)]
    messages = [f"event {number} {{{{ not.a.template }}}}" for number in range(entries)]
    path.write_text(
        "".join(
            json.dumps({"level": level, "service": services[number % len(services)], "message": messages[number]})
            + "\n"
            for number, level in enumerate(chosen)
        ),
        encoding="utf-8",
    )
    return Counter(chosen), [message for message, level in zip(messages, chosen, strict=True) if level == "ERROR"]


def write_customers(path: Path, count: int) -> None:
    """Write a CSV file of customers for the API of the examples."""
    rows = "".join(f"{number},Customer {number},customer-{number}@example.org\n" for number in range(count))
    path.write_text(f"id,name,email\n{rows}", encoding="utf-8")
