"""Where a daemon kills itself with SIGKILL: around a transaction of its journal, or around an action's side effect.

The crash test chooses a fault and starts the daemon with it; the daemon's actions (`crash_actions`) arm it.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import Engine, event

from stretto.actors.journal.records import Happened, ItemStarted, RunAccepted, Write
from stretto.actors.journal.sql_writer import SqlWriter
from stretto.actors.journal.store import AlreadyAccepted
from stretto.definitions.conductor import CancelRequested, ItemCompleted, PauseRequested, ResumeRequested

VARIABLE: Final = "STRETTO_CRASH_FAULT"

Moment: TypeAlias = Literal["before_transaction", "before_commit", "after_commit", "before_effect", "after_effect"]
"""`after_commit`: what was written is durable, and nobody has been told."""

What: TypeAlias = Literal["anything", "accept", "child", "rerun", "item", "start", "pause", "resume", "cancel", "end"]
"""Which transactions count: those in which something of this kind is written."""


class Fault(msgspec.Struct, frozen=True):
    """The process ends at the moment that comes for the `number`-th time, from 1 on."""

    moment: Moment
    number: int = 1
    what: What = "anything"

    def environment(self) -> dict[str, str]:
        """Return the environment variable that has a daemon end so."""
        return {VARIABLE: msgspec.json.encode(self).decode()}


def given_fault() -> Fault | None:
    """Return the fault that this process was started with."""
    text = os.environ.get(VARIABLE)
    return None if text is None else msgspec.json.decode(text, type=Fault)


class Countdown:
    """Ends the process when `step` is called for the last time."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._lock = threading.Lock()

    def step(self) -> None:
        """Come one nearer to the end."""
        with self._lock:
            self._left -= 1
            if not self._left:
                # The interpreter's lock is held meanwhile: no other thread goes on in Python.
                os.kill(os.getpid(), signal.SIGKILL)


class EffectFault:
    """A fault around side effects; without one, nothing happens."""

    def __init__(self, fault: Fault | None) -> None:
        self._moment = None if fault is None else fault.moment
        self._countdown = Countdown(1 if fault is None else fault.number)

    @contextmanager
    def around(self) -> Iterator[None]:
        """End the process before or after the block, if it is time."""
        if self._moment == "before_effect":
            self._countdown.step()
        yield
        if self._moment == "after_effect":
            self._countdown.step()


def arm_transactions(fault: Fault | None) -> None:
    """Have this process end around a transaction of its journal's, if that is where the fault is."""
    if fault is None or fault.moment not in {"before_transaction", "before_commit", "after_commit"}:
        return
    countdown, write, counts = Countdown(fault.number), SqlWriter.write, _KINDS[fault.what]
    committing = threading.local()

    def wrapped(writer: SqlWriter, writes: Sequence[Write]) -> list[AlreadyAccepted]:
        if not any(map(counts, writes)):
            return write(writer, writes)
        if fault.moment == "before_transaction":
            countdown.step()
        committing.counts = fault.moment == "before_commit"
        taken = write(writer, writes)
        committing.counts = False
        if fault.moment == "after_commit":
            countdown.step()
        return taken

    @event.listens_for(Engine, "commit")
    def before_commit(_connection: Any) -> None:
        if getattr(committing, "counts", False):
            countdown.step()

    setattr(SqlWriter, SqlWriter.write.__name__, wrapped)


def _has(kind: type) -> Callable[[Write], bool]:
    return lambda write: isinstance(write, Happened) and any(isinstance(each, kind) for each in write.entries)


_KINDS: Final[dict[What, Callable[[Write], bool]]] = {
    "anything": lambda _write: True,
    "accept": lambda write: isinstance(write, RunAccepted) and write.parent is None and write.rerun is None,
    "child": lambda write: isinstance(write, RunAccepted) and write.parent is not None,
    "rerun": lambda write: isinstance(write, RunAccepted) and write.rerun is not None,
    "item": _has(ItemCompleted),
    "start": _has(ItemStarted),
    "pause": _has(PauseRequested),
    "resume": _has(ResumeRequested),
    "cancel": _has(CancelRequested),
    "end": lambda write: isinstance(write, Happened) and write.ending is not None,
}
