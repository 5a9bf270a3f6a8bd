"""Waiting on the main thread: nothing that arrives is lost, and a signal wakes it at once."""

import os
import signal
import subprocess
import sys
import threading

import pykka
import pytest

from stretto.actors.cli.support.interrupts import arrivals, wait_for
from tests.support.waiting import PATIENCE


def test_things_arrive_in_their_order() -> None:
    """From another thread, more than the pipe holds: none is lost, none waits."""
    count = 100_000  # the pipe holds 65,536 bytes
    with arrivals() as arrived:

        def put_all() -> None:
            for number in range(count):
                arrived.put(number)

        putting = threading.Thread(target=put_all)
        putting.start()
        putting.join(PATIENCE)
        assert [arrived.get() for _ in range(count)] == list(range(count))


def test_what_arrives_after_the_end_is_dropped() -> None:
    """The pipe's numbers may be other files' by then."""
    with arrivals() as arrived:
        pass
    arrived.put(1)


def test_a_signal_between_the_look_and_the_wait_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The very race: nothing has arrived, and the signal comes just before the thread blocks."""
    earlier = signal.getsignal(signal.SIGUSR1)
    with arrivals() as arrived:
        pipe = arrived._pipe
        wait = pipe.wait

        def signalled_first() -> None:
            os.kill(os.getpid(), signal.SIGUSR1)
            wait()

        monkeypatch.setattr(pipe, "wait", signalled_first)
        signal.signal(signal.SIGUSR1, lambda _number, _frame: arrived.put_by_signal("signalled"))
        try:
            assert arrived.get() == "signalled"
        finally:
            signal.signal(signal.SIGUSR1, earlier)


def test_a_futures_value_and_error_are_given() -> None:
    """As its own `get` would."""
    good: pykka.Future[int] = pykka.ThreadingFuture()
    good.set(3)
    assert wait_for(good) == 3
    bad: pykka.Future[int] = pykka.ThreadingFuture()
    bad.set_exception((ValueError, ValueError("no"), None))
    with pytest.raises(ValueError, match="no"):
        wait_for(bad)


WAITING = """
import os, signal, sys, threading
from stretto.actors.cli.support.interrupts import arrivals
with arrivals() as arrived:
    signal.signal(signal.SIGINT, lambda *_: arrived.put_by_signal("interrupted"))
    print("waiting", flush=True)
    print(arrived.get(), flush=True)
"""


def test_a_process_that_waits_is_woken_by_a_signal_alone() -> None:
    """No frame, no thread: the signal itself ends the wait."""
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE)[0] == "interrupted\n"
