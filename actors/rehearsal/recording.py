"""A conductor that records its events and commands, for the report of a rehearsal."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stretto.actors.rehearsal.script import Request
from stretto.definitions.conductor import (
    Call,
    CancelRequested,
    Command,
    Conductor,
    DelayElapsed,
    Event,
    IllegalTransition,
    ItemCompleted,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    StartItem,
    TaskEnded,
    TaskStarted,
    WaitUntil,
    call_directly,
)
from stretto.definitions.data import list_of

if TYPE_CHECKING:
    from stretto.definitions.conductor import Visit as ActiveVisit
    from stretto.definitions.data import Data

_EVENTS: Final[Mapping[str, Callable[[float], Event]]] = {
    "pause": PauseRequested,
    "resume": ResumeRequested,
    "cancel": CancelRequested,
}


class Visit:
    """A visit of a task: its outcome ("running" before its end), its result, and its number of attempts."""

    __slots__ = ("attempts", "outcome", "result", "route", "task", "visit")

    def __init__(self, task: str, visit: int, route: int) -> None:
        self.task = task
        self.visit = visit
        self.route = route
        self.outcome = "running"
        self.result: Data = None
        self.attempts = 1


class RecordedConductor(Conductor):
    """A conductor that also records delays and visits.

    `requests` are made when the run begins, before its first commands are carried out.
    """

    def __init__(self, *given: Any, requests: Sequence[Request] = (), **options: Any) -> None:
        super().__init__(*given, **options)
        self.refused: list[str] = []
        self._requests = requests
        self._waits: dict[tuple[str, int, int, int | None], float] = {}
        self._starts: dict[tuple[str, int, int, int], StartItem] = {}
        self._ends: dict[tuple[str, int, int, int], ItemCompleted] = {}
        self._visits_seen: dict[tuple[str, int], Visit] = {}
        self._at: float = given[3]

    def begin(self) -> list[Command]:
        """Return the commands that start the run, after those of the first requests."""
        self.enter()
        commands: list[Command] = []
        for request in self._requests:
            try:
                commands += self.on(_EVENTS[request](self._at))
            except IllegalTransition as error:
                self.refused.append(str(error))
        begun = super().begin()
        self._note(begun)
        return [*commands, *begun]

    def on(self, event: Event, call: Call = call_directly) -> list[Command]:
        """Return the commands that follow from an event."""
        commands = super().on(event, call)
        self._at = event.at
        if isinstance(event, ItemCompleted):
            self._ends[event.task, event.visit, event.index, event.attempt] = event
        self._note(commands)
        return commands

    def step(self) -> list[Command]:
        """Return the commands of an event that has paused."""
        commands = super().step()
        self._note(commands)
        return commands

    @property
    def last_at(self) -> float:
        """The time of the last event."""
        return self._at

    def delay_of(self, start: StartItem) -> float:
        """Return the delay before this attempt, in seconds."""
        of_item = (start.task, start.visit, start.attempt, start.index)
        return self._waits.get(of_item, self._waits.get((*of_item[:3], None), 0.0))

    def start_of(self, task: str, visit: int, index: int, attempt: int) -> StartItem:
        """Return the command that started an attempt."""
        return self._starts[task, visit, index, attempt]

    def end_of(self, start: StartItem) -> ItemCompleted | None:
        """Return the end of an attempt, or None before it."""
        return self._ends.get((start.task, start.visit, start.index, start.attempt))

    def visits(self) -> list[Visit]:
        """Return all visits, in the order of their start. One that has not ended has its results so far."""
        for running in self.active_visits():
            visit = self._visits_seen[running.name, running.visit]
            if running.attempt > 1 and not running.window:
                visit.outcome = "retrying"
            elif running.task.with_items is not None:
                visit.result = list_of(running.results)
                visit.outcome = "paused" if self.status == "paused" and not running.window else "running"
        return list(self._visits_seen.values())

    def _note_delay(self, visit: "ActiveVisit", seconds: float) -> None:
        self._waits[visit.name, visit.visit, visit.attempt, None] = round(seconds, 6)

    def _note(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, TaskStarted):
                visit = Visit(command.task, command.visit, command.route)
                if command.task not in self.workflow.tasks:
                    visit.outcome = "failed" if command.task == "fail" else "succeeded"
                self._visits_seen[command.task, command.visit] = visit
            elif isinstance(command, TaskEnded):
                visit = self._visits_seen[command.task, command.visit]
                visit.outcome, visit.result = command.outcome, command.result
            elif isinstance(command, StartItem):
                self._starts[command.task, command.visit, command.index, command.attempt] = command
                visit = self._visits_seen[command.task, command.visit]
                visit.attempts = max(visit.attempts, command.attempt)
            elif isinstance(command, WaitUntil):
                self._note_wait(command)

    def _note_wait(self, command: WaitUntil) -> None:
        then = command.then
        wait = round(then.at - self._at, 6)
        if isinstance(then, DelayElapsed | RetryDue):
            index = then.index if isinstance(then, RetryDue) else None  # a task's delay counts for all items
            self._waits[then.task, then.visit, then.attempt, index] = wait


class InstantConductor(RecordedConductor):
    """A conductor whose delays pass at once. They are recorded."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, skip_delay=self._note_delay, **options)
