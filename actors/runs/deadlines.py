"""The deadlines of one run and of its tasks: an event when each passes, and what its policy does then.

A recovered run sets its timers again. Each event has a key, so that it is accepted once.
"""

from functools import partial
from typing import Final

from stretto.actors.dispatch import Recipient
from stretto.actors.runs.ending import RunEnding
from stretto.actors.runs.messages import ControlRun
from stretto.actors.runs.reminders import DeadlinePassed, RunReminders
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.run_events import RunEvents
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import (
    CancelRequested,
    Conductor,
    RunLate,
    TaskCancelRequested,
    TaskStarted,
    TaskTimedOut,
)
from stretto.definitions.model import Deadlines, Workflow
from stretto.metrics import get_logger

DEADLINE_NEAR: Final = "stretto.deadline_near"
"""`warn_after` of a run or a task has passed: {run, workflow, task, visit, seconds, policy, labels}."""
DEADLINE_MISSED: Final = "stretto.deadline_missed"
"""The deadline of a run or a task has passed: as above."""

_log = get_logger("stretto.runs")


class RunDeadlines:
    """The timers of the deadlines of one run.

    Args:
        services: The clock.
        workflow: The run's workflow.
        run_id: The run's id.
        events: Make the events.
        reminders: Send `DeadlinePassed` at its time.
    """

    __slots__ = ("_events", "_reminders", "_run_id", "_services", "_workflow")

    def __init__(
        self, services: Services, workflow: Workflow, run_id: str, events: RunEvents, reminders: RunReminders
    ) -> None:
        self._services = services
        self._workflow = workflow
        self._run_id = run_id
        self._events = events
        self._reminders = reminders

    def run_started(self, at: float) -> None:
        """Set the timers of the run, which was accepted at a time in seconds since the epoch."""
        if self._workflow.deadlines is not None:
            self._set(self._workflow.deadlines, None, 0, at)

    def task_started(self, started: TaskStarted, at: float) -> None:
        """Set the timers of a visit that has begun at a time in seconds since the epoch."""
        task = self._workflow.tasks.get(started.task)
        if task is not None and task.deadlines is not None:
            self._set(task.deadlines, started.task, started.visit, at)

    def recovered(self, conductor: Conductor, accepted_at: float) -> None:
        """Set the timers of a recovered run. Those that have passed come at once."""
        self.run_started(accepted_at)
        for visit in conductor.active_visits():
            if visit.task.deadlines is not None:
                self._set(visit.task.deadlines, visit.name, visit.visit, visit.started_at)

    def task_ended(self, task: str, visit: int) -> None:
        """Forget the timers of a visit."""
        for warns in (True, False):
            self._reminders.forget(DeadlinePassed(task, visit, warns))

    def _set(self, deadlines: Deadlines, task: str | None, visit: int, since: float) -> None:
        for seconds, warns in ((deadlines.warn_after, True), (deadlines.seconds, False)):
            if seconds is not None:
                # The clock may have been set back meanwhile: nothing takes longer than it was set to take.
                left = min(max(since + seconds - self._services.now(), 0.0), seconds)
                self._reminders.add_after(left, DeadlinePassed(task, visit, warns))

    def passed(self, message: DeadlinePassed, conductor: Conductor) -> ControlRun | None:
        """Make the event of a deadline, and return what its policy asks of the run or the task, or None.

        A visit that has ended is not late.
        """
        self._reminders.came(message)
        if message.task is not None and not conductor.is_active(message.task, message.visit):
            return None
        owner = self._workflow if message.task is None else self._workflow.tasks[message.task]
        deadlines = owner.deadlines
        if deadlines is None:
            return None
        seconds = deadlines.warn_after if message.warns else deadlines.seconds
        facts = {"task": message.task, "visit": message.visit, "seconds": seconds, "policy": deadlines.policy}
        name = DEADLINE_NEAR if message.warns else DEADLINE_MISSED
        _log.warning(name.rpartition(".")[2], run_id=self._run_id, workflow=self._workflow.ref, **facts)
        self._events.once(name, facts, f"{name}:{self._run_id}:{message.task or ''}:{message.visit}")
        if message.warns or deadlines.policy == "warn":
            return None
        if message.task is None:
            return ControlRun(RunLate if deadlines.policy == "fail" else partial(CancelRequested, late=True))
        if deadlines.policy == "fail":
            return ControlRun(TaskTimedOut, (message.task, message.visit))
        return ControlRun(partial(TaskCancelRequested, visit=message.visit), (message.task,))


def deadlines_of(
    services: Services, request: RunRequest, ending: RunEnding, supervisor: Recipient
) -> RunDeadlines | None:
    """Return the deadlines of a run, or None if it has none."""
    if not request.shape.has_deadlines:
        return None
    events = RunEvents(services, request)
    return RunDeadlines(services, request.workflow, request.handle.id, events, ending.reminders(supervisor))
