"""A bound on the work of a test: CPU time, which a busy machine does not take away."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Fail if the `with` block takes more CPU time of this process."""

    def fail(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"it has taken {seconds:g} s of CPU time, and goes on")

    before = signal.signal(signal.SIGPROF, fail)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
