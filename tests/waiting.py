"""What the tests of actors share: an engine, and waiting for what actors are told."""

import queue
from typing import Any

import pykka

PATIENCE = 30
"""Seconds after which a test gives up waiting; nothing is ever waited for that long unless it is broken."""


class Inbox(pykka.ThreadingActor):
    """Puts what it is told where a test can wait for it."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def on_receive(self, message: Any) -> None:
        self.told.put(message)


def messages_of(inbox: "pykka.ActorRef[Inbox]") -> "queue.SimpleQueue[Any]":
    """Return the queue that an inbox puts its messages into."""
    told: queue.SimpleQueue[Any] = inbox.proxy().told.get()
    return told
