"""The length of an actor's turn. What else an actor does is in `test_dispatcher.py`."""

import threading
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from stretto.actors.dispatch import DispatchedActor, Dispatcher, actor
from stretto.actors.dispatch import dispatcher as dispatcher_module
from tests.support.waiting import PATIENCE


class SlowHandler(DispatchedActor):
    """Handles messages that take so many seconds of a clock that it winds on, and counts those of each turn."""

    registered: ClassVar[bool] = False
    now = 0.0

    def __init__(self, turns: list[int]) -> None:
        super().__init__()
        self._turns = turns
        self._handled = 0

    def on_receive(self, message: Any) -> None:
        self._handled += 1
        if callable(message):
            message()
        else:
            SlowHandler.now += message

    def on_turn_end(self) -> None:
        self._turns.append(self._handled)
        self._handled = 0


@pytest.mark.parametrize(("seconds", "turns"), [(0.001, [20]), (0.02, [4, 3, 3, 3, 3, 3, 1]), (3.0, [2] + [1] * 18)])
def test_a_turn_that_takes_long_ends_early(monkeypatch: pytest.MonkeyPatch, seconds: float, turns: list[int]) -> None:
    """After the time that one turn may take, the others wait for the next: no turn has two messages that take long."""
    monkeypatch.setattr(SlowHandler, "now", 0.0)
    monkeypatch.setattr(actor, "monotonic", lambda: SlowHandler.now)
    monkeypatch.setattr(dispatcher_module, "time", SimpleNamespace(monotonic=lambda: SlowHandler.now))
    dispatcher, found, gate = Dispatcher(), list[int](), threading.Event()
    ref = SlowHandler.start_on(dispatcher, found)
    ref.tell(lambda: gate.wait(PATIENCE))
    for _ in range(19):
        ref.tell(seconds)
    stopped = ref.stop(block=False)
    gate.set()
    stopped.get(timeout=PATIENCE)
    dispatcher.stop()
    assert found == turns
