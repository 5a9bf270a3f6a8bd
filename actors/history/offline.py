"""Requests to runs in a store without a daemon: they are recorded, and the next daemon continues from there.

    replay --> Conductor.on(request) --> commands --> Happened, of the run and of its sub-workflows, in one transaction

No item runs here. A daemon's recovery finds what the commands start, stop or wait for.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import structs

from stretto.actors.history.loading import load_reuse_plan
from stretto.actors.history.masks import mask_of
from stretto.actors.history.plain import pruned
from stretto.actors.history.quarantine import not_quarantined_error, quarantined_error
from stretto.actors.history.replay import replay
from stretto.actors.history.rerun_choices import RerunChoice
from stretto.actors.journal import (
    DONE,
    Answers,
    Audited,
    AuditEntries,
    Child,
    DeleteRun,
    Ending,
    GivenItems,
    Happened,
    ItemKey,
    Notifications,
    Prune,
    Requester,
    RerunScope,
    RunAccepted,
    RunLog,
    Suspicion,
    Suspicions,
    Write,
    asked_by,
)
from stretto.actors.outcome import UnknownRun, new_run_id
from stretto.definitions.conductor import (
    CancelItem,
    CancelRequested,
    Command,
    Conductor,
    Event,
    FinishRun,
    HoldItems,
    IllegalTransition,
    PauseRequested,
    PropagatedRequest,
    ResumeItems,
    ResumeRequested,
    TaskCancelRequested,
    TaskEnded,
    TaskStarted,
)
from stretto.definitions.data import EMPTY_LIST
from stretto.definitions.expressions import ExpressionLimits

if TYPE_CHECKING:
    from stretto.actors.dispatch import Recipient
    from stretto.actors.journal import Store

Request: TypeAlias = Callable[[float], Event]
"""Makes the event of a request at a time in seconds since the epoch."""

_BY_ENGINES: Final = frozenset({"at", "by", "late", "visit"})
"""The fields of requests that no client gives."""
_PROPAGATED: Final = (CancelRequested, PauseRequested, ResumeRequested)
"""Requests that a run propagates to its sub-workflows."""


class _Collected:
    """A link without a journal: it collects records, to be written in one transaction."""

    durable = True
    pending = 0
    unavailable: str | None = None

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def record(
        self,
        write: Write | None,
        notifications: Notifications = (),  # noqa: ARG002 - no actor waits
        answers: Answers = (),  # noqa: ARG002 - as above
        family: str | None = None,  # noqa: ARG002 - all are written together
    ) -> None:
        """Collect a record."""
        if write is not None:
            self.writes.append(write)

    def has_room(self, waiter: "Recipient") -> bool:  # noqa: ARG002 - no actor waits
        """Return True: there always is room."""
        return True


class OfflineRuns:
    """The runs of a store that this process owns.

    Methods raise `UnknownRun`, `StoreUnavailable` and `StoreLost`.
    """

    def __init__(self, store: "Store", now: Callable[[], float] = time.time, by: Requester | None = None) -> None:
        """Take the store, the clock, and who asks for the changes, for the audit."""
        self._store = store
        self._reader = store.reader
        self._now = now
        self._by = by

    def request(self, run_id: str, request: Request, operation: str = "control") -> None:
        """Apply a request to a run, durably.

        Args:
            run_id: The run.
            request: Makes the request's event for the present time.
            operation: The name of the request, for the audit.

        Raises:
            IllegalTransition: The run has ended, or does not allow the request.
        """
        collected, now = _Collected(), self._now()
        event = request(now)
        if isinstance(event, CancelRequested | TaskCancelRequested) and self._by is not None:
            event = structs.replace(event, by=self._by.of_run.who)
        self._handle(run_id, event, collected)
        fields = [value for name, value in structs.asdict(event).items() if name not in _BY_ENGINES]
        collected.record(Audited(self._asks(operation, " ".join(map(str, (run_id, *fields))))))
        self._store.writer.write(collected.writes)

    def recover(self, run_id: str) -> None:
        """Release a quarantined run: the next daemon tries again to recover it, alone.

        Args:
            run_id: The run.

        Raises:
            IllegalTransition: The run is not quarantined.
        """
        self._accepted(run_id)
        quarantine, row = self._reader.quarantine(run_id), self._reader.run(run_id)
        if row is None or row.ended_at is not None or quarantine is None or quarantine.run_id != run_id:
            raise not_quarantined_error(run_id, quarantine)
        noted = Suspicion(run_id=run_id, noted_at=self._now())
        audit = self._asks("recover", run_id)
        self._store.writer.write([Suspicions(noted=(noted,), released=(run_id,), audit=audit)])

    def rerun(  # noqa: PLR0913 - as of `Engine.rerun`
        self,
        run_id: str,
        scope: RerunScope,
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Accept a rerun of an ended run, which the next daemon starts.

        Args:
            run_id: The ended run.
            scope: See `Engine.rerun`.
            task: See `Engine.rerun`.
            items: See `Engine.rerun`.
            error_group: See `Engine.rerun`.
            labels: Those of the new run, checked. None takes those of the old run.

        Returns:
            The id of the new run.

        Raises:
            IllegalTransition: The run has not ended.
            NothingToRerun: No task of the run failed, or no item.
            CannotKeep: The results of the run cannot be reused.
            UnknownTask: The workflow has no such task.
            UnknownGroup: The run has no such group of failures.
            InvalidItems: There are no such items.
        """
        choice = RerunChoice(scope, task, items, error_group)
        old = self._accepted(run_id)
        if self._reader.end(run_id) is None:
            raise IllegalTransition(f"cannot rerun the run {run_id}: it has not ended; cancel it first")
        rerun = choice.of(run_id, self._reader)
        load_reuse_plan(self._reader, old, rerun)  # raises if the rerun is impossible
        new_id = new_run_id()
        accepted = RunAccepted(
            run_id=new_id, workflow=old.workflow, parameters=old.parameters, surroundings=old.surroundings,
            accepted_at=self._now(), secret=old.secret, rerun=rerun,
            # This process does not know the settings of the daemon that will start it.
            limits=ExpressionLimits(old.limits.max_cost, old.limits.max_bytes),
            origin=old.origin, labels=old.labels if labels is None else dict(labels), priority=old.priority,
            requested_by=None if self._by is None else self._by.of_run,
            audit=self._asks("rerun", run_id, f"run {new_id}"),
        )  # fmt: skip
        self._store.writer.write([accepted])
        return accepted.run_id

    def prune(self, older_than_seconds: float | None, keep: int | None) -> int:
        """Delete ended runs.

        Args:
            older_than_seconds: Delete runs that ended longer ago than this.
            keep: Delete all but this many of the newest runs.

        Returns:
            The number of deleted runs.
        """
        ended_before = None if older_than_seconds is None else self._now() - older_than_seconds
        if self._by is not None:
            self._store.writer.write([Audited(self._asks("prune", pruned(older_than_seconds, keep)))])
        return self._store.pruning(Prune(ended_before, keep)).prune_all()

    def delete(self, run_id: str) -> int:
        """Delete an ended run, and the runs of its sub-workflows; return their number.

        Args:
            run_id: The run.

        Raises:
            RunNeeded: It has not ended, or a run in progress depends on it.
        """
        return self._store.run_deletion(DeleteRun(run_id, self._asks("delete_run", run_id))).delete_all()

    def _asks(self, operation: str, target: str, result: str = DONE) -> AuditEntries:
        return asked_by(self._by, operation, target, self._now(), result)

    def _accepted(self, run_id: str) -> RunAccepted:
        accepted = self._reader.accepted(run_id)
        if accepted is None:
            raise UnknownRun(f"there is no run {run_id!r} in the store")
        return accepted

    def _handle(self, run_id: str, event: Event, collected: _Collected) -> None:
        accepted, row = self._accepted(run_id), self._reader.run(run_id)
        if row is None or row.ended_at is not None:
            status = "pruned" if row is None else row.status
            raise IllegalTransition(f"the run {run_id} has ended ({status}) and takes no more requests")
        if self._is_quarantined(run_id, event):
            self._cancel_quarantined(run_id, event, collected)
            return
        conductor, replayed = replay(self._reader, accepted, mask_of(self._reader, accepted))
        journal = RunLog(
            collected, run_id, secretive=accepted.secret, first=replayed.entries,
            learned=conductor.mask.seen_count, status=row.status,
        )  # fmt: skip
        commands = conductor.on(event)
        journal.note(event, conductor.mask)
        _note(commands, journal, conductor, event.at)
        journal.flush(conductor.status, conductor.mask)
        for child in self._reader.children(run_id):
            if child.ended_at is not None:
                continue
            request = event if isinstance(event, _PROPAGATED) else _request_to(child.item, commands, event.at)
            if request is not None:
                self._propagate(child, request, collected)

    def _is_quarantined(self, run_id: str, event: Event) -> bool:
        """Return whether a run is quarantined and may be cancelled. Raises IllegalTransition for other requests."""
        quarantine = self._reader.quarantine(run_id)
        if quarantine is None or quarantine.run_id != run_id:
            return False
        if not isinstance(event, CancelRequested):
            raise quarantined_error("change", run_id, quarantine)
        return True

    def _cancel_quarantined(self, run_id: str, event: Event, collected: _Collected) -> None:
        """End a quarantined run without a replay, which could crash this process as well."""
        ending = Ending("cancelled", None, EMPTY_LIST, event.at)
        collected.record(Happened(run_id=run_id, first=0, entries=(), secret=False, status="cancelled", ending=ending))
        for child in self._reader.children(run_id):
            if child.ended_at is None:
                self._propagate(child, event, collected)

    def _propagate(self, child: Child, event: Event, collected: _Collected) -> None:
        with contextlib.suppress(IllegalTransition):  # it has that status already, or has ended
            self._handle(child.run_id, event, collected)


def _request_to(item: ItemKey, commands: list[Command], at: float) -> PropagatedRequest | None:
    """Return the request that commands are to the sub-workflow of an item, or None."""
    for command in commands:
        if not isinstance(command, CancelItem | HoldItems | ResumeItems):
            continue
        if (item.task, item.visit) != (command.task, command.visit):
            continue
        if isinstance(command, HoldItems):
            return PauseRequested(at)
        if isinstance(command, ResumeItems):
            return ResumeRequested(at)
        if item.index == command.index:
            return CancelRequested(at)
    return None


def _note(commands: list[Command], journal: RunLog, conductor: Conductor, at: float) -> None:
    """Record the commands of a request."""
    for command in commands:
        if isinstance(command, TaskStarted):
            journal.task_started(command, at)
        elif isinstance(command, TaskEnded):
            journal.task_ended(command, at)
        elif isinstance(command, FinishRun):
            output = None if command.output is None else conductor.mask.data(command.output)
            journal.end(Ending(command.status, output, command.errors, at))
