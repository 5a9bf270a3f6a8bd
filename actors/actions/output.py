"""Live output of the process behind a running call, readable from any thread without blocking the writer.

runner --one slot a call--> output_slot <--Child registers itself-- the action's code
Running.output() --> the slot --> the newest output of both pipes
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Final, Protocol

import msgspec

WINDOW_BYTES: Final = 65_536
"""How many of the newest bytes of each pipe stay readable while the process writes."""


class OutputSoFar(msgspec.Struct, frozen=True):
    """The newest standard output and standard error, at most `WINDOW_BYTES` of each.

    Nothing is masked here.

    Attributes:
        stdout: The end of standard output.
        stderr: The end of standard error.
        stdout_truncated: Whether earlier standard output was dropped.
        stderr_truncated: Whether earlier standard error was dropped.
    """

    stdout: str
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool

    @property
    def truncated(self) -> bool:
        """Whether earlier output of either pipe was dropped."""
        return self.stdout_truncated or self.stderr_truncated


class OutputWatchers:
    """Functions that are called once each, at the next output. Any thread may add one."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque()

    def add(self, watcher: Callable[[], object]) -> None:
        """Add a function, which must return at once and raise nothing."""
        self._waiting.append(watcher)

    def call(self) -> None:
        """Call all functions, on the thread that has written."""
        with suppress(IndexError):  # another thread has taken the last one
            while self._waiting:
                self._waiting.popleft()()


class OutputSource(Protocol):
    """A writer whose output any thread can read while it writes."""

    def so_far(self) -> OutputSoFar:
        """Return the newest output."""


class OutputSlot:
    """Holds the process of a call. If a call starts several processes, it holds the last one."""

    __slots__ = ("source", "watchers")

    def __init__(self) -> None:
        self.source: OutputSource | None = None
        self.watchers: OutputWatchers | None = None
        """Made when someone watches, which is seldom."""

    def watch(self, watcher: Callable[[], object]) -> None:
        """Call a function once, at the next output of a process, whenever that starts."""
        if self.watchers is None:
            self.watchers = OutputWatchers()
        self.watchers.add(watcher)

    def changed(self) -> None:
        """Call those who watch: there is more output."""
        if self.watchers is not None:
            self.watchers.call()

    def so_far(self) -> OutputSoFar | None:
        """Return the newest output, or None if the call has not started a process."""
        source = self.source
        return None if source is None else source.so_far()


output_slot: ContextVar[OutputSlot | None] = ContextVar("stretto_output_slot", default=None)
"""The slot of the current call, or None if no runner made one."""
