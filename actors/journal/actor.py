"""The journal's actor: the only writer of the store.

    Record, Record, Record ... --> one transaction --> their messages are sent, their answers resolved

Records that arrive while a transaction is being written go into the next one: the busier the engine, the larger the
transactions (group commit). Senders never wait.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pykka

from stretto.actors.dispatch import TimedInbox, Timers
from stretto.actors.journal.access import AccessWriter, PruneAudit
from stretto.actors.journal.backlog import MAX_BATCH_ENTRIES, Backlog
from stretto.actors.journal.claims import Claims
from stretto.actors.journal.deletion import DeleteRun
from stretto.actors.journal.engine_messages import EngineMessages
from stretto.actors.journal.events import PruneEvents
from stretto.actors.journal.kv import KeyWriter
from stretto.actors.journal.link import JournalLink, notify
from stretto.actors.journal.messages import (
    ChangeAccess,
    ChangeKey,
    ClaimLeft,
    ClaimRuns,
    ClaimSchedules,
    ClaimSensors,
    EngineStarted,
    MatchesClaimed,
    PruneRuns,
    Record,
    Records,
    RetryCommit,
    RunExists,
    RunsClaimed,
    RunUnrecordable,
    StoreGone,
)
from stretto.actors.journal.records import Audited, Happened, Write, run_of
from stretto.actors.journal.refusals import answer_duplicate, answer_unrecordable
from stretto.actors.journal.schedules import ScheduleClaims
from stretto.actors.journal.sensors import SensorClaims
from stretto.actors.journal.store import (
    AlreadyAccepted,
    Prune,
    Pruning,
    StoreClosed,
    StoreLost,
    StoreUnavailable,
    Unrecordable,
    Writer,
)
from stretto.definitions.errors import StrettoError
from stretto.metrics import Instruments, get_logger

FIRST_RETRY_SECONDS: Final = 0.1
LAST_RETRY_SECONDS: Final = 5.0
PRUNE_PORTION: Final = 2000
"""Rows that one transaction deletes, in some hundredths of a second: records wait for it that long."""

_log = get_logger("stretto.journal")


_OTHERS: Final[Mapping[type, str]] = {PruneAudit: "audit", PruneEvents: "events"}
"""The rows besides runs that are deleted, as log lines name them."""


class _ContinuePruning:
    """Delete the next portion."""


class _PruneRequest:
    """A request to delete runs, entries of the audit or events: its answer, and how many are deleted so far."""

    __slots__ = ("answer", "audit", "deleted", "of_one_run", "others", "pruning")

    def __init__(self, message: PruneRuns, pruning: Pruning) -> None:
        self.pruning = pruning
        self.answer = message.answer
        self.audit = message.audit
        self.others = _OTHERS.get(type(message.prune))
        self.of_one_run = isinstance(message.prune, DeleteRun)
        self.deleted = 0


class JournalActor(pykka.ThreadingActor):
    """Writes records in the order of their arrival, all that have gathered in one transaction."""

    use_daemon_thread = True

    def __init__(  # noqa: PLR0913 - its collaborators, as keywords
        self,
        writer: Writer,
        pruning: Callable[[Prune | PruneAudit | PruneEvents | DeleteRun], Pruning],
        link: JournalLink,
        *,
        access: AccessWriter,
        keys: KeyWriter,
        claims: Claims,
        schedules: ScheduleClaims,
        sensors: SensorClaims,
        timers: Timers,
        instruments: Instruments,
        engine: Callable[[], pykka.ActorRef[Any] | None],
    ) -> None:
        super().__init__()
        self._writer = writer
        self._pruning = pruning
        self._link = link
        self._access = access
        self._keys = keys
        self._claims = claims
        self._schedules = schedules
        self._sensors = sensors
        self._timers = timers
        self._instruments = instruments
        self._engine = EngineMessages(engine)
        self._backlog = Backlog()
        self._failing: list[Record] = []
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._refused: set[str] = set()
        self._prunes: deque[_PruneRequest] = deque()

    @staticmethod
    def _create_actor_inbox() -> TimedInbox:
        return TimedInbox()

    def thread(self) -> threading.Thread:
        """Return the journal's thread, to be joined after the actor is stopped."""
        return threading.current_thread()

    def on_receive(self, message: Any) -> Any:
        """Gather a record; commit when the mailbox is empty, which is soon: to send a record takes far longer."""
        if isinstance(message, ChangeAccess | ChangeKey | ClaimSchedules | ClaimSensors):
            try:
                return self._change(message)
            finally:
                self._work_off()
        if type(message) is Record:
            self._backlog.add(message)
        elif type(message) is Records:
            self._backlog.add_all(message.records)
        elif type(message) is RetryCommit:
            self._retry()
        elif type(message) is ClaimRuns:
            self._claim_regularly()
        elif type(message) is ClaimLeft:
            self._claim()
        elif type(message) is EngineStarted:
            self._link.begin_claiming()
            if not self._engine.send_kept() and self._link.is_shared:  # what was kept ends the engine
                self._claim()
        elif type(message) is PruneRuns:
            self._prunes.append(_PruneRequest(message, self._pruning(message.prune)))
        self._work_off()
        return None

    def _work_off(self) -> None:
        """Commit and prune until the next message comes."""
        while (self._backlog or self._prunes) and not self._failing and self.actor_inbox.empty():
            if self._backlog:
                self._commit()
            if self._prunes and not self._failing:
                self._prune(self._prunes.popleft())

    def on_stop(self) -> None:
        """Write the remaining records and release the store."""
        if self._failing:
            self._retry()
        while self._backlog and not self._failing:
            self._commit()
        for request in self._prunes:
            request.answer.fail(StoreClosed("the engine was stopped before all of these runs were deleted"))
        left = sum(record.entries for record in self._failing) + self._backlog.entries
        if left:
            _log.error("journal_left_unwritten", entries=left, reason=self._link.unavailable)
        self._writer.close()

    def on_failure(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Stop the engine: without a journal it must not acknowledge anything."""
        self._engine.send(StoreGone(f"the journal crashed: {type(error).__name__}: {error}"))
        self._writer.close()

    def _commit(self) -> None:
        """Write the records that come next, and more of them as long as no one waits for the commit."""
        ends = self._backlog.is_awaited
        batch = self._without_refused(self._backlog.take())
        self._write(batch, () if ends else self._more(batch))
        if not self._backlog.is_awaited:
            self._link.answered(self._backlog.awaited)

    def _more(self, batch: list[Record]) -> Iterator[Sequence[Write]]:
        """Add portions to a batch, and yield their writes. The last one is one that someone waits for."""
        entries, ends = sum(each.entries for each in batch), False
        while self._backlog and entries < MAX_BATCH_ENTRIES and not ends:
            if self._link.awaited != self._backlog.awaited:
                self._backlog.gather(self.actor_inbox)
            ends = self._backlog.is_awaited
            portion = self._without_refused(self._backlog.take())
            entries += sum(each.entries for each in portion)
            batch.extend(portion)
            yield _writes_of(portion)

    def _write(self, batch: list[Record], more: Iterable[Sequence[Write]] = ()) -> None:
        try:
            self._committed(batch, self._written(batch, more))
        except StoreUnavailable as error:
            self._fail(batch, error)
        except StoreLost as error:
            self._lose(error)
        except Unrecordable:
            self._write_one_by_one(batch)

    def _without_refused(self, batch: list[Record]) -> list[Record]:
        """Drop records of runs with an earlier record that the store refused."""
        if not self._refused:
            return batch
        accepted = [each for each in batch if not self._is_refused(each)]
        self._link.dropped(sum(each.entries for each in batch) - sum(each.entries for each in accepted))
        return accepted

    def _is_refused(self, record: Record) -> bool:
        """Return whether the store refused an earlier record of the run. The run's end alone is accepted again."""
        if _only_ends(record):
            self._refused.discard(run_of(record.write) or "")
        return run_of(record.write) in self._refused

    def _written(self, batch: Sequence[Record], more: Iterable[Sequence[Write]] = ()) -> list[AlreadyAccepted]:
        writes = _writes_of(batch)
        if not writes:
            return []
        began = time.perf_counter()
        existing = self._writer.write(writes, more)
        self._instruments.journal_commit.observe(time.perf_counter() - began)
        self._instruments.journal_batch.observe(sum(each.entries for each in batch))
        return existing

    def _committed(self, batch: Sequence[Record], existing: Sequence[AlreadyAccepted]) -> None:
        refused = {each.run_id: each for each in existing}
        self._available(sum(each.entries for each in batch))
        for record in batch:
            earlier = refused.get(run_of(record.write) or "")
            if earlier is None:
                notify(record.notifications, record.answers)
            elif not answer_duplicate(record, earlier):
                self._engine.send(RunExists(earlier.run_id, earlier.existing, earlier.same_request))

    def _available(self, entries: int) -> None:
        """Count entries as durable: the store can be written."""
        if self._link.unavailable is not None:
            self._retry_seconds = FIRST_RETRY_SECONDS
            _log.info("store_available")
        self._link.committed(entries)

    def _write_one_by_one(self, batch: Sequence[Record]) -> None:
        """Write each record in its own transaction, to find the one that the store refuses."""
        for number, record in enumerate(batch):
            if self._is_refused(record):
                self._link.dropped(record.entries)
                continue
            try:
                self._committed([record], self._written([record]))
            except Unrecordable as error:
                self._refuse(record, str(error))
            except StoreUnavailable as error:
                self._fail(list(batch[number:]), error)
                return
            except StoreLost as error:
                self._lose(error)
                return

    def _refuse(self, record: Record, reason: str) -> None:
        run_id = run_of(record.write) or ""
        self._link.dropped(record.entries)
        if answer_unrecordable(record, reason):
            return
        _log.error("run_unrecordable", run_id=run_id, reason=reason)
        if _only_ends(record):  # the store does not know the run: only its end is left to report
            notify(record.notifications, record.answers)
            return
        self._refused.add(run_id)
        self._engine.send(RunUnrecordable(run_id, reason))

    # ---- an unavailable store

    def _fail(self, batch: list[Record], error: StoreUnavailable) -> None:
        """Keep a batch unchanged, to be written again as a whole when the store is available."""
        self._failing = batch
        self._unavailable(error)
        self._timers.remind_after(self._retry_seconds, self.actor_ref, RetryCommit())
        self._retry_seconds = min(self._retry_seconds * 2, LAST_RETRY_SECONDS)

    def _unavailable(self, error: StoreUnavailable) -> None:
        """Let nothing start until the next transaction."""
        self._instruments.journal_failures.inc()
        is_news = self._link.unavailable is None
        self._link.failed(str(error))
        if is_news:  # who reads it finds that no request is accepted
            _log.error("store_unavailable", reason=str(error))

    def _retry(self) -> None:
        batch, self._failing = self._failing, []
        self._write(self._without_refused(batch))

    def _lose(self, error: StoreLost) -> None:
        _log.critical("store_lost", reason=str(error))
        self._link.failed(str(error))
        self._failing, self._backlog = [], Backlog()
        self._engine.send(StoreGone(str(error)))

    def _claim_regularly(self) -> None:
        again = self._claim()
        if again is not None:
            self._timers.remind_after(again, self.actor_ref, ClaimRuns())

    def _claim(self) -> float | None:
        """Claim a portion of runs, and return the seconds after which the lease must be renewed, or None for never."""
        if self._failing:  # the lease is renewed as soon as the store is available
            return self._retry_seconds
        try:
            claimed = self._claims.claim() if self._link.claims else self._claims.renew()
        except StoreUnavailable as error:
            self._unavailable(error)
            return FIRST_RETRY_SECONDS
        except StoreLost as error:
            self._lose(error)
            return None
        self._available(0)
        self._instruments.daemons_fenced.inc(claimed.fenced)
        self._instruments.runs_claimed.inc(len(claimed.unfinished))
        if claimed.unfinished or claimed.suspects:
            self._engine.send(RunsClaimed(claimed))
        if claimed.matches:
            self._engine.send(MatchesClaimed())
        if claimed.more:
            self.actor_ref.tell(ClaimLeft())
        return claimed.again

    # ---- access, keys, and claims of schedules and sensors

    def _change(self, message: ChangeAccess | ChangeKey | ClaimSchedules | ClaimSensors) -> Any:
        """Write a change in its own transaction. Raises what the sender gets, such as StoreUnavailable."""
        if self._failing:
            raise StoreUnavailable(f"the store cannot be written: {self._link.unavailable}")
        try:
            if isinstance(message, ChangeKey):
                return self._keys.apply(message.change, message.audit)
            if isinstance(message, ClaimSchedules):
                return self._schedules.claim(message.timings, message.at)
            if isinstance(message, ClaimSensors):
                return self._sensors.claim(message.refs)
            return self._access.apply(message.change, message.audit)
        except StoreLost as error:
            self._lose(error)
            raise

    def _prune(self, request: _PruneRequest) -> None:
        """Delete one portion. The next one waits behind the records that have arrived by then."""
        try:
            if request.audit:
                self._writer.write([Audited(request.audit)])
                request.audit = ()
            request.deleted += request.pruning.prune_some(PRUNE_PORTION)
        except StrettoError as error:
            if request.others is not None:
                _log.warning(f"{request.others}_not_pruned", entries=request.deleted, reason=str(error))
            elif not request.of_one_run:  # which is refused, if it is needed
                _log.warning("runs_not_pruned", runs=request.deleted, reason=str(error))
            request.answer.fail(error)
        else:
            if request.pruning.finished:
                if request.others is not None:
                    _log.info(f"{request.others}_pruned", entries=request.deleted)
                else:
                    _log.info("runs_pruned", runs=request.deleted)
                request.answer.resolve(request.deleted)
            else:
                self._prunes.append(request)
        if self._prunes:
            self.actor_ref.tell(_ContinuePruning())


def _writes_of(records: Iterable[Record]) -> list[Write]:
    return [each.write for each in records if each.write is not None]


def _only_ends(record: Record) -> bool:
    """Return whether a record contains only a run's end, without entries."""
    write = record.write
    return isinstance(write, Happened) and write.ending is not None and not write.entries
