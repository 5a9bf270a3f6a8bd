"""An action that notes what it does, and that a test can hold up, to look into the middle of a fan-out."""

import threading
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from stretto.actors import ActionFailed, action
from tests.support.waiting import PATIENCE


class Ledger:
    """What was done, and what is held up until the gate opens."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.held: Collection[Any] = ()
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()


LEDGER = Ledger()


@pytest.fixture(autouse=True)
def ledger() -> Iterator[Ledger]:
    """Give what the action holds on to, as it is before it does anything."""
    LEDGER.__init__()  # type: ignore[misc]  # it holds on to this one
    yield LEDGER
    LEDGER.gate.set()


@action("held.work")
def work(value: Any, fails: bool = False) -> Any:
    """Note a value; wait at the gate if it is to be held."""
    LEDGER.done.append(value)
    if value in LEDGER.held:
        LEDGER.begun.release()
        LEDGER.gate.wait(PATIENCE)
    if fails:
        raise ActionFailed(f"{value} is bad")
    return value
