"""The scheduler: one actor that looks after all schedules of an engine. It sleeps until the next due time.

Each schedule handles one due time after the other. The state behind it and its event are one commit, so a crash
leaves neither a due time without its event nor an event that comes again.
"""

from typing import Any, Final

import msgspec

from stretto.actors.dispatch import Deferred, derived, handles, when_failed
from stretto.actors.journal import (
    AuditEntries,
    EventAccepted,
    Requester,
    ScheduleMoved,
    ScheduleState,
    asked_by,
)
from stretto.actors.schedules.claiming import ScheduleClaimer, Surroundings
from stretto.actors.schedules.held import Held, HeldSchedules
from stretto.actors.schedules.messages import (
    CompareClocks,
    RunOfScheduleEnded,
    RunsRead,
    ScheduleDue,
    ScheduleRecorded,
    ScheduleUnrecordable,
)
from stretto.actors.schedules.payloads import due_event
from stretto.actors.schedules.planning import plan
from stretto.actors.schedules.reports import (
    check_count,
    disabled_error,
    elsewhere_error,
    next_times,
    schedule_as_json,
    with_stored,
)
from stretto.definitions.schedules import decide
from stretto.metrics import get_logger

CHECK_SECONDS: Final = 60.0
"""How often the clock is compared with the passing of time. The waits for due times are exact without it."""
CLOCK_STEP_SECONDS: Final = 1.0
"""The least change of the clock that counts as one."""
CLAIM_RETRY_SECONDS: Final = 5.0

_log = get_logger("stretto.schedules")


class Scheduler(ScheduleClaimer):
    """Looks after schedules."""

    def __init__(self, held: HeldSchedules, surroundings: Surroundings) -> None:
        super().__init__(held, surroundings)
        self._drift: float | None = None

    def _take_up(self, held: Held, claimed: ScheduleState) -> None:
        if self._drift is None:
            self._compare_clocks(CompareClocks())
        is_new = held.state is None
        found = state = claimed if held.state is None else held.state
        if state.timing != held.identity:
            # Another timing begins now: what it would have been due before was not missed.
            after = int(self._with.now())
            state = msgspec.structs.replace(state, timing=held.identity, after=after, queued=None)
            held.pending.clear()
        elif is_new and held.begins is not None:
            state = msgspec.structs.replace(state, after=max(state.after, held.begins))
        held.state = state
        if state != found:
            # After a crash, what is due from now on was missed, and is not what another timing begins with.
            self._move(held, state)
        if is_new and self._with.journal.durable and held.schedule.overlap != "allow":
            self._read_runs(held)
        else:
            self._proceed(held)

    def _let_go(self, held: Held) -> None:
        self._forget_reminder(held)

    # ---- time

    @handles(ScheduleDue)
    def _due(self, message: ScheduleDue) -> None:
        held = self._held.get(message.ref)
        if held is not None and held.number == message.number:
            held.reminder = None
            self._proceed(held)

    @handles(CompareClocks)
    def _compare_clocks(self, _message: CompareClocks) -> None:
        """Plan anew if the clock was set: the reminders count the passing of time."""
        timers, earlier = self._with.timers, self._drift
        self._drift = self._with.now() - timers.monotonic()
        if earlier is not None and abs(self._drift - earlier) > CLOCK_STEP_SECONDS:
            _log.warning("clock_was_set", seconds=round(self._drift - earlier, 3))
            for held in self._held:
                self._proceed(held)
        timers.remind_after(CHECK_SECONDS, self.actor_ref, CompareClocks())

    def _proceed(self, held: Held) -> None:
        """Handle the next due time of a schedule, or wait for it."""
        state = held.state
        if state is None or held.busy or state.timing != held.identity:
            return  # it goes on once that is durable, or once it is claimed with its new timing
        if not held.may_start or self._with.intake.closed:
            self._forget_reminder(held)
            return
        if not held.pending:
            planned = plan(held.schedule, state, self._with.now())
            if planned.left_out:
                self._count("missed", planned.left_out)
                _log.warning("due_times_missed", schedule=state.ref, number=planned.left_out)
            if planned.start:
                held.pending.extend(planned.start)
                held.state = msgspec.structs.replace(state, missed=state.missed + planned.left_out)
            elif planned.after != state.after:
                missed = state.missed + planned.left_out
                self._move(held, msgspec.structs.replace(state, after=planned.after, missed=missed))
                return
            else:
                self._wait_until(held, planned.wake_at)
                return
        self._handle(held)

    def _wait_until(self, held: Held, wake_at: float | None) -> None:
        self._forget_reminder(held)
        held.wake_at = wake_at
        if wake_at is not None:
            held.number += 1
            seconds = max(wake_at - self._with.now(), 0.0)
            due = ScheduleDue(held.rule.ref, held.number)
            held.reminder = self._with.timers.remind_after(seconds, self.actor_ref, due)

    def _forget_reminder(self, held: Held) -> None:
        held.number += 1
        held.wake_at = None
        if held.reminder is not None:
            self._with.timers.forget(held.reminder)
            held.reminder = None

    # ---- a due time

    def _handle(self, held: Held) -> None:
        """Handle the first of the due times, unless the runs in progress have to be read first."""
        if held.running and held.schedule.overlap != "allow" and self._with.journal.durable:
            # A run may have ended in another engine, or was never started.
            self._read_runs(held)
        else:
            self._decide(held)

    def _read_runs(self, held: Held) -> None:
        held.busy, held.known, ref = held.busy + 1, frozenset(held.running), held.rule.ref
        self._with.readers.tell(
            self.actor_ref,
            lambda reader: RunsRead(ref, frozenset(reader.triggers.schedules.in_progress(ref))),
            lambda _error: RunsRead(ref, None),
        )

    @handles(RunsRead)
    def _runs_read(self, message: RunsRead) -> None:
        held = self._held.get(message.ref)
        if held is None:
            return
        held.busy -= 1
        if message.runs is not None:
            self._held.replace_runs(held, message.runs | (held.running - held.known))
        if held.busy:
            return
        if held.pending and held.may_start:
            self._decide(held)
        else:
            self._start_queued(held)

    def _decide(self, held: Held) -> None:
        due, state = held.pending.popleft(), held.state
        assert state is not None  # noqa: S101 - only a claimed schedule has due times
        state = msgspec.structs.replace(state, after=max(due, state.after))
        decision = decide(held.schedule.overlap, len(held.running))
        if decision == "skip":
            self._count("skipped")
            self._move(held, msgspec.structs.replace(state, skipped=state.skipped + 1))
        elif decision == "queue":
            replaced = int(state.queued is not None)
            self._count("skipped", replaced)
            self._count("queued")
            self._move(held, msgspec.structs.replace(state, queued=due, skipped=state.skipped + replaced))
        else:
            if decision == "replace":
                self._count("replaced")
                for run_id in tuple(held.running):
                    self._with.cancel(run_id)
            self._start(held, state, due)

    def _start(self, held: Held, state: ScheduleState, due: int, by: Requester | None = None) -> Deferred:
        """Start the run of a due time. Return {schedule, run, error}, one of them None, once that is durable."""
        now = self._with.now()
        event = due_event(held.rule, held.schedule, due, now, state.started)
        accepted = self._with.intake.acceptance_of(event)
        # Other rules may listen to due times, too.
        match = next((each for each in accepted.matches if each.rule == held.rule.ref), None)
        error = None if match is None else match.error
        run_id = None if match is None or error is not None else match.run_id
        if run_id is None:
            _log.warning("schedule_without_run", schedule=state.ref, reason=error)
        else:
            self._held.note_run(held, run_id)
        self._count("started")
        state = msgspec.structs.replace(state, last_due=due, last_run=run_id, last_at=now, started=state.started + 1)
        answer = {"schedule": state.ref, "run": run_id, "error": error}
        audit = () if by is None else self._asked(by.answering(answer), "trigger_schedule", state.ref)
        return derived(self._move(held, state, accepted, audit), lambda _nothing: answer)

    def _move(
        self, held: Held, state: ScheduleState, accepted: EventAccepted | None = None, audit: AuditEntries = ()
    ) -> Deferred:
        """Record a state, and handle the next due time once it is durable."""
        held.state, held.busy = state, held.busy + 1
        durable = Deferred()
        notifications = () if accepted is None else self._with.intake.notifications_of(accepted)
        run = None if accepted is None else state.last_run
        when_failed(durable, lambda _error: self.actor_ref.tell(ScheduleUnrecordable(state.ref, run)))
        self._with.journal.record(
            ScheduleMoved(state=state, accepted=accepted, audit=audit),
            (*notifications, (self.actor_ref, ScheduleRecorded(state.ref))),
            ((durable, None),),
            f"schedule:{state.ref}",
        )
        return durable

    @handles(ScheduleRecorded)
    def _recorded(self, message: ScheduleRecorded) -> None:
        held = self._held.get(message.ref)
        if held is not None:
            held.busy -= 1
            if not held.busy:
                self._start_queued(held)

    @handles(ScheduleUnrecordable)
    def _unrecordable(self, message: ScheduleUnrecordable) -> None:
        """Pass over a due time whose event the store refuses, which the journal has logged."""
        if message.run is not None:
            self._held.run_ended(message.run)
        self._recorded(ScheduleRecorded(message.ref))

    def _start_queued(self, held: Held) -> None:
        """Start the run that has waited for the end of another one, or proceed."""
        state = held.state
        if state is not None and state.queued is not None and not held.running and held.may_start:
            self._start(held, msgspec.structs.replace(state, queued=None), state.queued)
        else:
            self._proceed(held)

    @handles(RunOfScheduleEnded)
    def _run_ended(self, message: RunOfScheduleEnded) -> None:
        held = self._held.run_ended(message.run_id)
        if held is not None and not held.busy:
            self._start_queued(held)

    def _count(self, result: str, number: int = 1) -> None:
        self._held.counts[result] += number

    # ---- requests

    def schedules(self) -> Any:
        """Return all schedules. See `Engine.schedules`."""
        return self._after_claim(lambda: self._reports(sorted(self._held, key=lambda held: held.rule.ref)))

    def schedule(self, ref: str) -> Any:
        """Return a schedule. See `Engine.schedule`."""
        return self._after_claim(lambda: derived(self._reports([self._held.find(ref)]), lambda found: found[0]))

    def times(self, ref: str, after: float | None, count: int) -> list[dict[str, Any]]:
        """Return due times. See `Engine.schedule_times`."""
        held = self._held.find(ref)
        return next_times(held.rule, self._with.now() if after is None else after, check_count(count))

    def pause(self, ref: str, by: Requester | None) -> Any:
        """Pause a schedule. See `Engine.pause_schedule`."""
        return self._after_claim(lambda: self._pause(ref, by))

    def resume(self, ref: str, by: Requester | None) -> Any:
        """Resume a schedule. See `Engine.resume_schedule`."""
        return self._after_claim(lambda: self._resume(ref, by))

    def trigger(self, ref: str, by: Requester | None) -> Any:
        """Start a run of a schedule now. See `Engine.trigger_schedule`."""
        return self._after_claim(lambda: self._trigger(ref, by))

    def _pause(self, ref: str, by: Requester | None) -> Deferred:
        held, state = self._own(ref)
        held.pending.clear()
        self._forget_reminder(held)
        paused = msgspec.structs.replace(state, paused=True, queued=None)
        durable = self._move(held, paused, audit=self._asked(by, "pause_schedule", ref))
        self._with.changed()
        return self._answered(held, durable)

    def _resume(self, ref: str, by: Requester | None) -> Deferred:
        held, state = self._own(ref)
        if state.paused:
            state = msgspec.structs.replace(state, paused=False, after=max(state.after, int(self._with.now())))
        durable = self._move(held, state, audit=self._asked(by, "resume_schedule", ref))
        self._with.changed()
        return self._answered(held, durable)

    def _trigger(self, ref: str, by: Requester | None) -> Deferred:
        held, state = self._own(ref)
        if not held.rule.enabled:
            raise disabled_error(held.rule)
        return self._start(held, state, int(self._with.now()), by)

    def _asked(self, by: Requester | None, operation: str, ref: str) -> AuditEntries:
        return asked_by(by, operation, ref, self._with.now())

    def _answered(self, held: Held, durable: Deferred) -> Deferred:
        report = self._report(held)
        return derived(durable, lambda _nothing: report)

    def _own(self, ref: str) -> tuple[Held, ScheduleState]:
        """Return a schedule that this engine looks after. Raises `UnknownSchedule`, `ScheduleElsewhere`."""
        held = self._held.find(ref)
        if held.state is None:
            raise elsewhere_error(ref)
        return held, held.state

    def _reports(self, schedules: list[Held]) -> list[dict[str, Any]] | Deferred:
        """Return schedules. Those of other engines are read from the store."""
        now = self._with.now()
        if self._with.journal.durable and any(each.state is None and each.rule.enabled for each in schedules):
            return self._with.readers.ask_deferred(
                lambda reader: with_stored(reader.triggers.schedules, schedules, now)
            )
        return [schedule_as_json(each, now) for each in schedules]

    def _report(self, held: Held) -> dict[str, Any]:
        return schedule_as_json(held, self._with.now())
