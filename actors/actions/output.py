"""Live output of the process behind a running call, readable from any thread without blocking the writer.

runner --one slot a call--> output_slot <--Child registers itself-- the action's code
Running.output() --> the slot --> the newest output of both pipes
"""

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


class OutputSource(Protocol):
    """A writer whose output any thread can read while it writes."""

    def so_far(self) -> OutputSoFar:
        """Return the newest output."""


class OutputSlot:
    """Holds the process of a call. If a call starts several processes, it holds the last one."""

    __slots__ = ("source",)

    def __init__(self) -> None:
        self.source: OutputSource | None = None

    def so_far(self) -> OutputSoFar | None:
        """Return the newest output, or None if the call has not started a process."""
        source = self.source
        return None if source is None else source.so_far()


output_slot: ContextVar[OutputSlot | None] = ContextVar("stretto_output_slot", default=None)
"""The slot of the current call, or None if no runner made one."""
