"""Load from the store what a run is recovered from, and the messages that carry it."""

from typing import Literal

import msgspec
import pykka

from stretto.actors.history.masks import CODES_OF_SEALED
from stretto.actors.history.replay import READ_AT_ONCE, Rebuilding, conductor_of, ended_outcome
from stretto.actors.journal import Child, Entry, Reader, RerunScope, RunAccepted, StoreUnavailable
from stretto.actors.outcome import RunHandle, UnknownRun
from stretto.actors.runners import describe
from stretto.definitions.conductor import ItemCompleted, ReusePlan, plan_reuse, reads_a_file
from stretto.definitions.errors import StrettoError


class EntriesRead(msgspec.Struct, frozen=True):
    """Some of what the journal holds of a run that is being rebuilt; `more` may follow."""

    entries: list[Entry]
    more: bool


class RunLoaded(msgspec.Struct, frozen=True):
    """All that a run is rebuilt from, but for its entries; `kept` is what a rerun keeps of an earlier run."""

    accepted: RunAccepted
    children: tuple[Child, ...]
    kept: ReusePlan | None


class RunNotLoaded(msgspec.Struct, frozen=True):
    """A run cannot be rebuilt: `reason` says why.

    `again` says when it can: soon, as the store could not be read; with the store's key, by a later engine; or never.
    """

    run_id: str
    reason: str
    again: Literal["soon", "with the key", "never"]


def not_loaded(run_id: str, error: Exception) -> RunNotLoaded:
    """Return what the engine is told of a run that cannot be read."""
    if not isinstance(error, StrettoError):
        return RunNotLoaded(run_id, describe(error), "never")
    if isinstance(error, StoreUnavailable):
        return RunNotLoaded(run_id, str(error), "soon")
    return RunNotLoaded(run_id, str(error), "with the key" if error.code in CODES_OF_SEALED else "never")


def load(run_id: str, reader: Reader) -> RunLoaded:
    """Read what a run is rebuilt from, but for its entries.

    Raises `StoreUnavailable`, `UnknownRun`, and what reading its definition raises.
    """
    accepted = reader.accepted(run_id)
    if accepted is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    kept = None
    if accepted.rerun is not None and accepted.rerun.scope != "everything":
        old = reader.accepted(accepted.rerun.of)
        if old is None:
            raise UnknownRun(f"the run {accepted.rerun.of!r}, which this one does again, is not in the store")
        kept = kept_from(reader, old, accepted.rerun.scope)
    return RunLoaded(accepted, tuple(reader.children(run_id)), kept)


def kept_from(reader: Reader, old: RunAccepted, scope: RerunScope) -> ReusePlan | None:
    """Return what a rerun keeps of a run. Raises `NothingToRerun`, `CannotKeep`, `StoreUnavailable`."""
    if scope == "everything":
        return None
    conductor = conductor_of(old)
    rebuilding = Rebuilding(conductor, old.accepted_at)
    rebuilding.begin()
    completions: list[ItemCompleted] = []
    while True:
        entries = reader.entries(old.run_id, rebuilding.entries, READ_AT_ONCE)
        rebuilding.feed(entries)
        completions += [
            entry
            for entry in entries
            # Of a file's items nothing is kept, and there may be any number.
            if isinstance(entry, ItemCompleted) and not reads_a_file(old.workflow.tasks[entry.task])
        ]
        if len(entries) < READ_AT_ONCE:
            return plan_reuse(conductor, completions, scope)


def stored_handle(run_id: str, reader: Reader) -> RunHandle:
    """Return the handle of a run that has ended. Raises `UnknownRun`, `StoreUnavailable`."""
    outcome, row = ended_outcome(reader, run_id), reader.run(run_id)
    handle = RunHandle(run_id, row.workflow if row is not None else "", pykka.ThreadingFuture())
    handle.outcome.set(outcome)
    return handle
