"""Replay of stored runs: a new conductor gets the entries in their order, and ends up in the run's state."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from stretto.actors.history.written_results import ReplayedResults
from stretto.actors.journal import (
    BEGIN,
    Child,
    Entry,
    Inquiry,
    ItemKey,
    ItemStarted,
    KeysRead,
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
    EvaluationStopped,
    Event,
    FinishRun,
    IllegalTransition,
    ItemCompleted,
    PropagatedRequest,
    StartItem,
    StreamFailed,
    request_implied_by,
)
from stretto.definitions.context import NO_SECRECY, Mask, Secrecy
from stretto.definitions.errors import StrettoError

READ_AT_ONCE: Final = 500
"""Entries that are read and handled in one turn. A run's history is never in memory as a whole."""


TURN_UNITS: Final = 5_000_000
"""The units of work of expressions after which a replay on a dispatcher lets other actors take their turns."""


class CannotReplay(StrettoError):
    """The stored entries of a run do not fit together: the store is damaged."""

    code = "cannot_replay"


@contextmanager
def replaying(run_id: str) -> Iterator[None]:
    """Convert the errors of entries that the conductor cannot have written to CannotReplay."""
    try:
        yield
    except StrettoError:
        raise
    except Exception as error:
        raise CannotReplay(
            f"the run {run_id} cannot be replayed: its entries are damaged ({type(error).__name__})"
        ) from error


class Replay:
    """Feeds the journal's entries to a conductor that has not begun.

    Attributes:
        accepted_at: When the run was accepted, in seconds since the epoch.
        entries: The number of entries so far.
        finish: The run's end, if it has ended.
        requested: The last request that was propagated to its sub-workflows.
        results: The results files that are open.
    """

    def __init__(
        self,
        conductor: Conductor,
        accepted_at: float,
        children: Iterable[Child] = (),
        observe: Callable[[Conductor, int], object] | None = None,
        inquiries: Iterable[Inquiry] = (),
    ) -> None:
        """Take a conductor that has not begun.

        Args:
            conductor: The conductor.
            accepted_at: When the run was accepted, in seconds since the epoch.
            children: The runs of its sub-workflows.
            observe: Is called with the conductor behind the begin and each event, and the number of its entry, or
                BEGIN.
            inquiries: Its inquiries that wait.
        """
        self._observe = observe
        self.accepted_at = accepted_at
        self.entries = 0
        self.finish: FinishRun | None = None
        self.requested: PropagatedRequest | None = None
        self.results = ReplayedResults()
        self._conductor = conductor
        self._children = {(child.item, child.attempt): child for child in children}
        self._inquiries = {(ItemKey(each.task, each.visit, each.index), each.attempt): each for each in inquiries}
        self._started: dict[ItemKey, int] = {}
        self._begun = False
        self._then: Callable[[list[Command]], None] | None = None
        """Takes the commands of the event that is not finished."""
        self._stopped_before = False
        """Whether the last event was that an evaluation was stopped."""

    @property
    def unfinished(self) -> bool:
        """Whether the last entry, or the begin, is an event that goes on in the next turn."""
        return self._then is not None

    def begin(self, first: Sequence[Entry]) -> None:
        """Begin the run before its first entries are fed, unless its begin was broken off."""
        self._begin_before(first)
        self._finish()

    def feed(self, entries: Sequence[Entry]) -> None:
        """Apply the next entries. The run begins before the first ones, unless its begin was broken off."""
        self._begin_before(entries)
        self._finish()
        for entry in entries:
            self._take(entry)
            self._finish()

    def _finish(self) -> None:
        while self.unfinished:
            self._go_on()

    def feed_for_a_turn(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Apply the next entries until their expressions have taken about half a second, or one of them pauses.

        Args:
            entries: The entries, or those that an earlier call has left.

        Returns:
            The entries that are left. Call it again if there are any, and also if the last one is `unfinished`.
        """
        if self.unfinished:
            self._go_on()
        else:
            self._begin_before(entries)
        spent, taken = self._conductor.units_spent(), 0
        while taken < len(entries) and spent <= TURN_UNITS and not self.unfinished:
            self._take(entries[taken])
            spent += self._conductor.units_spent()
            taken += 1
        return entries[taken:]

    def _go_on(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            self._do(self._conductor.step(), then)

    def _do(self, commands: list[Command], then: Callable[[list[Command]], None]) -> None:
        """Do something with the commands of an event, now or when it has ended."""
        if self._conductor.unfinished:
            self._note(commands)
            self._then = then
        else:
            then(commands)

    def _begin_before(self, entries: Sequence[Entry]) -> None:
        if not self._begun:
            self._begun = True
            self._restore_keys_of_begin(entries)
            if has_begun(entries):
                self._do(self._conductor.begin(), self._begun_with)

    def _begun_with(self, commands: list[Command]) -> None:
        self._note(commands)
        if self._observe is not None:
            self._observe(self._conductor, BEGIN)

    def _restore_keys_of_begin(self, entries: Sequence[Entry]) -> None:
        """Restore the keys that the begin has read: their entry is the first one, save for secrets."""
        for entry in entries[:2]:
            if isinstance(entry, KeysRead):
                self._conductor.restore_keys(entry.keys)
            if not isinstance(entry, SecretsLearned):
                return

    def _take(self, entry: Entry) -> None:
        self.entries += 1
        if isinstance(entry, ItemStarted):
            self._started[ItemKey(entry.task, entry.visit, entry.index)] = entry.attempt
        elif isinstance(entry, SecretsLearned):
            self._conductor.mask.see(entry.texts)
        elif isinstance(entry, KeysRead):
            self._conductor.restore_keys(entry.keys)
        elif isinstance(entry, ResultsWritten):
            self.results.written(entry)
        else:
            if isinstance(entry, ItemCompleted) and self._started:
                self._started.pop(ItemKey(entry.task, entry.visit, entry.index), None)
            if isinstance(entry, StreamFailed):
                self.results.failed(entry)
            before = self._conductor.status
            self._do(self._apply(entry), partial(self._applied, entry, before))

    def _apply(self, event: Event) -> list[Command]:
        stopped_before, self._stopped_before = self._stopped_before, isinstance(event, EvaluationStopped)
        try:
            return self._conductor.on(event)
        except IllegalTransition:
            # The evaluation was that of a request, which the run no longer allows. It was not acknowledged.
            if not stopped_before:
                raise
            return []

    def _applied(self, event: Event, before: str, commands: list[Command]) -> None:
        self._note(commands)
        if isinstance(event, PropagatedRequest):
            self.requested = event
        else:
            self.requested = request_implied_by(before, self._conductor.status, event.at) or self.requested
        if self._observe is not None:
            self._observe(self._conductor, self.entries - 1)

    def child_of(self, start: StartItem) -> Child | None:
        """Return the child run that executes this attempt, in progress or ended."""
        return self._children.get((ItemKey(start.task, start.visit, start.index), start.attempt))

    def inquiry_of(self, start: StartItem) -> Inquiry | None:
        """Return the inquiry that this attempt has asked, if it has not ended."""
        return self._inquiries.get((ItemKey(start.task, start.visit, start.index), start.attempt))

    def may_have_run(self, start: StartItem) -> bool:
        """Return whether the start of this attempt is recorded: `at_most_once` forbids another one."""
        return self._started.get(ItemKey(start.task, start.visit, start.index)) == start.attempt

    def _note(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if type(command) is FinishRun:
                self.finish = command
            else:
                self.results.commanded(command)


def has_begun(first: Sequence[Entry]) -> bool:
    """Return whether a run with these first entries has begun: its begin may have been broken off."""
    # Secrets that the begin has learned may precede the entry.
    return not any(isinstance(entry, EvaluationStopped) and not entry.begun for entry in first[:2])


def conductor_of(accepted: RunAccepted, mask: Mask | None = None, secrecy: Secrecy = NO_SECRECY) -> Conductor:
    """Return the conductor of a run as it was accepted. It is for reading, and knows no actions."""
    parent = None if accepted.parent is None else accepted.parent.system_parent
    return Conductor(
        accepted.workflow, accepted.run_id, accepted.parameters, accepted.accepted_at, parent,
        surroundings=accepted.surroundings, mask=mask, secrecy=secrecy, limits=accepted.limits,
        user="" if accepted.requested_by is None else accepted.requested_by.who,
    )  # fmt: skip


def replay(reader: Reader, accepted: RunAccepted, mask: Mask | None = None) -> tuple[Conductor, Replay]:
    """Return the conductor of a stored run in its present state, for reading.

    Args:
        reader: Reads the store.
        accepted: The run's first record.
        mask: Masks the secrets that the run has learned.

    Returns:
        The conductor and the replay.

    Raises:
        StoreUnavailable: The store cannot be read now.
        CannotReplay: The run's entries are damaged.
    """
    conductor = conductor_of(accepted, mask)
    replayed = Replay(conductor, accepted.accepted_at)
    while True:
        entries = reader.entries(accepted.run_id, replayed.entries, READ_AT_ONCE)
        with replaying(accepted.run_id):
            replayed.feed(entries)
        if len(entries) < READ_AT_ONCE:
            return conductor, replayed


def outcome_for_parent(reader: Reader, run_id: str) -> Outcome:
    """Return a child run's outcome, unmasked, as the parent task sees it.

    A run that failed because it could not be recovered, or was cancelled in quarantine, has its recorded outcome only.
    Raises `UnknownRun`, `StoreUnavailable`, and the errors of replaying any other run.
    """
    recorded = ended_outcome(reader, run_id)
    if reader.quarantine(run_id) is not None:
        return recorded
    try:
        accepted = reader.accepted(run_id)
        finish = None if accepted is None else replay(reader, accepted)[1].finish
    except StrettoError as error:
        if recorded.status != "failed" or isinstance(error, StoreUnavailable):
            raise
        finish = None
    # Without a replayed end, the engine failed the run, which has no output.
    return recorded if finish is None else Outcome(finish.status, finish.output, finish.errors)


def ended_outcome(reader: Reader, run_id: str) -> Outcome:
    """Return the recorded outcome of an ended run, masked. Raises `UnknownRun`, `StoreUnavailable`."""
    row, end = reader.run(run_id), reader.end(run_id)
    if row is None or end is None:
        raise UnknownRun(f"there is no ended run {run_id!r} in the store")
    return Outcome(row.status, end.output, end.errors)  # type: ignore[arg-type]  # an output is an object, or none
