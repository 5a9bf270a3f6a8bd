"""A call in a pool: what its item sees of it, and where it is."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from stretto.actors.actions import WINDOW_BYTES, Action, OutputSoFar
from stretto.actors.dispatch import Recipient
from stretto.actors.pools.ends import Caller
from stretto.actors.pools.messages import CallOutput
from stretto.actors.pools.values import Split
from stretto.actors.runners import Began, Begun, Call, PrintSlot, WorkerLog, replace_printed
from stretto.definitions.model import CoreActions, Resources

_making = threading.Lock()


class Canceller(Protocol):
    """Cancels a call on the pool's thread."""

    def cancel(self, pooled: "PooledCall") -> bool:
        """Ask for the call's end. Return True if its caller has it to come."""

    def withdraw(self, pooled: "PooledCall") -> None:
        """Ask for the call's end if no worker has got it."""


class Batch(msgspec.Struct, gc=False):
    """A batch at its worker.

    Attributes:
        worker: The worker's id.
        left: How many of its calls have not ended.
    """

    worker: str
    left: int


class PooledCall(msgspec.Struct, eq=False):
    """A call that waits in a pool or runs on one of its workers. The pool's thread alone changes it.

    Attributes:
        action: The action.
        call: The call.
        core: Whose core actions the definition calls.
        once: Whether it must not be sent twice (`delivery: at_most_once`).
        needs: What it needs of its worker for itself, or None.
        caller: Who has made the call, or None after its end: the caller keeps the call for what it has written, and if
            the call kept its caller, too, only the garbage collector would free the two.
        inbox: Gets the end, with those of other calls.
        begun: Called when the code begins on a worker, or None.
        split: The input that is ready to travel.
        canceller: Cancels it.
        arrived: When it has come into the pool, on the monotonic clock.
        began: When the code began, or when the daemon heard of it, or None.
        printed: What the code has printed, or nothing.
        batch: The batch that it is sent with, or None while it waits and after its end.
        sending: The number of the sending under way, or 0 while it waits.
        losses: How many workers were lost while the call's code ran there.
        cancelled: Whether its end was asked for. It is not sent again then.
        ended: Whether its end was reported.
        written: The newest output of its process, or None.
        log: Writes its log records, or None before the first one.
    """

    action: Action
    call: Call
    core: CoreActions
    caller: Caller | None
    inbox: Recipient
    begun: Begun | None
    split: Split
    canceller: Canceller
    once: bool
    needs: Resources | None = None
    arrived: float = msgspec.field(default_factory=time.monotonic)
    began: Began | None = None
    printed: PrintSlot | tuple[()] = ()
    batch: Batch | None = None
    sending: int = 0
    losses: int = 0
    cancelled: bool = False
    ended: bool = False
    written: OutputSoFar | None = None
    log: WorkerLog | None = None

    def cancel(self) -> bool:
        """Cancel the call. Its end follows, and is that of the code if it was over before."""
        return self.canceller.cancel(self)

    def withdraw(self) -> None:
        """Cancel the call if it waits in the pool. Its end follows then. One that a worker has got continues."""
        self.canceller.withdraw(self)

    def watch(self, watcher: Callable[[], object]) -> None:
        """Call a function once, at the next output."""
        self._slot().watch(watcher)

    def output(self) -> OutputSoFar | None:
        """Return the newest output of the call's process, as far as its worker has sent it."""
        return self.written

    def writes(self, output: CallOutput) -> None:
        """Take what the call has written so far, and tell those who watch."""
        self.begins(time.monotonic())
        if output.printed is not None:
            self.prints(output.printed, output.cut)
            return
        out, err = output.stdout[-WINDOW_BYTES:], output.stderr[-WINDOW_BYTES:]
        self.written = OutputSoFar(out, err, output.stdout_truncated, output.stderr_truncated)
        self._slot().changed()

    def prints(self, text: str, cut: int) -> None:
        """Take all that the call's function has printed, and tell those who watch.

        Args:
            text: The newest text.
            cut: How many bytes before it were dropped.
        """
        replace_printed(self._slot(), text, cut)

    def _slot(self) -> PrintSlot:
        """Return what holds the printed text. Most calls print nothing, and are not watched."""
        if not isinstance(self.printed, PrintSlot):
            with _making:
                if not isinstance(self.printed, PrintSlot):
                    self.printed = PrintSlot()
        return self.printed

    def logs(self, level: int, logger: str, text: str) -> None:
        """Write a log record of the call to the daemon's log, which masks the run's secrets."""
        if self.log is None:
            self.log = WorkerLog(self.call.ids)
        self.log.record(level, logger, text)

    def begins(self, at: float) -> None:
        """Take note that a worker has begun with the code.

        Args:
            at: When, as far as it is known here, on the monotonic clock.
        """
        if self.began is None:
            self.began = Began(None, at)
            if self.begun is not None:
                self.begun()
