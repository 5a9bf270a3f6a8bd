"""Messages of a journal to its engine, which is made after the journal."""

import contextlib
from collections.abc import Callable
from typing import Any

import pykka


class EngineMessages:
    """Sends messages to the engine, and keeps those that come before it is made. For the journal's thread.

    Args:
        engine: Returns the engine's actor, or None if it has not been made yet.
    """

    def __init__(self, engine: Callable[[], pykka.ActorRef[Any] | None]) -> None:
        self._engine = engine
        self._kept: list[Any] = []

    def send(self, message: Any) -> None:
        """Send a message, or keep it until `send_kept`."""
        engine = self._engine()
        if engine is None:
            self._kept.append(message)
            return
        with contextlib.suppress(pykka.ActorDeadError):  # the engine was stopped abruptly
            engine.tell(message)

    def send_kept(self) -> bool:
        """Send what was kept, as the engine is made; return whether there was anything."""
        kept, self._kept = self._kept, []
        for message in kept:
            self.send(message)
        return bool(kept)
