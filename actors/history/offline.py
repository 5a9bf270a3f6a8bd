"""Acting on runs in a store that no daemon has: what is asked for is written, and the next daemon goes on from there.

    replay --> Conductor.on(request) --> commands --> Happened, of the run and of its sub-workflows, in one transaction

Nothing is performed here: what the commands start, stop or wait for is what the run's recovery finds to be done.
"""

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from stretto.actors.history.loading import kept_from
from stretto.actors.history.masks import mask_of
from stretto.actors.history.replay import replay
from stretto.actors.journal import (
    Answers,
    Child,
    Ending,
    ItemKey,
    Notifications,
    Prune,
    Rerun,
    RerunScope,
    RunAccepted,
    RunLog,
    Write,
)
from stretto.actors.outcome import UnknownRun, new_run_id
from stretto.definitions.conductor import (
    CancelItem,
    CancelRequested,
    Command,
    Conductor,
    Event,
    FinishRun,
    IllegalTransition,
    PauseRequested,
    ResumeRequested,
    TaskEnded,
    TaskStarted,
)

if TYPE_CHECKING:
    import pykka

    from stretto.actors.journal import Store

Request: TypeAlias = Callable[[float], Event]
"""Makes the event of a request that comes now, in seconds since the epoch."""

_HANDED_DOWN: Final = (CancelRequested, PauseRequested, ResumeRequested)
"""What a run hands down to the sub-workflows that perform its items."""


class _Gathered:
    """A link to no journal: what is recorded is gathered, to be written by whoever has it."""

    durable = True
    pending = 0
    unavailable: str | None = None

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def record(self, write: Write | None, notifications: Notifications = (), answers: Answers = ()) -> None:  # noqa: ARG002 - none wait
        """Gather it."""
        if write is not None:
            self.writes.append(write)

    def has_room(self, waiter: "pykka.ActorRef[Any]") -> bool:  # noqa: ARG002 - nobody ever waits
        """There always is."""
        return True


class OfflineRuns:
    """The runs of a store that belongs to this process. Methods raise `UnknownRun`, `StoreUnavailable`, `StoreLost`."""

    def __init__(self, store: "Store", now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._reader = store.reader
        self._now = now

    def request(self, run_id: str, request: Request) -> None:
        """Have a run handle a request, durably. Raises `IllegalTransition`, and what the conductor does for it."""
        gathered = _Gathered()
        self._handle(run_id, request(self._now()), gathered)
        self._store.writer.write(gathered.writes)

    def rerun(self, run_id: str, scope: RerunScope) -> str:
        """Accept a run that does an ended one again; a daemon performs it. Return its id.

        Raises `IllegalTransition` if it has not ended, `NothingToRerun`, `CannotKeep`.
        """
        old = self._accepted(run_id)
        if self._reader.end(run_id) is None:
            raise IllegalTransition(f"cannot rerun the run {run_id}: it has not ended; cancel it first")
        kept_from(self._reader, old, scope)  # there is something to be done again
        accepted = RunAccepted(
            run_id=new_run_id(), workflow=old.workflow, parameters=old.parameters, surroundings=old.surroundings,
            accepted_at=self._now(), secret=old.secret, rerun=Rerun(run_id, scope),
        )  # fmt: skip
        self._store.writer.write([accepted])
        return accepted.run_id

    def prune(self, older_than_seconds: float | None, keep: int | None) -> int:
        """Delete runs that ended so long ago, and those beyond the newest `keep`; return how many."""
        ended_before = None if older_than_seconds is None else self._now() - older_than_seconds
        return self._store.pruning(Prune(ended_before, keep)).prune_all()

    def _accepted(self, run_id: str) -> RunAccepted:
        accepted = self._reader.accepted(run_id)
        if accepted is None:
            raise UnknownRun(f"there is no run {run_id!r} in the store")
        return accepted

    def _handle(self, run_id: str, event: Event, gathered: _Gathered) -> None:
        accepted, row = self._accepted(run_id), self._reader.run(run_id)
        if row is None or row.ended_at is not None:
            status = "pruned" if row is None else row.status
            raise IllegalTransition(f"the run {run_id} has ended ({status}): nothing can be asked of it any more")
        conductor, rebuilding = replay(self._reader, accepted, mask_of(self._reader, accepted))
        journal = RunLog(
            gathered, run_id, secretive=accepted.secret, first=rebuilding.entries,
            learned=conductor.mask.seen_count, status=row.status,
        )  # fmt: skip
        commands = conductor.on(event)
        journal.note(event, conductor.mask)
        stopped = _note(commands, journal, conductor, event.at)
        journal.flush(conductor.status, conductor.mask)
        for child in self._reader.children(run_id):
            if child.ended:
                continue
            if isinstance(event, _HANDED_DOWN):
                self._hand_down(child, event, gathered)
            elif child.item in stopped:
                self._hand_down(child, CancelRequested(event.at), gathered)

    def _hand_down(self, child: Child, event: Event, gathered: _Gathered) -> None:
        with contextlib.suppress(IllegalTransition):  # it stands so already, or has ended meanwhile
            self._handle(child.run_id, event, gathered)


def _note(commands: list[Command], journal: RunLog, conductor: Conductor, at: float) -> set[ItemKey]:
    """Have what a request gave written down; return the items that are to be stopped."""
    stopped = set()
    for command in commands:
        if isinstance(command, TaskStarted):
            journal.task_started(command, at)
        elif isinstance(command, TaskEnded):
            journal.task_ended(command, at)
        elif isinstance(command, CancelItem):
            stopped.add(ItemKey(command.task, command.visit, command.index))
        elif isinstance(command, FinishRun):
            output = None if command.output is None else conductor.mask.data(command.output)
            journal.end(Ending(command.status, output, command.errors, at))
    return stopped
