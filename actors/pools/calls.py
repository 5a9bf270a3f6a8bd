"""A call in a pool: what its item sees of it, and where it is."""

import time
from collections.abc import Callable
from typing import Protocol

from stretto.actors.actions import WINDOW_BYTES, Action, OutputSoFar
from stretto.actors.pools.messages import CallOutput
from stretto.actors.pools.values import Split
from stretto.actors.runners import Began, Begun, Call, Done, PrintSlot, WorkerLog, replace_printed
from stretto.definitions.model import CoreActions, Resources


class Canceller(Protocol):
    """Cancels a call on the pool's thread."""

    def cancel(self, pooled: "PooledCall") -> bool:
        """Ask for the call's end. Return False if it has ended."""

    def withdraw(self, pooled: "PooledCall") -> None:
        """Ask for the call's end if no worker has got it."""


class PooledCall:
    """A call that waits in a pool or runs on one of its workers. The pool's thread alone changes it.

    Attributes:
        action: The action.
        call: The call.
        core: Whose core actions the definition calls.
        once: Whether it must not be sent twice (`delivery: at_most_once`).
        needs: What it needs of its worker for itself, or None.
        done: Receives the end.
        begun: Called when the code begins on a worker, or None.
        arrived: When it has come into the pool, on the monotonic clock.
        split: The input that is ready to travel.
        began: When the daemon heard of the begin, or None.
        printed: What the code has printed.
        sending: The number of the sending under way, or 0 while it waits.
        losses: How many workers were lost while the call's code ran there.
        cancelled: Whether its end was asked for. It is not sent again then.
        ended: Whether its end was reported.
    """

    __slots__ = (
        "_canceller", "_log", "_output", "action", "arrived", "began", "begun", "call", "cancelled", "core", "done",
        "ended", "losses", "needs", "once", "printed", "sending", "split",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - what a call consists of
        self,
        action: Action,
        call: Call,
        core: CoreActions,
        done: Done,
        begun: Begun | None,
        split: Split,
        canceller: Canceller,
        *,
        once: bool,
        needs: Resources | None = None,
    ) -> None:
        self.arrived = time.monotonic()
        self.action = action
        self.call = call
        self.core = core
        self.once = once
        self.needs = needs
        self.done = done
        self.begun = begun
        self.split = split
        self._canceller = canceller
        self._log: WorkerLog | None = None
        self._output: OutputSoFar | None = None
        self.began: Began | None = None
        self.printed = PrintSlot()
        self.sending = 0
        self.losses = 0
        self.cancelled = False
        self.ended = False

    def cancel(self) -> bool:
        """Cancel the call. `done` follows if this returns True."""
        return self._canceller.cancel(self)

    def withdraw(self) -> None:
        """Cancel the call if it waits in the pool. `done` follows then. One that a worker has got continues."""
        self._canceller.withdraw(self)

    def watch(self, watcher: Callable[[], object]) -> None:
        """Call a function once, at the next output."""
        self.printed.watch(watcher)

    def output(self) -> OutputSoFar | None:
        """Return the newest output of the call's process, as far as its worker has sent it."""
        return self._output

    def writes(self, output: CallOutput) -> None:
        """Take what the call has written so far, and tell those who watch."""
        self.begins()
        if output.printed is not None:
            self.prints(output.printed, output.cut)
            return
        out, err = output.stdout[-WINDOW_BYTES:], output.stderr[-WINDOW_BYTES:]
        self._output = OutputSoFar(out, err, output.stdout_truncated, output.stderr_truncated)
        self.printed.changed()

    def prints(self, text: str, cut: int) -> None:
        """Take all that the call's function has printed, and tell those who watch.

        Args:
            text: The newest text.
            cut: How many bytes before it were dropped.
        """
        replace_printed(self.printed, text, cut)

    def logs(self, level: int, logger: str, text: str) -> None:
        """Write a log record of the call to the daemon's log, which masks the run's secrets."""
        if self._log is None:
            self._log = WorkerLog(self.call.ids)
        self._log.record(level, logger, text)

    def begins(self) -> None:
        """Take note that a worker has begun with the code."""
        if self.began is None:
            self.began = Began(None, time.monotonic())
            if self.begun is not None:
                self.begun()
