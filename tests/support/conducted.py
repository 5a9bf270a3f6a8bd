"""Runs that are conducted by tests, and written into a store as their supervisors write them."""

from typing import Any

from stretto.actors.journal.link import Answers, Notifications
from stretto.actors.journal.records import Ending, ItemKey, Origin, ParentItem, RunAccepted, Write
from stretto.actors.journal.run_log import RunLog
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import new_run_id
from stretto.definitions.conductor import (
    Command,
    Conductor,
    Event,
    Failure,
    FinishRun,
    ItemCompleted,
    PauseRequested,
    StartItem,
    TaskEnded,
    TaskStarted,
)
from stretto.definitions.context import NO_ENVIRONMENT, RunEnvironment
from stretto.definitions.context.masking import Mask
from stretto.definitions.data.composing import object_of
from stretto.definitions.data.frozen import FrozenDict, freeze
from stretto.definitions.dialects import read_workflow
from stretto.definitions.model.parameters import bind


class WrittenAtOnce:
    """A link to a store, without an actor in between."""

    durable = True
    pending = 0
    unavailable: str | None = None

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(
        self,
        write: Write | None,
        notifications: Notifications = (),
        answers: Answers = (),
        family: str | None = None,
    ) -> None:
        if write is not None:
            self._store.writer.write([write])

    def has_room(self, waiter: Any) -> bool:
        return True


class Conducted:
    """A run of a definition; `started` are the tries in flight, by task and index. Each event comes a second later."""

    def __init__(
        self,
        store: Store,
        text: str,
        parameters: dict[str, Any] | None = None,
        *,
        surroundings: RunEnvironment = NO_ENVIRONMENT,
        parent: "Conducted | None" = None,
        of_item: tuple[str, int] = ("", 0),
        at: float = 1000.0,
        origin: Origin = "owner",
        labels: dict[str, str] | None = None,
    ) -> None:
        versioned = text if text.startswith("version:") else f'version: "1.0.0"\n{text}'
        workflow = read_workflow(versioned, "w.yaml")
        self.id = new_run_id()
        self.at = at
        self.started: dict[tuple[str, int], StartItem] = {}
        self.finish: FinishRun | None = None
        bound = bind(workflow, parameters or {})
        mask: Mask = Mask(base=surroundings.mask) if parent is None else parent.conductor.mask
        item = None if parent is None else parent.item(*of_item)
        above = None if item is None else item.system_parent
        self.conductor: Conductor = Conductor(workflow, self.id, bound, at, above, surroundings=surroundings, mask=mask)
        self.accepted = RunAccepted(
            run_id=self.id, workflow=workflow, parameters=bound, surroundings=surroundings, accepted_at=at,
            secret=bool(self.conductor.mask), parent=item, depth=0 if parent is None else 1, origin=origin,
            labels=labels or {}, priority=workflow.priority,
        )  # fmt: skip
        self._journal = RunLog(WrittenAtOnce(store), self.id, secretive=False)
        store.writer.write([self.accepted])
        self._carry_out(self.conductor.begin())

    def item(self, task: str, index: int) -> ParentItem:
        """Return a try in flight as the parent of a sub-workflow's run."""
        start = self.started[task, index]
        above = object_of({"run_id": self.id, "task": task})
        return ParentItem(self.id, ItemKey(task, start.visit, index), start.attempt, above)

    def on(self, event: Event) -> None:
        """Apply an event to the run."""
        commands = self.conductor.on(event)
        self._journal.note(event, self.conductor.mask)
        self._carry_out(commands)

    def succeed(self, task: str, index: int = 0, result: Any = None) -> None:
        """Let an attempt succeed."""
        self._end(task, index, "succeeded", result, None)

    def fail(self, task: str, index: int = 0, message: str = "it said no", result: Any = None) -> None:
        """Let an attempt fail."""
        self._end(task, index, "failed", None, Failure("failed", message, result=freeze(result)))

    def pause(self) -> None:
        """Pause the run."""
        self.on(PauseRequested(self._later()))

    def _later(self) -> float:
        self.at += 1
        return self.at

    def _end(self, task: str, index: int, outcome: str, result: Any, failure: Failure | None) -> None:
        start = self.started.pop((task, index))
        self.on(ItemCompleted(task, start.visit, index, start.attempt, outcome, freeze(result), failure, self._later()))

    def _carry_out(self, commands: list[Command]) -> None:
        if any(isinstance(command, TaskStarted | TaskEnded) for command in commands):
            self._journal.note_context(self.conductor)
        for command in commands:
            if isinstance(command, StartItem):
                self.started[command.task, command.index] = command
            elif isinstance(command, TaskStarted):
                self._journal.task_started(command, self.at)
            elif isinstance(command, TaskEnded):
                self._journal.task_ended(command, self.at)
            elif isinstance(command, FinishRun):
                self.finish = command
                output = self.conductor.mask.data(command.output)
                assert output is None or isinstance(output, FrozenDict)
                self._journal.end(Ending(command.status, output, command.errors, self.at))
        self._journal.flush(self.conductor.status, self.conductor.mask)
