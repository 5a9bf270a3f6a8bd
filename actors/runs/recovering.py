"""The supervisor of a recovered run: it replays the journal's entries, then resumes the outstanding work.

readers --EntriesRead--> Replay --> Conductor in its former state --> outstanding items, files and timers
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from stretto.actors.dispatch import Overran, Recipient, handles
from stretto.actors.history import READ_AT_ONCE, EntriesRead, Replay, RunNotLoaded, not_loaded
from stretto.actors.journal import (
    BEGINNING,
    FIRST_ENTRY,
    Child,
    ContextTracker,
    Entry,
    Inquiry,
    InquiryEnd,
    Reader,
    ReplayTrace,
    RunLog,
)
from stretto.actors.outcome import Outcome
from stretto.actors.runs.in_flight import STOP
from stretto.actors.runs.messages import BeginRun
from stretto.actors.runs.recovery_messages import RunRecovered, RunSettled
from stretto.actors.runs.request import RecoverySource, RunRequest
from stretto.actors.runs.restarted_items import MOST_FOLLOWED, describe_starts
from stretto.actors.runs.services import Services
from stretto.actors.runs.starting_items import Key, key_of
from stretto.actors.runs.supervisor import RunSupervisor
from stretto.actors.runs.waiting_messages import WaitedBefore
from stretto.definitions.conductor import (
    CancelRequested,
    Conductor,
    ItemsHeld,
    PauseRequested,
    PropagatedRequest,
    ResumeRequested,
    RunTimedOut,
    StartItem,
    WaitUntil,
)
from stretto.definitions.context import NO_SECRECY
from stretto.definitions.expressions import stopped_error


# The label is that of the metric `stretto_actors`, and has to stay.
class RecoveringSupervisor(RunSupervisor, label="RebuiltRunSupervisor"):
    """Conducts one run from the state in which an engine, or a crashed supervisor, has left it."""

    recovers = True

    def __init__(self, services: Services, engine: Recipient, request: RunRequest, source: RecoverySource) -> None:
        super().__init__(services, engine, request)
        self._source: RecoverySource | None = source
        """Until the run is resumed: what it says of the run is in the conductor then."""
        self._replay: Replay | None = None
        self._restarted: list[Key] = []
        """The items that were in flight when the run was left, as long as they are again; the first one is last."""
        self._place = BEGINNING
        self._context = ContextTracker()
        if request.parent is not None:
            self._run.propagation.report_pause_again()

    def on_turn_end(self) -> None:
        """Do as every supervisor does, then report once that the restarted items have ended."""
        super().on_turn_end()
        if self._restarted:
            self._report_settled()

    def _report_settled(self) -> None:
        run, restarted = self._run, self._restarted
        while restarted and (run.ended or not run.items.is_outstanding(restarted[-1])):
            restarted.pop()
        if not restarted:
            run.listeners.notify_engine(RunSettled(run.run_id))

    @handles(BeginRun)
    def _begin_run(self, _message: BeginRun) -> None:
        """Start the replay, in place of a new run."""
        source = self._source
        if source is None:
            raise RuntimeError("a run is recovered once")
        accepted = source.accepted
        conductor = self._make_conductor(accepted.parameters, accepted.accepted_at)
        self._replay = Replay(conductor, accepted.accepted_at, source.children, self._note_context, source.inquiries)
        self._read_entries(self._replay.entries)

    def _note_context(self, conductor: Conductor, at: int) -> None:
        self._context.note(conductor, at)

    def _read_entries(self, first: int) -> None:
        run_id = self._run.run_id

        def read(reader: Reader) -> EntriesRead:
            entries = reader.entries(run_id, first, READ_AT_ONCE)
            through = None if first else reader.contexts.through(run_id)
            return EntriesRead(entries, more=len(entries) == READ_AT_ONCE, contexts_through=through)

        self._services.readers.tell(self.actor_inbox, read, partial(not_loaded, run_id))

    @handles(EntriesRead)
    def _entries_read(self, message: EntriesRead) -> None:
        replay, conductor = self._replay, self._run.conductor
        if replay is None or conductor is None or self._run.ended:
            return
        if message.contexts_through is not None:
            self._context = ContextTracker(message.contexts_through)
        try:
            rest = self._services.guard.call(self._feed, replay, message.entries)
        except Overran as overran:
            self._break_off(conductor, overran)
            return
        if rest or replay.unfinished:
            self.actor_inbox.tell(EntriesRead(list(rest), message.more))
        elif message.more:
            self._read_entries(replay.entries)
        else:
            self._replay = None
            with self._at(FIRST_ENTRY + replay.entries):
                self._resume_outstanding(replay, conductor)
            self._source = None

    def _feed(self, replay: Replay, entries: list[Entry]) -> Sequence[Entry]:
        """Apply entries, and return those that are left for the next turn."""
        trace = self._trace
        if trace is None:
            return replay.feed_for_a_turn(entries)
        count = 0
        if not replay.unfinished:
            # The first two entries say whether the run has begun.
            count, self._place = (1, FIRST_ENTRY + replay.entries) if replay.entries else (2, BEGINNING)
        with trace.at(self._place):
            return [*replay.feed_for_a_turn(entries[:count]), *entries[count:]]

    @property
    def _trace(self) -> ReplayTrace | None:
        return None if self._source is None else self._source.trace

    def _at(self, place: int) -> AbstractContextManager[None]:
        """Mark a place in the replay of a run that may have crashed an engine."""
        trace = self._trace
        return nullcontext() if trace is None else trace.at(place)

    @handles(RunNotLoaded)
    def _not_loaded(self, message: RunNotLoaded) -> None:
        """Stop, because the entries cannot be read. The engine decides what becomes of the run."""
        if not self._run.ended:
            self._run.ended = True
            self._run.listeners.notify_engine(message)
            self.stop()

    def _break_off(self, conductor: Conductor, overran: Overran) -> None:
        """Leave the run as it is in the store: a replay that takes too long says nothing of the run's own events."""
        error = stopped_error(overran.work, overran.seconds)
        self._run.telemetry.evaluation_stopped(error)
        reason = conductor.mask.text(f"its replay was broken off: {error}")
        self._not_loaded(RunNotLoaded(self._run.run_id, reason, "at the next start"))

    def _resume_outstanding(self, replay: Replay, conductor: Conductor) -> None:
        """Resume the items, files and timers that were outstanding when the run was left."""
        run = self._run
        run.begun = True
        run.log = RunLog(
            self._services.journal, run.run_id, secretive=self._request.secrecy != NO_SECRECY,
            first=replay.entries, learned=conductor.mask.seen_count, family=self._request.family,
            max_output_bytes=self._services.max_output_bytes, context=self._context,
        )  # fmt: skip
        conductor.follow_keys()
        run.note_keys(conductor)
        if replay.requested is not None:
            run.propagation.latest = replay.requested
        # The state before the requests below: they may add commands, which are carried out as always.
        outstanding, timers = conductor.outstanding(), conductor.timers()
        run.streams.recover(replay.results.files, conductor.streams())
        run.telemetry.recovered(replay.entries, len(outstanding), replay.accepted_at)
        if replay.finish is not None:
            run.finish(Outcome(replay.finish.status, replay.finish.output, replay.finish.errors))
        run.catch_up_with_parent()
        if run.deadlines is not None and not run.ended:
            run.deadlines.recovered(conductor, replay.accepted_at)
        if not run.ended:
            run.recover_inquiries(conductor)
        self._resume_waits(timers, conductor)
        self._mark_restarted(outstanding, replay, conductor)
        children: dict[str, PropagatedRequest | None] = {}
        for start in outstanding:
            if run.ended:
                break
            child = replay.child_of(start)
            if child is not None:
                children[child.run_id] = self._attach(start, child, conductor)
            else:
                self._resume_item(start, replay, conductor)
        self._end_left_inquiries(outstanding, conductor)
        run.listeners.notify_engine(RunRecovered(run.run_id, children, restarted=bool(self._restarted)))
        run.start_items()
        self._handle_early()

    def _mark_restarted(self, outstanding: list[StartItem], replay: Replay, conductor: Conductor) -> None:
        """Note which items start again, before the first one of them does: it may end the process."""
        if self._run.ended or conductor.status == "paused":
            return
        starts = [
            each
            for each in outstanding
            if replay.child_of(each) is None
            and not self._run.items.waits_for_message(each)
            and _starts_again(each, replay, conductor)
        ]
        self._restarted = [key_of(each) for each in reversed(starts[:MOST_FOLLOWED])]
        if starts and (trace := self._trace) is not None:
            trace.mark_restart(describe_starts(starts))

    def _resume_waits(self, waits: list[WaitUntil], conductor: Conductor) -> None:
        """Time the run out if its deadline has passed, then set the timers of the waits that are left."""
        now = self._services.now()
        for wait in waits:
            if isinstance(wait.then, RunTimedOut) and wait.then.at <= now:
                self._run.event(wait.then)  # before any item starts in a run that has failed
        # The deadline, and a cancel of the parent, end the other waits: these have no duration any more.
        outstanding = frozenset(conductor.timers())
        for wait in waits:
            if wait in outstanding:
                # The clock may have been set back meanwhile: a wait takes no longer than it was set to take.
                self._run.wait(wait, at_most=conductor.duration_of(wait))

    def _resume_item(self, start: StartItem, replay: Replay, conductor: Conductor) -> None:
        inquiry = replay.inquiry_of(start)
        if inquiry is not None or (self._run.items.waits_for_message(start) and conductor.may_resume(start)):
            self._wait_on(start, inquiry, conductor)
        elif not conductor.may_resume(start):
            message = "it was stopped with the engine, and its run is being cancelled"
            self._run.end_unstarted(start, "cancelled", message)
        elif replay.may_have_run(start):
            self._run.end_unstarted(start, "may_have_run", "the engine ended after its start, so that it may have run")
        elif _is_held(start, conductor):
            self._run.event(ItemsHeld(start.task, start.visit, (start.index,), self._services.now()))
        else:
            self._run.command_start(start, None)

    def _end_left_inquiries(self, outstanding: list[StartItem], conductor: Conductor) -> None:
        """End the inquiries whose attempts ended in a commit before: the run was broken off between the two."""
        keys = {(*key_of(each), each.attempt) for each in outstanding}
        made = {each.made.inquiry for each in conductor.inquiries_made().values()}
        for inquiry in () if self._source is None else self._source.inquiries:
            of_item = inquiry.task, inquiry.visit, inquiry.index, inquiry.attempt
            if of_item not in keys and inquiry.id not in made:
                self._run.log.inquiry(InquiryEnd(id=inquiry.id, status="cancelled", at=self._services.now()))

    def _wait_on(self, start: StartItem, inquiry: Inquiry | None, conductor: Conductor) -> None:
        """Let an item wait on for the answer to its inquiry, or for its event, or end it with its run."""
        run = self._run
        run.items.start_child(start, None, WaitedBefore() if inquiry is None else inquiry)
        if not conductor.may_resume(start):
            run.items.send(key_of(start), STOP)

    def _attach(self, start: StartItem, child: Child, conductor: Conductor) -> PropagatedRequest | None:
        """Attach an item to its sub-workflow's run. Return the request that this run may have missed."""
        run = self._run
        run.items.start_child(start, None, child)
        if conductor.may_resume(start):
            return later(run.propagation.latest, conductor.task_request(start))
        run.items.send(key_of(start), STOP)
        return CancelRequested(self._services.now())


def later(
    of_run: PropagatedRequest | None, of_task: PauseRequested | ResumeRequested | None
) -> PropagatedRequest | None:
    """Return the request that a sub-workflow follows, of those to its parent and to its parent's task."""
    if of_run is None or of_task is None:
        return of_run or of_task
    return of_run if isinstance(of_run, CancelRequested) or of_run.at > of_task.at else of_task


def _starts_again(start: StartItem, replay: Replay, conductor: Conductor) -> bool:
    return conductor.may_resume(start) and not replay.may_have_run(start) and not _is_held(start, conductor)


def _is_held(start: StartItem, conductor: Conductor) -> bool:
    """Return whether an item's task is paused, so that the item waits for the task's resume."""
    return isinstance(conductor.task_request(start), PauseRequested)
