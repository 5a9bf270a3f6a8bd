"""What the process of a running call has written so far: any thread may read it, and whoever writes waits for nobody.

runner --a slot for each call--> output_slot <--Child puts itself there-- the action's code
Running.output() --> the slot --> the newest of both pipes
"""

from contextvars import ContextVar
from typing import Final, Protocol

import msgspec

WINDOW_BYTES: Final = 65_536
"""Of what was written to each pipe, so many of the newest bytes can be read while it is written."""


class OutputSoFar(msgspec.Struct, frozen=True):
    """The newest of what was written to standard output and standard error, at most `WINDOW_BYTES` of each.

    `stdout_truncated`, `stderr_truncated`: more had been written before. Nothing is masked.
    """

    stdout: str
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool

    @property
    def truncated(self) -> bool:
        """Whether more had been written to either of the two."""
        return self.stdout_truncated or self.stderr_truncated


class OutputSource(Protocol):
    """Something that writes, and can be read from any thread meanwhile."""

    def so_far(self) -> OutputSoFar:
        """Return what it has written so far."""


class OutputSlot:
    """Where a call's process can be found; of several that a call starts, it is the last one."""

    __slots__ = ("source",)

    def __init__(self) -> None:
        self.source: OutputSource | None = None

    def so_far(self) -> OutputSoFar | None:
        """Return what the process has written so far; None while there has been none."""
        source = self.source
        return None if source is None else source.so_far()


output_slot: ContextVar[OutputSlot | None] = ContextVar("stretto_output_slot", default=None)
"""The slot of the call that runs here; None where nobody could read it."""
