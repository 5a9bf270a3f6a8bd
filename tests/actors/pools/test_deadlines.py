"""Deadlines: functions are called in the order in which they are due."""

import threading
from collections.abc import Iterator
from functools import partial
from queue import SimpleQueue

import pytest

from stretto.actors.pools.deadlines import MAX_FORGOTTEN, Deadlines
from tests.support.waiting import PATIENCE


@pytest.fixture
def deadlines() -> Iterator[Deadlines]:
    deadlines = Deadlines()
    yield deadlines
    deadlines.stop()


def test_the_earliest_is_called_first_and_on_one_thread(deadlines: Deadlines) -> None:
    """A later one that was added before does not hold it up."""
    called: SimpleQueue[tuple[str, str]] = SimpleQueue()

    def call(name: str) -> None:
        called.put((name, threading.current_thread().name))

    deadlines.add(3_600, partial(call, "never"))
    deadlines.add(0.02, partial(call, "second"))
    deadlines.add(0.0, partial(call, "first"))
    found = [called.get(timeout=PATIENCE) for _ in range(2)]
    assert found == [("first", "stretto-pool-deadlines"), ("second", "stretto-pool-deadlines")]


def test_forgotten_functions_take_no_room(deadlines: Deadlines) -> None:
    """A worker has thousands of quick calls with a long timeout."""
    kept = deadlines.add(3_600, lambda: None)
    for _ in range(10 * MAX_FORGOTTEN):
        deadlines.forget(deadlines.add(3_600, lambda: pytest.fail("it was forgotten")))
    assert len(deadlines._waiting) <= MAX_FORGOTTEN + 3
    assert list(deadlines._functions) == [kept]


def test_nothing_is_called_after_the_stop() -> None:
    """Its thread ends."""
    deadlines = Deadlines()
    deadlines.stop()
    deadlines.add(0.0, lambda: pytest.fail("it was stopped"))
    assert deadlines._thread is None
