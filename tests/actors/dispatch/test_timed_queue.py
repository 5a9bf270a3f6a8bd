"""A queue with one reader, whose waits end in time."""

import ast
import itertools
import threading
import time
from queue import Empty

import pytest

from stretto.actors.dispatch import TimedQueue, timed_queue
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE


def test_items_come_in_their_order() -> None:
    """Also those that are put while none is waited for."""
    queue: TimedQueue[int] = TimedQueue()
    for number in range(3):
        queue.put(number)
    assert len(queue) == 3
    assert [queue.get(timeout=0), queue.get(), queue.get(timeout=PATIENCE)] == [0, 1, 2]
    assert not queue


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 1e-9, 0.02])
def test_a_wait_ends_in_its_time(seconds: float) -> None:
    """Not before it, and again and again."""
    queue: TimedQueue[int] = TimedQueue()
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(Empty):
            queue.get(timeout=seconds)
        assert time.monotonic() >= began + seconds
        queue.put(1)
        assert queue.get(timeout=seconds) == 1


def test_a_time_that_passes_between_two_looks_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the time is negative then, which locks take for none: they wait for ever."""
    queue: TimedQueue[int] = TimedQueue()
    ticks = itertools.count(0.0, 0.75)
    monkeypatch.setattr(timed_queue, "monotonic", lambda: next(ticks))
    with pytest.raises(Empty):
        queue.get(timeout=1.0)
    assert next(ticks) == 3 * 0.75, "it has looked twice"


def test_an_item_ends_a_wait() -> None:
    """With a time, and without."""
    queue: TimedQueue[int] = TimedQueue()
    got: list[int] = []
    waiting = threading.Thread(target=lambda: got.extend((queue.get(), queue.get(timeout=PATIENCE))))
    waiting.start()
    queue.put(1)
    queue.put(2)
    waiting.join(PATIENCE)
    assert got == [1, 2]


def test_no_item_of_many_threads_is_lost() -> None:
    """Each thread's own stay in their order, while the reader waits for moments."""
    queue: TimedQueue[tuple[int, int]] = TimedQueue()
    threads, items = 4, 2_000

    def put_all(own: int) -> None:
        for number in range(items):
            queue.put((own, number))

    putting = [threading.Thread(target=put_all, args=(own,)) for own in range(threads)]
    for each in putting:
        each.start()
    got: list[tuple[int, int]] = []
    limit = time.monotonic() + PATIENCE
    while len(got) < threads * items and time.monotonic() < limit:
        try:
            got.append(queue.get(timeout=len(got) % 40 * 1e-6))
        except Empty:
            continue
    for each in putting:
        each.join()
    assert not queue
    for own in range(threads):
        assert [number for thread, number in got if thread == own] == list(range(items))


def test_no_other_queue_is_waited_for_with_a_time() -> None:
    """`queue.SimpleQueue` may wait for ever then."""
    found = []
    for package in ("actors", "definitions", "metrics"):
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "SimpleQueue(" not in text and "SimpleQueue[" not in text:
                continue
            found += [
                f"{path.relative_to(ROOT)}:{call.lineno}"
                for call in ast.walk(ast.parse(text))
                if isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "get"
                and any(each.arg == "timeout" for each in call.keywords)
            ]
    assert not found, "use a TimedQueue"
