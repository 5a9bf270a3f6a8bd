"""Drives a conductor event by event, and tells its commands in a form that two runs can be compared by."""

from collections.abc import Mapping
from typing import Any

from stretto.definitions import Workflow, freeze, read_workflow, thaw
from stretto.definitions.conductor import (
    CancelRequested,
    Command,
    Conductor,
    DelayElapsed,
    Event,
    Failure,
    FinishRun,
    ItemCompleted,
    ItemsWithdrawn,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    StartItem,
    TaskEnded,
    WaitUntil,
)
from stretto.definitions.context import ItemScope, Snapshot
from stretto.definitions.model.parameters import bind


def scope_as_data(scope: Snapshot | ItemScope) -> Any:
    """Return what a scope shows, as plain data."""
    snapshot = scope.snapshot if isinstance(scope, ItemScope) else scope
    variables = values_as_data(snapshot.variables)
    tasks = {
        name: (each.outcome, thaw(each.result), thaw(each.errors)) for name, each in sorted(snapshot.tasks.items())
    }
    item = (thaw(scope.item), scope.index) if isinstance(scope, ItemScope) else None
    return snapshot.version, variables, tasks, item


def values_as_data(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a map, by name: the map itself has another order in every process."""
    return {name: thaw(value) for name, value in sorted(values.items())}


def as_data(command: Command) -> Any:
    """Return a command as plain, comparable data."""
    if isinstance(command, StartItem):
        prepared = command.prepared
        return (
            "StartItem",
            command.task,
            command.visit,
            command.index,
            command.attempt,
            command.timeout,
            command.at,
            scope_as_data(command.scope),
            command.route,
            None if prepared is None else (prepared.action, thaw(prepared.input)),
        )
    if isinstance(command, FinishRun):
        return "FinishRun", command.status, thaw(command.output), thaw(command.errors)
    return repr(command)


def failed(kind: str = "failed", *, retryable: bool = True, result: Any = None, message: str = "no luck") -> Failure:
    """Return a failure."""
    return Failure(kind, message, retryable=retryable, result=freeze(result))


class Drive:
    """A run driven by hand; its clock goes on one second with each event."""

    def __init__(self, definition: str | Workflow, inputs: Mapping[str, Any] | None = None) -> None:
        self.workflow = read_workflow(definition, "test.yaml") if isinstance(definition, str) else definition
        self.conductor = Conductor(self.workflow, "run", bind(self.workflow, inputs or {}), 0.0)
        self.clock = 0.0
        self.events: list[Event] = []
        self.commands: list[Command] = []
        self.visits: dict[str, int] = {}
        self.attempts: dict[tuple[str, int], int] = {}
        self._take(self.conductor.begin())

    def on(self, event: Event) -> list[Command]:
        """Feed an event and return what follows."""
        self.events.append(event)
        return self._take(self.conductor.on(event))

    def _take(self, commands: list[Command]) -> list[Command]:
        self.commands += commands
        for command in commands:
            if isinstance(command, StartItem):
                self.visits[command.task] = command.visit
                self.attempts[command.task, command.index] = command.attempt
        return commands

    def tick(self) -> float:
        """Let a second pass."""
        self.clock += 1.0
        return self.clock

    def completes(
        self, task: str, result: Any = None, index: int = 0, outcome: str = "succeeded", failure: Failure | None = None
    ) -> list[Command]:
        """Complete the try of an item that was started last."""
        if outcome != "succeeded" and failure is None:
            failure = failed(outcome)
        return self.on(
            ItemCompleted(
                task,
                self.visits[task],
                index,
                self.attempts[task, index],
                outcome,
                freeze(result) if failure is None else None,
                failure,
                self.tick(),
            )
        )

    def fails(self, task: str, index: int = 0, failure: Failure | None = None) -> list[Command]:
        """Fail the try of an item that was started last."""
        return self.completes(task, None, index, "failed", failure)

    def due(self, timer: RetryDue | DelayElapsed) -> list[Command]:
        """Hand a timer back."""
        self.clock = max(self.clock, timer.at)
        return self.on(timer)

    def pause(self) -> list[Command]:
        """Ask for a pause."""
        return self.on(PauseRequested(self.tick()))

    def resume(self) -> list[Command]:
        """Ask to go on."""
        return self.on(ResumeRequested(self.tick()))

    def cancel(self) -> list[Command]:
        """Ask for the end."""
        return self.on(CancelRequested(self.tick()))

    def withdraws(self, task: str, *indexes: int) -> list[Command]:
        """Tell that items had not been started yet."""
        return self.on(ItemsWithdrawn(task, self.visits[task], indexes, self.tick()))

    @property
    def finish(self) -> FinishRun:
        """The one command that ends the run."""
        (finish,) = [command for command in self.commands if isinstance(command, FinishRun)]
        assert self.commands[-1] is finish
        return finish

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return any(isinstance(command, FinishRun) for command in self.commands)

    def ended(self, task: str) -> TaskEnded:
        """The last word about a task."""
        return [each for each in self.commands if isinstance(each, TaskEnded) and each.task == task][-1]


def starts(commands: list[Command]) -> list[tuple[str, int]]:
    """Return (task, index) of what is to be started."""
    return [(each.task, each.index) for each in commands if isinstance(each, StartItem)]


def waits(commands: list[Command]) -> list[RetryDue | DelayElapsed]:
    """Return the timers that are to be set."""
    timers = [each.then for each in commands if isinstance(each, WaitUntil)]
    return [timer for timer in timers if isinstance(timer, RetryDue | DelayElapsed)]
