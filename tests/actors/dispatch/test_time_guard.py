"""The time guard breaks off calls whose work takes too long, and nothing else."""

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from threading import get_ident
from typing import Any, NoReturn

import pytest

from stretto.actors.dispatch import Overran, TimeGuard, Unguarded
from tests.support.waiting import PATIENCE

SECONDS = 0.05
WORK: dict[int, Any] = {}
"""What each thread works on."""
BROKEN = 300
"""Calls of each thread that are broken off."""


def endless() -> NoReturn:
    """Work without an end."""
    WORK[get_ident()] = "endless"
    while True:
        pass


def endless_of(others: list[int]) -> NoReturn:
    """Call other work that ends at once, again and again."""
    while True:
        others[0] = quick(others[0])


def quick(number: int) -> int:
    """Work that is over at once."""
    WORK[get_ident()] = object()
    return number + 1


@pytest.fixture
def guard() -> Iterator[TimeGuard]:
    """Guard calls of `endless` and of `quick`."""
    made = TimeGuard(SECONDS, WORK.get)
    yield made
    made.stop()


def test_work_that_takes_too_long_is_broken_off(guard: TimeGuard) -> None:
    """Not before its limit. The error has the limit and the work."""
    began = time.monotonic()
    with pytest.raises(Overran, match=r"it still ran after 0\.05 s") as caught:
        guard.call(endless)
    assert time.monotonic() - began >= SECONDS
    assert caught.value.work == "endless"
    assert caught.value.seconds == SECONDS


def test_values_and_errors_pass_through(guard: TimeGuard) -> None:
    """Also after a call that was broken off."""
    with pytest.raises(Overran):
        guard.call(endless)
    assert guard.call(quick, 1) == 2
    with pytest.raises(ZeroDivisionError):
        guard.call(divmod, 1, 0)
    assert Unguarded().call(quick, 1) == 2


def test_many_short_pieces_of_work_are_not_one_long_one(guard: TimeGuard) -> None:
    """A call may take any time: only one piece of work in it may not."""
    began = time.monotonic()

    def many() -> int:
        number = 0
        while time.monotonic() - began < 4 * SECONDS:
            number = quick(number)
        return number

    assert guard.call(many) > 1


class Stubborn:
    """Has a finalizer that swallows the exception, as the interpreter does with every exception in one."""

    def __init__(self, swallowed: list[BaseException]) -> None:
        self._swallowed = swallowed

    def swallow(self) -> None:
        try:
            endless()
        except BaseException as error:  # noqa: BLE001 - this is what it is for
            self._swallowed.append(error)


def test_a_swallowed_exception_is_raised_again(guard: TimeGuard) -> None:
    """Until it has got through, however many handlers catch everything."""
    swallowed: list[BaseException] = []

    def swallowing() -> None:
        for _ in range(3):
            Stubborn(swallowed).swallow()
        endless()

    with pytest.raises(Overran):
        guard.call(swallowing)
    assert len(swallowed) == 3
    assert not any(isinstance(error, Exception) for error in swallowed)


def test_a_call_that_swallowed_the_exception_and_returned_is_broken_off_as_well(guard: TimeGuard) -> None:
    """Its state is unknown, whatever it returns."""
    with pytest.raises(Overran):
        guard.call(Stubborn([]).swallow)


def test_the_watcher_sleeps_while_no_call_is_in_progress(guard: TimeGuard) -> None:
    """It looks again only until a look finds no call since the one before. A call wakes it."""
    looks = threading.Semaphore(0)
    look = guard._look

    def counted() -> bool:
        again = look()
        looks.release()
        return again

    guard._look = counted  # type: ignore[method-assign]
    for _ in range(2):
        assert guard.call(quick, 1) == 2
        seen = 0
        while not guard._asleep:
            assert looks.acquire(timeout=PATIENCE)
            seen += 1
        assert seen <= 3
        while looks.acquire(blocking=False):
            pass
    assert not looks.acquire(timeout=5 * SECONDS)


def test_a_stopped_guard_breaks_nothing_off() -> None:
    """Its thread has ended, and calls go through."""
    guard = TimeGuard(SECONDS, WORK.get)
    assert guard.call(quick, 1) == 2
    guard.stop()
    assert guard.call(quick, 1) == 2
    assert "stretto-time-guard" not in {thread.name for thread in threading.enumerate()}
    guard.stop()


def test_work_that_waits_is_not_broken_off(guard: TimeGuard) -> None:
    """The time counts in which the thread has run: a suspended process, or a busy machine, breaks nothing off."""
    over = threading.Event()

    def waiting() -> str:
        WORK[get_ident()] = "waiting"
        return "over" if over.wait(6 * SECONDS) else "waited"

    assert guard.call(waiting) == "waited"


@pytest.fixture
def _switching_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    # A finalizer of an earlier test's garbage would run in a call, and swallow what breaks it off.
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    sys.setswitchinterval(interval)


def call_until_broken(guard: TimeGuard, count: list[int], failures: list[BaseException]) -> None:
    """Count the calls that return and those that are broken off, until there are enough of these."""
    try:
        while count[1] < BROKEN:
            try:
                assert guard.call(bounded, count[0] % 50) == count[0] % 50
                count[0] += 1
            except Overran:
                count[1] += 1
    except BaseException as error:  # noqa: BLE001 - it would be the exception that must not come here
        failures.append(error)


def break_everything_off(guard: TimeGuard, over: threading.Event) -> None:
    """Break off whatever is armed, at any instant."""
    while not over.is_set():
        with guard._lock:
            for thread in list(guard._threads.values()):
                thread.seen = thread.calls
                guard._break_off(thread, "anything")


@pytest.mark.usefixtures("_switching_often")
def test_nothing_leaves_a_call_at_any_instant() -> None:
    """Calls of several threads are broken off at every step of theirs, those of the guard itself included.

    Each returns its value or raises Overran, no exception arrives outside of one, and all threads go on.
    """
    guard = TimeGuard(PATIENCE, WORK.get)
    failures: list[BaseException] = []
    counts = [[0, 0] for _ in range(3)]
    over = threading.Event()
    threads = [threading.Thread(target=call_until_broken, args=(guard, count, failures)) for count in counts]
    breaking = threading.Thread(target=break_everything_off, args=(guard, over))
    for each in (*threads, breaking):
        each.start()
    for each in threads:
        each.join(PATIENCE)
    over.set()
    breaking.join(PATIENCE)
    guard.stop()
    assert not failures
    assert all(broken == BROKEN for _, broken in counts)


def bounded(turns: int) -> int:
    """Work for a while."""
    done = 0
    for _ in range(turns):
        done = quick(done)
    return done


PROFILED = """
import threading
from stretto.actors.dispatch import Overran, TimeGuard

def work():
    while True:
        pass

guard = TimeGuard(0.05, lambda thread: "endless")
try:
    guard.call(work)
except Overran:
    print("broken off")
threading.setprofile(lambda *_: None)
thread = threading.Thread(target=lambda: print("profiled"))
thread.start()
thread.join()
"""


def test_a_profiler_works_after_a_break() -> None:
    """If it were withdrawn, CPython 3.11 would go on to look for it, and a profiled thread would never begin."""
    command = [sys.executable, "-c", PROFILED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == ("broken off\nprofiled\n", "")
