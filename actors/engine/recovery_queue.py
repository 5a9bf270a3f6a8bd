"""The queue of runs to recover, when an engine starts or a supervisor has crashed: a few are loaded at a time.

    Engine --note--> journal --RecoveryNoted--> Engine --load--> readers --RunLoaded--> Engine
      --starts--> RunSupervisor --reads entries--> RunRecovered --> next

Memory holds what the runs in progress need, and a few hundred entries of each run that is being recovered. Suspects,
which may have crashed an engine, come after all other runs, and one at a time: the next one when the items that the
last one has restarted have ended, or have been in flight for a while.
"""

from collections import deque
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, Final

import pykka

from stretto.actors.dispatch import Deferred, handles
from stretto.actors.engine.suspects import NOTED_AT_ONCE, Suspects
from stretto.actors.history import load, not_loaded
from stretto.actors.journal import NoReaders, Readers, Unfinished
from stretto.actors.runs import PauseElapsed, RecoveryNoted, RunSettled, TrialsAged, TrialStepped

RECOVERED_AT_ONCE: Final = 8
MAX_RESTARTS: Final = 3
"""How often a run's supervisor may crash before the run fails: a replay most likely crashes again."""
FIRST_RESTART_SECONDS: Final = 0.1


class RecoveryQueue:
    """Runs that wait to be recovered. `finished` is answered when the queue is empty for the first time."""

    def __init__(self, engine: pykka.ActorRef[Any], readers: Readers | NoReaders, suspects: Suspects) -> None:
        self.finished = Deferred()
        self._engine = engine
        self._readers = readers
        self._suspects = suspects
        self._waiting: deque[str] = deque()
        self._suspected: list[str] = []
        self._children: dict[str, list[str]] = {}
        self._noting = False
        """Whether a note is being written."""
        self._noted: deque[str] = deque()
        """Runs whose note is durable."""
        self._alone: str | None = None
        """The suspect that is being recovered, or on trial for its share. No other run is loaded meanwhile."""
        self._pauses: dict[str, bool] = {}
        """The suspects before which recovery pauses, and whether that is over."""
        self._loading: set[str] = set()
        self._postponed: set[str] = set()

    def enqueue_unfinished(self, unfinished: Iterable[Unfinished]) -> list[str]:
        """Queue all unfinished runs. Return child runs whose parent no longer exists.

        A child run waits until its parent is recovered, because the parent knows which requests the child missed.
        """
        by_id = {each.run_id: each for each in unfinished}
        first, orphans = [], []
        for run_id, each in by_id.items():
            if each.parent in by_id:
                self.add_child(each.parent, run_id)
                continue
            first.append(run_id)
            if each.parent is not None:
                orphans.append(run_id)
        self.enqueue(first)
        return orphans

    def add_child(self, parent: str, run_id: str) -> None:
        """Keep a child run until its parent is recovered."""
        self._children.setdefault(parent, []).append(run_id)

    def take_children(self, run_id: str) -> list[str]:
        """Pop the child runs that wait for `run_id` to be recovered."""
        return self._children.pop(run_id, [])

    def enqueue(self, run_ids: Collection[str]) -> None:
        """Queue runs in the given order, suspects behind all others."""
        for run_id in run_ids:
            if self._suspects.rank_of(run_id) is None:
                self._waiting.append(run_id)
            else:
                self._suspected.append(run_id)
        self._postponed.difference_update(run_ids)
        self._load_next()

    @handles(RecoveryNoted)
    def noted(self, message: RecoveryNoted) -> None:
        """Load runs whose note is durable."""
        if self._noting:  # else the queue was cleared meanwhile
            self._noting = False
            self._noted.extend(message.run_ids)
            self._load_next()

    @handles(PauseElapsed)
    def pause_elapsed(self, message: PauseElapsed) -> None:
        """Recover the suspect before which recovery paused."""
        if message.run_id in self._pauses:  # else the queue was cleared meanwhile
            self._pauses[message.run_id] = True
            self._load_next()

    def restarted(self, run_id: str) -> None:
        """Remove a run that is recovered and has restarted items, but keep it noted until these have ended."""
        self._loading.discard(run_id)
        self._suspects.begin_trial(run_id)
        self._let_others_in(run_id)
        self._load_next()

    @handles(RunSettled)
    def settled(self, message: RunSettled) -> None:
        """Forget a run whose restarted items have ended."""
        if message.run_id in self._suspects.trials:
            self._end_trial(message.run_id)

    @handles(TrialStepped)
    def trial_stepped(self, message: TrialStepped) -> None:
        """Recover the next suspect, or forget this one, when the time for that has come."""
        if self._suspects.trials.step(message):
            self._end_trial(message.run_id)
        else:
            self._let_others_in(message.run_id)
            self._load_next()

    @handles(TrialsAged)
    def trials_aged(self, _message: TrialsAged) -> None:
        """Forget runs whose restarted items have been in flight for long, and write which others are forgotten."""
        for run_id in self._suspects.trials.age():
            self._suspects.clear(run_id)
        self._suspects.flush()
        self._load_next()

    def _end_trial(self, run_id: str) -> None:
        self._suspects.clear(run_id)
        self._let_others_in(run_id)
        if self._suspected or not self._suspects.trials.any_of_groups:  # else the next TrialsAged writes it
            self._load_next()

    def _let_others_in(self, run_id: str) -> None:
        """Load other runs from now on if this one does not have to be alone any more."""
        if self._alone == run_id and self._suspects.trials.has_had_its_share(run_id):
            self._alone = None

    def finished_one(self, run_id: str) -> None:
        """Remove a run that is recovered, or never will be. Enqueue its children first."""
        self._loading.discard(run_id)
        if self._alone == run_id:
            self._alone = None
        self._load_next()

    def postpone(self, run_id: str) -> None:
        """Remove a run that is not recovered yet, and will be enqueued again."""
        self._suspects.postpone(run_id)
        self._postponed.add(run_id)
        self.finished_one(run_id)

    def clear(self) -> None:
        """Drop all waiting runs: the engine stops."""
        self._waiting.clear()
        self._suspected.clear()
        self._noted.clear()
        self._noting = False
        self._children.clear()
        self._postponed.clear()
        self._pauses.clear()
        self._suspects.withdraw()

    def _load_next(self) -> None:
        self._note_next()
        while self._noted and len(self._loading) < RECOVERED_AT_ONCE:
            run_id = self._noted.popleft()
            self._loading.add(run_id)
            self._readers.tell(
                self._engine, self._suspects.traced(run_id, partial(load, run_id)), partial(not_loaded, run_id)
            )
        if not (self._noted or self._loading or self._noting or self._waiting or self._suspected or self._postponed):
            self._suspects.flush()
            self.finished.resolve()

    def _note_next(self) -> None:
        """Note the next group while one is recovered, which hides the commit; or a suspect if no other run is left."""
        if self._noting or self._alone is not None or len(self._noted) >= NOTED_AT_ONCE:
            return
        if self._waiting:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), NOTED_AT_ONCE))]
            self._noting = True
            self._suspects.note(tuple(group))
        elif self._suspected and not (self._noted or self._loading or self._suspects.trials.any_of_groups):
            self._note_suspect()

    def _note_suspect(self) -> None:
        # The most suspicious one comes last: its crash delays no other.
        run_id = min(self._suspected, key=lambda each: self._suspects.rank_of(each) or (0, 0))
        if self._suspects.has_crashed_alone(run_id) and self._suspects.trials.suspects:
            return
        if run_id not in self._pauses and self._suspects.pause_before(run_id):
            self._pauses[run_id] = False
        if self._pauses.get(run_id, True):
            self._pauses.pop(run_id, None)
            self._suspected.remove(run_id)
            self._alone = run_id
            self._noting = True
            self._suspects.note_alone(run_id)
