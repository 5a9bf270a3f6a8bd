"""What the tests of actors share: waiting for what actors are told, and for what processes tell."""

import io
import json
import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pykka
import pytest

PATIENCE = 180
"""Seconds after which a test gives up waiting; nothing is ever waited for that long unless it is broken."""


class Inbox(pykka.ThreadingActor):
    """Puts what it is told where a test can wait for it."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def on_receive(self, message: Any) -> None:
        self.told.put(message)


NewInbox: TypeAlias = Callable[[], "pykka.ActorRef[Inbox]"]


@pytest.fixture
def new_inbox() -> Iterator[NewInbox]:
    """Return what starts an actor that keeps its messages."""
    started: list[pykka.ActorRef[Inbox]] = []

    def start() -> "pykka.ActorRef[Inbox]":
        started.append(Inbox.start())
        return started[-1]

    yield start
    for each in started:
        each.stop()


def messages_of(inbox: "pykka.ActorRef[Inbox]") -> "queue.SimpleQueue[Any]":
    """Return the queue that an inbox puts its messages into."""
    told: queue.SimpleQueue[Any] = inbox.proxy().told.get()
    return told


def drain(*semaphores: threading.Semaphore) -> None:
    """Take back all that was released and that nobody has taken."""
    for semaphore in semaphores:
        while semaphore.acquire(blocking=False):
            pass


class Lines(io.StringIO):
    """Log lines, one by one as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def write(self, text: str) -> int:
        for line in text.splitlines():
            self.told.put(json.loads(line))
        return len(text)

    def wait_for(self, name: str) -> dict[str, Any]:
        """Wait for an event of that name."""
        while (line := self.told.get(timeout=PATIENCE))["event"] != name:
            pass
        return line


class Fifo:
    """What a command writes to it, read line by line: how a test knows what has happened; or what lets it go on."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        # For both directions, so that no open and no read ends because a writer went.
        self.file = os.fdopen(os.open(path, os.O_RDWR), "r+b", buffering=0)

    def line(self) -> str:
        """Wait for a line and return it."""
        return self.file.readline().decode().strip()

    def give(self, line: str) -> None:
        """Give a line to whoever reads from it."""
        self.file.write(f"{line}\n".encode())
