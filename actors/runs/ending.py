"""The ways in which a supervisor leaves its run: at its end, parked, discarded, interrupted, or by a crash."""

from msgspec import structs

from stretto.actors.dispatch import Overran, Recipient
from stretto.actors.journal import Ending, RunLog
from stretto.actors.outcome import Outcome, failed_with
from stretto.actors.runs.in_flight import ItemsInFlight
from stretto.actors.runs.listeners import RunListeners
from stretto.actors.runs.messages import (
    RunCrashed,
    RunEnded,
    RunInterrupted,
    RunParked,
    RunProgressed,
    SharePermits,
)
from stretto.actors.runs.reminders import RunReminders
from stretto.actors.runs.request import RunInputs, RunRequest
from stretto.actors.runs.run_events import EVENTS_OF_AN_END, RunEvents
from stretto.actors.runs.services import Services
from stretto.actors.runs.streams import NO_STREAMS, RunStreams
from stretto.actors.runs.telemetry import RunTelemetry
from stretto.definitions.conductor import Conductor, EvaluationStopped, Event
from stretto.definitions.data import EMPTY_OBJECT
from stretto.definitions.expressions import stopped_error
from stretto.metrics import unmask_run


def last_entry(conductor: Conductor, log: RunLog) -> int:
    """Return the number of a run's last entry, or -1 before the first. Without a store, events are counted instead."""
    return log.last_entry if log.durable else conductor.event_count - 1


class RunEnding:
    """Cleans up behind a run, and notifies the engine."""

    __slots__ = (
        "_items", "_listeners", "_reminders", "_request", "_run_id", "_services", "_streams", "_telemetry",
        "parameters", "parks_when_idle",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it stops and reports to
        self,
        services: Services,
        request: RunRequest,
        items: ItemsInFlight,
        streams: RunStreams,
        listeners: RunListeners,
        telemetry: RunTelemetry,
    ) -> None:
        self.parameters = EMPTY_OBJECT
        """The run's bound inputs, for a rerun from memory."""
        self.parks_when_idle = False
        """Whether the run is parked as soon as only a resume could continue it."""
        self._services = services
        self._request = request
        self._run_id = request.handle.id
        self._items = items
        self._streams = streams
        self._reminders: RunReminders | None = None
        self._listeners = listeners
        self._telemetry = telemetry

    def reminders(self, supervisor: Recipient) -> RunReminders:
        """Return the reminders of a supervisor. Most runs wait for none."""
        if self._reminders is None:
            self._reminders = RunReminders(self._services.timers, self._services.now, supervisor)
        return self._reminders

    # ---- at the run's end

    def journal_end(self, outcome: Outcome, conductor: Conductor | None, log: RunLog) -> RunProgressed:
        """Journal a run's end, and return its last progress.

        RunEnded is sent after the commit, behind the answers of this turn.
        """
        tasks, request = conductor.tasks() if conductor is not None else {}, self._request
        # First, so that a client with the outcome finds the run counted.
        self._telemetry.ended(outcome)
        self._telemetry.flush(conductor)
        masked = outcome
        if conductor is not None:
            # The parent's task works with the unmasked output.
            if conductor.mask:
                masked = structs.replace(outcome, output=conductor.mask.data(outcome.output))
            if self._services.events.wants_any(EVENTS_OF_AN_END):
                RunEvents(self._services, request).run_ended(masked, self.parameters, conductor.mask, log)
            if log.durable:
                log.end(Ending(masked.status, masked.output, masked.errors, self._services.now()))
            if self._listeners.followers:
                for follower, last in self._listeners.last_changes(conductor, last_entry(conductor, log), tasks):
                    log.tell(follower, last)
        inputs = RunInputs(request.workflow, self.parameters, request.origin, request.labels, request.priority)
        log.tell(self._listeners.engine, RunEnded(self._run_id, masked, tasks, inputs, outcome, log.in_memory))
        return RunProgressed(self._run_id, outcome.status, tasks)

    def announce_end(self, progress: RunProgressed) -> None:
        """Release the run's permits, and send its last progress."""
        if self._services.forget_permits(self._run_id):
            self._listeners.notify_engine(SharePermits())
        if self._listeners.watchers:
            self._listeners.report_end(progress)
        if self._reminders is not None:
            self._reminders.forget_all()

    # ---- without an end

    def is_idle(self, conductor: Conductor) -> bool:
        """Return whether nothing but a resume could continue the run."""
        if self._streams.busy or not self._items.is_idle_except_for(conductor.paused_items()):
            return False
        if (self._items.waits() or conductor.awaits_answers()) and not self._items.any_waits:
            return True  # people and events may take days
        return conductor.status == "paused" or (conductor.status == "failing" and not self._items.any_waits)

    def park(self, conductor: Conductor | None, log: RunLog) -> None:
        """Leave the run to the next engine that opens the store. `conductor` is None if the run has not begun."""
        self.leave()
        self._telemetry.parked()
        if conductor is not None:
            # Before RunParked: the engine stops when it has heard of all runs.
            log.flush(conductor.status, conductor.mask)
        self._listeners.notify_engine(RunParked(self._run_id))

    def break_off(self, overran: Overran, event: Event | None, conductor: Conductor, log: RunLog) -> Outcome | None:
        """Leave the run to another supervisor, or return its end, because an evaluation was stopped.

        With a store, the journal gets the stop and then the event: a replay evaluates nothing for it. The other
        supervisor fails the run. Without a store there is no way back to a known state.

        Args:
            overran: The evaluation that was stopped.
            event: The event that led to it, or None if the run was about to begin.
            conductor: The conductor, of which only the status and the mask before the event are known.
            log: The run's log.

        Returns:
            The run's outcome without a store, else None.
        """
        error = stopped_error(overran.work, overran.seconds)
        self._telemetry.evaluation_stopped(error)
        if not log.durable:
            self._items.stop()
            expression = conductor.mask.text(error.expression)
            return failed_with(error.code, error.explanation, where=error.place.as_json(), expression=expression)
        self.leave()
        self._telemetry.interrupted()
        began, now = event is not None, self._services.now()
        log.note(EvaluationStopped(error.place, error.expression, overran.seconds, began, now), conductor.mask)
        if event is not None:
            log.note(event, conductor.mask)
        # Before RunInterrupted, because the other supervisor reads these entries.
        log.flush(conductor.status, conductor.mask)
        self._listeners.notify_engine(RunInterrupted(self._run_id))
        return None

    def leave(self) -> None:
        """Stop the items and the reminders."""
        self._items.leave()
        if self._reminders is not None:
            self._reminders.forget_all()

    def close(self) -> None:
        """Release what outlives no supervisor: its files, and its secrets in the log's mask."""
        unmask_run(self._run_id)
        if self._streams is not NO_STREAMS:
            self._streams.leave()

    def crash(self, reason: str) -> None:
        """Count a crash, and report it."""
        self._telemetry.crashed(reason)
        self.report_crash(reason)

    def report_crash(self, reason: str) -> None:
        """Report to the engine that the supervisor has stopped before its run ended."""
        self._listeners.notify_engine(RunCrashed(self._run_id, reason))
