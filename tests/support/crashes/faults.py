"""Where a daemon kills itself with SIGKILL: around a transaction of its journal, or around an action's side effect.

The crash test lays a fault into a file, at any time; the daemon's actions (`actions`) look for it there.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import Engine, event

from stretto.actors.journal.records import Happened, ItemStarted, ResultsWritten, RunAccepted, Write
from stretto.actors.journal.sql.pruning import Pruning
from stretto.actors.journal.sql.writer import SqlWriter
from stretto.actors.journal.store import AlreadyAccepted, Prune
from stretto.definitions.conductor import (
    CancelRequested,
    ItemCompleted,
    ItemsRead,
    PauseRequested,
    ResultsClosed,
    ResumeRequested,
)

VARIABLE: Final = "STRETTO_CRASH_FAULT"
"""The environment variable with the file's path."""
DAEMON: Final = "STRETTO_CRASH_DAEMON"
"""That with the path of the file with the daemon's process id."""

Moment: TypeAlias = Literal["before_transaction", "before_commit", "after_commit", "before_effect", "after_effect"]
"""`after_commit`: what was written is durable, and nobody has been told."""

What: TypeAlias = Literal[
    "anything", "accept", "child", "rerun", "item", "start", "pause", "resume", "cancel", "end", "read", "written",
    "whole", "prune",
]  # fmt: skip
"""Which transactions count: those in which something of this kind is written."""


class Fault(msgspec.Struct, frozen=True):
    """The process ends at the moment that comes for the `number`-th time, from 1 on, since the fault was laid."""

    moment: Moment
    number: int = 1
    what: What = "anything"

    def lay(self, path: Path) -> None:
        """Have whatever process looks there end so, from now on."""
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(self))
        new.rename(path)


class Trap:
    """Ends the daemon where a file says so; to be asked at every moment that may be meant.

    Args:
        path: The file with the fault.
        daemon: The file with the id of the daemon's process, which is another one in a worker of a pool.
    """

    def __init__(self, path: Path, daemon: Path) -> None:
        self._path = path
        self._daemon = daemon
        self._lock = threading.Lock()
        self._seen = 0
        self._fault: Fault | None = None
        self._left = 0

    def step(self, moment: Moment, writes: Sequence[Write | Prune] = ()) -> None:
        """A moment has come; `writes` are those of the transaction that it is a moment of."""
        with self._lock:
            self._look()
            fault = self._fault
            if fault is None or fault.moment != moment or (writes and not any(map(_KINDS[fault.what], writes))):
                return
            self._left -= 1
            if not self._left:
                # The interpreter's lock is held meanwhile: no other thread goes on in Python.
                daemon = int(self._daemon.read_text())
                os.kill(daemon, signal.SIGKILL)
                if daemon != os.getpid():
                    os.kill(os.getpid(), signal.SIGKILL)

    def _look(self) -> None:
        try:
            laid = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if laid != self._seen:
            self._seen = laid
            self._fault = msgspec.json.decode(self._path.read_bytes(), type=Fault)
            self._left = self._fault.number

    @contextmanager
    def around_effect(self) -> Iterator[None]:
        """Ask before and after the block, which is a side effect."""
        self.step("before_effect")
        yield
        self.step("after_effect")

    def guard_transactions(self) -> None:
        """Ask around all transactions that this process's journal will write."""
        write = SqlWriter.write
        committing = threading.local()

        def wrapped(
            writer: SqlWriter, writes: Sequence[Write], more: Iterable[Sequence[Write]] = ()
        ) -> list[AlreadyAccepted]:
            self.step("before_transaction", writes)
            committing.writes = written = list(writes)

            def portions() -> Iterator[Sequence[Write]]:
                for portion in more:
                    self.step("before_transaction", portion)
                    written.extend(portion)
                    yield portion

            taken = write(writer, writes, portions())
            committing.writes = None
            self.step("after_commit", written)
            return taken

        @event.listens_for(Engine, "commit")
        def before_commit(_connection: Any) -> None:
            if (writes := getattr(committing, "writes", None)) is not None:
                self.step("before_commit", writes)

        prune_some = Pruning.prune_some

        def wrapped_pruning(pruning: Pruning, limit: int) -> int:
            wanted = [Prune()]
            self.step("before_transaction", wanted)
            committing.writes = wanted
            deleted = prune_some(pruning, limit)
            committing.writes = None
            self.step("after_commit", wanted)
            return deleted

        setattr(SqlWriter, write.__name__, wrapped)
        setattr(Pruning, prune_some.__name__, wrapped_pruning)


def _has(kind: type) -> Callable[[Write | Prune], bool]:
    return lambda write: isinstance(write, Happened) and any(isinstance(each, kind) for each in write.entries)


_KINDS: Final[dict[What, Callable[[Write | Prune], bool]]] = {
    "anything": lambda _write: True,
    "accept": lambda write: isinstance(write, RunAccepted) and write.parent is None and write.rerun is None,
    "child": lambda write: isinstance(write, RunAccepted) and write.parent is not None,
    "rerun": lambda write: isinstance(write, RunAccepted) and write.rerun is not None,
    "item": _has(ItemCompleted),
    "start": _has(ItemStarted),
    "pause": _has(PauseRequested),
    "resume": _has(ResumeRequested),
    "cancel": _has(CancelRequested),
    "read": _has(ItemsRead),
    "written": _has(ResultsWritten),
    "whole": _has(ResultsClosed),
    "prune": lambda write: isinstance(write, Prune),
    "end": lambda write: isinstance(write, Happened) and write.ending is not None,
}
