"""Rebuilding a run from its journal: a new conductor sees the entries in their order, and is where the run was."""

from collections.abc import Iterable
from typing import Final

from stretto.actors.history.written_results import RebuiltResults
from stretto.actors.journal import (
    Child,
    Entry,
    ItemKey,
    ItemStarted,
    Reader,
    ResultsWritten,
    RunAccepted,
    SecretsLearned,
    StoreUnavailable,
)
from stretto.actors.outcome import Outcome, UnknownRun
from stretto.definitions.conductor import (
    Command,
    Conductor,
    FinishRun,
    ItemCompleted,
    PropagatedRequest,
    StartItem,
    StreamFailed,
    request_implied_by,
)
from stretto.definitions.context import NO_SECRECY, Mask
from stretto.definitions.errors import StrettoError

READ_AT_ONCE: Final = 500
"""Entries that are read, and handled in one turn: what a run has been through never stands in memory as a whole."""


class Rebuilding:
    """Feeds the journal's entries to a conductor, which must not have begun.

    `entries` counts them, `finish` is the run's end if it has come, `requested` what its sub-workflows were last to
    follow; `accepted_at` is seconds since the epoch. What the shell itself has noted is kept here. `results` are the
    files of results that are open.
    """

    def __init__(self, conductor: Conductor, accepted_at: float, children: Iterable[Child] = ()) -> None:
        self.accepted_at = accepted_at
        self.entries = 0
        self.finish: FinishRun | None = None
        self.requested: PropagatedRequest | None = None
        self.results = RebuiltResults()
        self._conductor = conductor
        self._children = {(child.item, child.attempt): child for child in children}
        self._started: dict[ItemKey, int] = {}

    def begin(self) -> None:
        """Have the run begin, as it did."""
        self._note(self._conductor.begin())

    def feed(self, entries: Iterable[Entry]) -> None:
        """Have the next entries happen once more."""
        for entry in entries:
            self.entries += 1
            if isinstance(entry, ItemStarted):
                self._started[ItemKey(entry.task, entry.visit, entry.index)] = entry.attempt
            elif isinstance(entry, SecretsLearned):
                self._conductor.mask.see(entry.texts)
            elif isinstance(entry, ResultsWritten):
                self.results.written(entry)
            else:
                if isinstance(entry, ItemCompleted) and self._started:
                    self._started.pop(ItemKey(entry.task, entry.visit, entry.index), None)
                if isinstance(entry, StreamFailed):
                    self.results.failed(entry)
                before = self._conductor.status
                self._note(self._conductor.on(entry))
                if isinstance(entry, PropagatedRequest):
                    self.requested = entry
                else:
                    self.requested = request_implied_by(before, self._conductor.status, entry.at) or self.requested

    def child_of(self, start: StartItem) -> Child | None:
        """Return the run that performs this try already, or has."""
        return self._children.get((ItemKey(start.task, start.visit, start.index), start.attempt))

    def may_have_run(self, start: StartItem) -> bool:
        """Tell whether this try must not be performed again."""
        return self._started.get(ItemKey(start.task, start.visit, start.index)) == start.attempt

    def _note(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if type(command) is FinishRun:
                self.finish = command
            else:
                self.results.commanded(command)


def conductor_of(accepted: RunAccepted, mask: Mask | None = None) -> Conductor:
    """Return a conductor as it was when the run was accepted, for reading: it needs to know no action."""
    parent = None if accepted.parent is None else accepted.parent.system_parent
    return Conductor(
        accepted.workflow, accepted.run_id, accepted.parameters, accepted.accepted_at, parent,
        surroundings=accepted.surroundings, mask=mask, secrecy=NO_SECRECY,
    )  # fmt: skip


def replay(reader: Reader, accepted: RunAccepted, mask: Mask | None = None) -> tuple[Conductor, Rebuilding]:
    """Return a run's conductor as its journal leaves it, to be looked at; `mask` knows the secrets that it has had.

    Raises `StoreUnavailable`.
    """
    conductor = conductor_of(accepted, mask)
    rebuilding = Rebuilding(conductor, accepted.accepted_at)
    rebuilding.begin()
    while True:
        entries = reader.entries(accepted.run_id, rebuilding.entries, READ_AT_ONCE)
        rebuilding.feed(entries)
        if len(entries) < READ_AT_ONCE:
            return conductor, rebuilding


def outcome_for_parent(reader: Reader, run_id: str) -> Outcome:
    """Return the outcome of a sub-workflow's run that has ended as its parent's task works with it, unmasked.

    Of a run that failed since it could not be rebuilt, it is what was written of its end. Raises `UnknownRun`,
    `StoreUnavailable`, and of any other run what reading it raises.
    """
    told = ended_outcome(reader, run_id)
    try:
        accepted = reader.accepted(run_id)
        finish = None if accepted is None else replay(reader, accepted)[1].finish
    except StrettoError as error:
        if told.status != "failed" or isinstance(error, StoreUnavailable):
            raise
        finish = None
    # Without one it failed of the engine, and has no output.
    return told if finish is None else Outcome(finish.status, finish.output, finish.errors)


def ended_outcome(reader: Reader, run_id: str) -> Outcome:
    """Return the outcome of a run that has ended as it is told, masked. Raises `UnknownRun`, `StoreUnavailable`."""
    row, end = reader.run(run_id), reader.end(run_id)
    if row is None or end is None:
        raise UnknownRun(f"there is no ended run {run_id!r} in the store")
    return Outcome(row.status, end.output, end.errors)  # type: ignore[arg-type]  # an output is an object, or none
