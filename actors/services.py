"""What the actors of one engine share: started before the first of them, stopped after the last."""

import contextlib
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pykka

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Dispatcher
from stretto.actors.messages import ForgetReminder, RemindAt
from stretto.actors.runners import Runners
from stretto.metrics import Instruments


@dataclass(slots=True)
class Services:
    """References that an engine's actors are given at birth.

    `check_digests`: have each item make sure that its action left its input alone, whatever way it took.
    `context_bytes` is kept by each run for itself.
    """

    dispatcher: Dispatcher
    clock: pykka.ActorRef[Any]
    clock_thread: threading.Thread
    runners: Runners
    actions: ActionRegistry
    instruments: Instruments
    check_digests: bool = False
    _engine: pykka.ActorRef[Any] | None = None
    context_bytes: dict[str, int] = field(default_factory=dict)
    _next_key: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    @property
    def engine(self) -> pykka.ActorRef[Any]:
        """The engine's actor, which is born after what it is given here."""
        if self._engine is None:
            raise RuntimeError("the engine's actor has not been made yet")
        return self._engine

    @engine.setter
    def engine(self, engine: pykka.ActorRef[Any]) -> None:
        self._engine = engine

    def remind(self, at: float, to: pykka.ActorRef[Any], message: Any) -> int:
        """Have the clock tell `message` to `to` at `at` on the monotonic clock; return the key for `forget`."""
        key = self._next_key()
        with contextlib.suppress(pykka.ActorDeadError):  # the clock has stopped: so does everything else
            self.clock.tell(RemindAt(key, at, to, message))
        return key

    def forget(self, key: int) -> None:
        """Have the clock forget a reminder."""
        with contextlib.suppress(pykka.ActorDeadError):  # as above
            self.clock.tell(ForgetReminder(key))
