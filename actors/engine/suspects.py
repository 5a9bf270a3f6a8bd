"""Suspects: which runs are noted before they are recovered, until the items that they have restarted have ended.

    note a group --> commit --> replay, restart items        crash: all that are still noted are suspects
    note a suspect, alone --> commit --> the same            crash: it may be the cause (`crashes`)

A kill from outside can hit any run, also one that is alone. So a crash counts only in a row with others at the same
place, and each one after a pause in which a kill was far more likely.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import pykka
from msgspec import structs

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.crashes import LONE_CRASHES, cause_of_quarantine, judge_crash
from stretto.actors.engine.trials import SHARED_SECONDS, TRIAL_SECONDS, Trials
from stretto.actors.journal import LOADING, AuditEntries, Link, Reader, ReplayTrace, Suspicion, Suspicions
from stretto.actors.runs import PauseElapsed, RecoveryNoted, RunReleased
from stretto.metrics import get_logger

NOTED_AT_ONCE: Final = 64
"""Runs that are noted with one commit before they are recovered."""
PAUSE_SECONDS: Final = 5.0
"""The pause before the next recovery of a run that was alone at a crash. Its replay takes milliseconds."""

_log = get_logger("stretto.engine")

Loaded = TypeVar("Loaded")


class Suspects:
    """Notes runs in the journal before they are recovered. Thread-safe in `traced` only."""

    def __init__(
        self,
        journal: Link,
        engine: pykka.ActorRef[Any],
        trace: ReplayTrace,
        now: Callable[[], float],
        remind_after: Callable[[float, pykka.ActorRef[Any], Any], object],
    ) -> None:
        self._journal = journal
        self._engine = engine
        self._trace = trace
        self._now = now
        self._remind_after = remind_after
        self._suspects: dict[str, Suspicion] = {}
        """Runs whose recovery has not ended since a crash. They are recovered alone."""
        self._noted: set[str] = set()
        """Runs that this engine noted in groups."""
        self.trials = Trials(engine, trace, remind_after)
        self._share = TRIAL_SECONDS
        """The time after which the next suspect is recovered, although items of the last one are in flight."""
        self._unwritten: list[Suspicion] = []
        self._cleared: list[str] = []

    def review(self, found: Iterable[Suspicion], unfinished: Iterable[str]) -> list[Suspicion]:
        """Judge the crash of the last engine, durably before any run is recovered.

        Args:
            found: What the store has about suspects.
            unfinished: The ids of all unfinished runs.

        Returns:
            The quarantined ones of the unfinished runs.
        """
        ids, quarantined, left = frozenset(unfinished), [], []
        for each in found:
            if each.run_id not in ids:
                if each.quarantined_at is None:  # it ended just before the crash
                    self._cleared.append(each.run_id)
            elif each.quarantined_at is not None:
                quarantined.append(each)
            else:
                left.append(each)
        for each, counted in zip(left, judge_crash(left, self._trace), strict=True):
            judged = self._judged(counted) if counted.crashes > each.crashes else counted
            if judged != each:
                self._unwritten.append(judged)
            if judged.quarantined_at is None:
                self._suspects[each.run_id] = judged
            else:
                quarantined.append(judged)
        if self._suspects:
            _log.info("suspects_found", runs=len(self._suspects))
            self._share = min(TRIAL_SECONDS, SHARED_SECONDS / len(self._suspects))
        self.flush()
        return quarantined

    def _judged(self, suspicion: Suspicion) -> Suspicion:
        """Return what is noted of a run that was alone at one more crash."""
        _log.info("run_suspected", run_id=suspicion.run_id, crashes=suspicion.crashes, places=suspicion.places)
        cause = cause_of_quarantine(suspicion, self._trace)
        return suspicion if cause is None else self._quarantined(suspicion, cause)

    def _quarantined(self, suspicion: Suspicion, cause: str) -> Suspicion:
        reason = f"quarantined: {cause}; `stretto runs recover {suspicion.run_id}` tries again"
        _log.error("run_quarantined", run_id=suspicion.run_id, crashes=suspicion.crashes, reason=reason)
        return structs.replace(suspicion, alone=False, quarantined_at=self._now(), reason=reason)

    def count_broken(self, run_id: str, cause: str) -> Suspicion:
        """Count a recovery that the engine broke off, as a crash while the run was alone.

        Args:
            run_id: The run.
            cause: A clause: "its replay was broken off: ...".

        Returns:
            What is noted of the run from now on. It is quarantined if this was not the first time.
        """
        last = self._suspects.pop(run_id, None) or Suspicion(run_id=run_id, noted_at=self._now())
        self.trials.end(run_id)
        broken = structs.replace(last, alone=False, among=False, pausing=False, crashes=last.crashes + 1)
        _log.info("run_suspected", run_id=run_id, crashes=broken.crashes, reason=cause)
        if broken.crashes >= LONE_CRASHES:
            broken = self._quarantined(broken, cause)
        self._noted.discard(run_id)
        self._unwritten.append(broken)
        self.flush()
        return broken

    def release(self, run_id: str, audit: AuditEntries = ()) -> Deferred:
        """Make a quarantined run a suspect again. `RunReleased` follows, and the answer, once that is durable."""
        answer = Deferred()
        self._suspects[run_id] = suspicion = Suspicion(run_id=run_id, noted_at=self._now())
        changes = Suspicions(noted=(suspicion,), released=(run_id,), audit=audit)
        self._journal.record(changes, ((self._engine, RunReleased(run_id)),), ((answer, None),))
        return answer

    # ---- runs are noted

    def rank_of(self, run_id: str) -> tuple[int, int] | None:
        """Return how suspicious a suspect is, in comparison with others, or None if the run is not one.

        The least suspicious one is recovered first. One that was alone at the last crash comes before those that were
        so earlier: its crashes must be in a row.
        """
        suspicion = self._suspects.get(run_id)
        if suspicion is None:
            return None
        if not suspicion.crashes:
            return 0, suspicion.shared
        return (1 if suspicion.places else 2), suspicion.crashes

    def has_crashed_alone(self, run_id: str) -> bool:
        """Return whether a suspect was alone at the last crash, or at earlier ones in a row."""
        return self._suspects[run_id].crashes > 0

    def note(self, run_ids: tuple[str, ...]) -> None:
        """Note runs that are recovered together. `RecoveryNoted` follows once that is durable."""
        self._noted.update(run_ids)
        self._cleared = [each for each in self._cleared if each not in self._noted]  # a supervisor has crashed
        now = self._now()
        self._unwritten += [Suspicion(run_id=run_id, noted_at=now) for run_id in run_ids]
        self._write(RecoveryNoted(run_ids))

    def pause_before(self, run_id: str) -> bool:
        """Request `PauseElapsed` if the run was alone at a crash. Return whether it follows."""
        if not self.has_crashed_alone(run_id):
            return False
        self._suspects[run_id] = pausing = structs.replace(self._suspects[run_id], pausing=True)
        self._unwritten.append(pausing)
        self.flush()
        self._remind_after(PAUSE_SECONDS, self._engine, PauseElapsed(run_id))
        return True

    def note_alone(self, run_id: str) -> None:
        """Note a suspect that is recovered alone. `RecoveryNoted` follows once that is durable."""
        for other in self.trials.suspects:
            self._suspects[other] = among = structs.replace(self._suspects[other], alone=False, among=True)
            self._unwritten.append(among)
        alone = structs.replace(self._suspects[run_id], alone=True, pausing=False, noted_at=self._now())
        self._suspects[run_id] = alone
        self._unwritten.append(alone)
        # Before the commit: a process that dies in between has not reached the replay.
        self.trials.trace_next()
        self._trace.begin(alone)
        self._write(RecoveryNoted((run_id,)))

    def begin_trial(self, run_id: str) -> None:
        """Keep the note of a recovered run that has restarted items."""
        suspicion = self._suspects.get(run_id)
        if suspicion is not None and suspicion.alone:
            self.trials.begin_alone(run_id, TRIAL_SECONDS if suspicion.crashes else self._share)
        elif run_id in self._noted:
            self.trials.begin_in_group(run_id)

    def trace_of(self, run_id: str) -> ReplayTrace | None:
        """Return where a run's supervisor marks its place in the replay, or None if it is not recovered alone."""
        suspicion = self._suspects.get(run_id)
        return self._trace if suspicion is not None and suspicion.alone else None

    def traced(self, run_id: str, load: Callable[[Reader], Loaded]) -> Callable[[Reader], Loaded]:
        """Return `load`, marked in the trace if the run is recovered alone."""
        trace = self.trace_of(run_id)
        if trace is None:
            return load

        def marked(reader: Reader) -> Loaded:
            with trace.at(LOADING):
                return load(reader)

        return marked

    # ---- runs are no longer noted

    def clear(self, run_id: str) -> None:
        """Forget a run: it is recovered and settled, or never will be. That is written with the next note."""
        self.trials.end(run_id)
        if run_id in self._noted or run_id in self._suspects:
            self._noted.discard(run_id)
            if self._suspects.pop(run_id, None) is not None:
                _log.info("run_cleared", run_id=run_id)
            self._cleared.append(run_id)

    def postpone(self, run_id: str) -> None:
        """Note that a suspect is not being recovered now."""
        self.trials.end(run_id)
        suspicion = self._suspects.get(run_id)
        if suspicion is not None and (suspicion.alone or suspicion.among or suspicion.pausing):
            self._suspects[run_id] = waiting = structs.replace(suspicion, alone=False, among=False, pausing=False)
            self._unwritten.append(waiting)

    def flush(self) -> None:
        """Write what has changed."""
        if self._unwritten or self._cleared:
            self._write(None)

    def withdraw(self) -> None:
        """Forget what this engine noted, because it stops: the runs that it leaves are not to blame."""
        for run_id in list(self._noted):
            self.clear(run_id)
        for run_id in self._suspects:
            self.postpone(run_id)
        self.flush()

    def _write(self, then: RecoveryNoted | None) -> None:
        changes = Suspicions(noted=tuple(self._unwritten), cleared=tuple(self._cleared))
        self._unwritten, self._cleared = [], []
        self._journal.record(changes, () if then is None else ((self._engine, then),))
