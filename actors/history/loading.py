"""Loading of runs for recovery and reruns, and the messages that carry them."""

from typing import Literal

import msgspec
import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.history.acceptance import accepted_run
from stretto.actors.history.masks import CODES_OF_SEALED
from stretto.actors.history.replay import READ_AT_ONCE, Replay, conductor_of, ended_outcome
from stretto.actors.journal import (
    Child,
    Entry,
    Idempotency,
    Inquiry,
    Origin,
    Reader,
    ReadingStopped,
    Requester,
    RequestKey,
    Rerun,
    RunAccepted,
    StoreUnavailable,
)
from stretto.actors.outcome import RunHandle, UnknownRun
from stretto.actors.runners import describe
from stretto.definitions.conductor import CannotKeep, ItemCompleted, ReusePlan, plan_reuse, reads_a_file
from stretto.definitions.errors import StrettoError


class EntriesRead(msgspec.Struct, frozen=True):
    """Entries of a run that is being recovered. `more` may follow.

    `contexts_through` is the entry of the last version of the context that is stored, with the first entries alone.
    """

    entries: list[Entry]
    more: bool
    contexts_through: int | None = None


class RunLoaded(msgspec.Struct, frozen=True):
    """The records that a run is recovered from, without its entries. A rerun reuses the results in `reuse_plan`."""

    accepted: RunAccepted
    children: tuple[Child, ...]
    reuse_plan: ReusePlan | None
    inquiries: tuple[Inquiry, ...] = ()


class RunNotLoaded(msgspec.Struct, frozen=True):
    """A run cannot be recovered because of `reason`.

    `again` says when it can be: soon, because the store could not be read; with the store's key; at the next start,
    because an evaluation of the replay was stopped; or never.
    """

    run_id: str
    reason: str
    again: Literal["soon", "with the key", "at the next start", "never"]


class OldRunRead(msgspec.Struct, frozen=True):
    """The run to rerun was read from the store. `reuse_plan` has the results to reuse, `origin` is the rerun's."""

    accepted: RunAccepted
    reuse_plan: ReusePlan | None
    rerun: Rerun
    origin: Origin
    answer: Deferred
    by: Requester | None = None
    key: RequestKey | None = None
    labels: dict[str, str] | None = None
    """Those of the rerun, or None for those of the old run."""


class KeyKnown(msgspec.Struct, frozen=True):
    """A run has the idempotency key of a request. `same_request` says whether that request has started it."""

    run_id: str
    same_request: bool
    answer: Deferred


def not_loaded(run_id: str, error: Exception) -> RunNotLoaded:
    """Return the message for a run that cannot be loaded because of an error."""
    if not isinstance(error, StrettoError):
        return RunNotLoaded(run_id, describe(error), "never")
    if isinstance(error, StoreUnavailable):
        return RunNotLoaded(run_id, str(error), "soon")
    if isinstance(error, ReadingStopped):
        return RunNotLoaded(run_id, str(error), "at the next start")
    return RunNotLoaded(run_id, str(error), "with the key" if error.code in CODES_OF_SEALED else "never")


def load(run_id: str, reader: Reader) -> RunLoaded:
    """Read the records that a run is recovered from, without its entries.

    Raises `StoreUnavailable`, `UnknownRun`, and the errors of reading its definition.
    """
    accepted = accepted_run(reader, run_id)
    plan = None
    if accepted.rerun is not None and accepted.rerun.scope != "everything":
        old = reader.accepted(accepted.rerun.of)
        if old is None:
            raise UnknownRun(f"the run {accepted.rerun.of!r}, which this run repeats, is not in the store")
        plan = load_reuse_plan(reader, old, accepted.rerun)
    return RunLoaded(accepted, tuple(reader.children(run_id)), plan, tuple(reader.inquiries.pending_of(run_id)))


def find_by_key(reader: Reader, idempotency: Idempotency, answer: Deferred) -> KeyKnown | None:
    """Return the run that has the idempotency key of a request, or None. `answer` is for who sent the request.

    Raises `StoreUnavailable`, and the error of a missing key.
    """
    existing = reader.find(idempotency.key)
    accepted = None if existing is None else reader.accepted(existing)
    return None if accepted is None else KeyKnown(accepted.run_id, accepted.idempotency == idempotency, answer)


def load_reuse_plan(reader: Reader, old: RunAccepted, rerun: Rerun) -> ReusePlan | None:
    """Return the results of a run that its rerun reuses.

    Raises `NothingToRerun`, `CannotKeep`, `UnknownTask`, `InvalidItems`, `StoreUnavailable`.
    """
    if rerun.scope == "everything":
        return None
    if reader.quarantine(old.run_id) is not None:
        raise CannotKeep(
            f"the run {old.run_id} was cancelled in quarantine, so its results cannot be reused; rerun all"
        )
    conductor = conductor_of(old)
    replay = Replay(conductor, old.accepted_at)
    completions: list[ItemCompleted] = []
    while True:
        entries = reader.entries(old.run_id, replay.entries, READ_AT_ONCE)
        replay.feed(entries)
        completions += [
            entry
            for entry in entries
            # Items from a file are not reused, and there may be any number of them.
            if isinstance(entry, ItemCompleted) and not reads_a_file(old.workflow.tasks[entry.task])
        ]
        if len(entries) < READ_AT_ONCE:
            return plan_reuse(conductor, completions, rerun.scope, rerun.task, rerun.items)


def stored_handle(run_id: str, reader: Reader) -> RunHandle:
    """Return the handle of a run that has ended. Raises `UnknownRun`, `StoreUnavailable`."""
    outcome, row = ended_outcome(reader, run_id), reader.run(run_id)
    handle = RunHandle(run_id, row.workflow if row is not None else "", pykka.ThreadingFuture())
    handle.outcome.set(outcome)
    return handle
