"""Fixtures that several folders use."""

import signal

from engines import bench, start_bench
from restoring import restored_logging

__all__ = ["bench", "restored_logging", "start_bench"]


def pytest_configure() -> None:
    """Have programs that tests start take Ctrl-C, as a terminal's do: one that a shell has put in the background
    ignores it, and so does all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
