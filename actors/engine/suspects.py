"""Suspects: which runs are noted before they are recovered, and what a crash meanwhile means for them.

    note a group --> commit --> replay it        crash: all that are still noted are suspects
    note a suspect, alone --> commit --> replay  crash: it may be the cause; at the second one it is quarantined

A kill from outside can hit any run, also one that is alone. So two crashes in a row quarantine a run only if both came
at the same place of its replay (`ReplayTrace`), and the second one after a pause in which a kill was far more likely.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import pykka
from msgspec import structs

from stretto.actors.dispatch import Deferred
from stretto.actors.journal import LOADING, AuditEntries, Link, Reader, ReplayTrace, Suspicion, Suspicions
from stretto.actors.runs import PauseElapsed, RecoveryNoted, RunReleased
from stretto.metrics import get_logger

NOTED_AT_ONCE: Final = 64
"""Runs that are noted with one commit before they are recovered."""
LONE_CRASHES: Final = 2
"""Crashes at the same place of a run's lone replay that quarantine it."""
MOST_LONE_CRASHES: Final = 10
"""Crashes in a row while a run was alone that quarantine it, wherever they came."""
PAUSE_SECONDS: Final = 5.0
"""The pause before the next replay of a run whose last one crashed the engine. The replay takes milliseconds."""

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
        ids, quarantined = frozenset(unfinished), []
        noted = tuple(found)
        newest = max((each.noted_at for each in noted), default=0.0)
        for each in noted:
            if each.run_id not in ids:
                if each.quarantined_at is None:  # it ended just before the crash
                    self._cleared.append(each.run_id)
                continue
            if each.alone:
                judged = self._judged(each)
            elif each.place is not None and each.noted_at < newest:  # another engine has died elsewhere since
                judged = structs.replace(each, place=None)
                self._unwritten.append(judged)
            else:
                judged = each
            if judged.quarantined_at is None:
                self._suspects[each.run_id] = judged
            else:
                quarantined.append(judged)
        if self._suspects:
            _log.info("suspects_found", runs=len(self._suspects))
        self.flush()
        return quarantined

    def _judged(self, last: Suspicion) -> Suspicion:
        """Return what is noted of a run that was alone in recovery when the last engine ended."""
        place = self._trace.place_of(last)
        crashes = last.crashes + 1
        judged = structs.replace(last, alone=False, crashes=crashes, place=last.place if place is None else place)
        _log.info("run_suspected", run_id=last.run_id, crashes=crashes, place=place)
        if (place is not None and place == last.place) or crashes >= MOST_LONE_CRASHES:
            times = "twice" if crashes == LONE_CRASHES else f"{crashes} times"
            judged = self._quarantined(judged, f"the engine crashed {times} while it alone was being recovered")
        self._unwritten.append(judged)
        return judged

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
        broken = structs.replace(last, alone=False, crashes=last.crashes + 1)
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

    def rank_of(self, run_id: str) -> tuple[bool, int] | None:
        """Return how suspicious a suspect is, in comparison with others, or None if the run is not one."""
        suspicion = self._suspects.get(run_id)
        return None if suspicion is None else (suspicion.place is not None, suspicion.crashes)

    def note(self, run_ids: tuple[str, ...]) -> None:
        """Note runs that are recovered together. `RecoveryNoted` follows once that is durable."""
        self._noted.update(run_ids)
        now = self._now()
        self._unwritten += [Suspicion(run_id=run_id, noted_at=now) for run_id in run_ids]
        self._write(RecoveryNoted(run_ids))

    def pause_before(self, run_id: str) -> bool:
        """Request `PauseElapsed` if the run's last replay crashed the engine. Return whether it follows."""
        if self._suspects[run_id].place is None:
            return False
        self._remind_after(PAUSE_SECONDS, self._engine, PauseElapsed(run_id))
        return True

    def note_alone(self, run_id: str) -> None:
        """Note a suspect that is recovered alone. `RecoveryNoted` follows once that is durable."""
        alone = structs.replace(self._suspects[run_id], alone=True, noted_at=self._now())
        self._suspects[run_id] = alone
        self._unwritten.append(alone)
        # Before the commit: a process that dies in between has not reached the replay.
        self._trace.begin(alone)
        self._write(RecoveryNoted((run_id,)))

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
        """Forget a run: it is recovered, or never will be. That is written with the next note."""
        if run_id in self._noted or run_id in self._suspects:
            self._noted.discard(run_id)
            self._suspects.pop(run_id, None)
            self._cleared.append(run_id)

    def postpone(self, run_id: str) -> None:
        """Note that a suspect is not being recovered now."""
        suspicion = self._suspects.get(run_id)
        if suspicion is not None and suspicion.alone:
            self._suspects[run_id] = waiting = structs.replace(suspicion, alone=False)
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
