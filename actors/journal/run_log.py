"""What a run's supervisor has the journal write: gathered in a turn, sent at its end as one record."""

from typing import Any

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.link import Link
from stretto.actors.journal.records import Ending, Entry, Happened, RunAccepted, SecretsLearned, TaskState
from stretto.definitions.conductor import TaskEnded, TaskStarted
from stretto.definitions.context import Mask


class RunJournal:
    """The entries of one run, numbered, and who is to be told when those so far are durable."""

    def __init__(  # noqa: PLR0913 - where it goes on; keywords
        self,
        link: Link,
        run_id: str,
        *,
        secretive: bool,
        first: int = 0,
        learned: int = 0,
        status: str = "running",
    ) -> None:
        """Go on at the entry numbered `first`; what the mask has learned before its text number `learned` is known.

        `durable` tells whether there is a store.
        `secretive`: whatever the mask may say, what the run holds may be secret. `status` is what the store has.
        """
        self._link = link
        self.durable = link.durable
        self._run_id = run_id
        self._secretive = secretive
        self._next = first
        self._learned = learned
        self._entries: list[Entry] = []
        self._tasks: list[TaskState] = []
        self._tells: list[tuple[pykka.ActorRef[Any], Any]] = []
        self._answers: list[tuple[Deferred, Any]] = []
        self._status = status
        self._ending: Ending | None = None

    def has_room(self, waiter: pykka.ActorRef[Any]) -> bool:
        """Tell whether items may start; if not, the waiter is told `JournalHasRoom` when they may."""
        return self._link.has_room(waiter)

    def accept(
        self, accepted: RunAccepted, tell: tuple[pykka.ActorRef[Any], Any], answer: tuple[Deferred, Any]
    ) -> None:
        """Have it written that the run is accepted."""
        self._link.record(accepted, (tell,), (answer,))

    def note(self, entry: Entry, mask: Mask) -> None:
        """Have an entry written at the turn's end, and before it what has turned out to be secret since the last one.

        In this order a replay masks what it makes of the entry as it was masked here.
        """
        if not self._link.durable:
            return
        if mask.seen_count > self._learned:
            self._entries.append(SecretsLearned(mask.learned_since(self._learned)))
            self._learned = mask.seen_count
        self._entries.append(entry)

    def task_started(self, command: TaskStarted, at: float) -> None:
        """A visit of a task has begun, at `at` seconds since the epoch."""
        if self._link.durable:
            self._tasks.append(TaskState(command.task, command.visit, "running", at))

    def task_ended(self, command: TaskEnded, at: float) -> None:
        """A visit of a task has ended, at `at` seconds since the epoch."""
        if self._link.durable:
            succeeded = command.outcomes.get("succeeded", 0) + command.outcomes.get("skipped", 0)
            self._tasks.append(
                TaskState(
                    command.task, command.visit, command.outcome, at - command.seconds, at, command.items, succeeded,
                    command.failed,
                )
            )  # fmt: skip

    def tell(self, reference: pykka.ActorRef[Any], message: Any) -> None:
        """Tell something when all that has been noted is durable."""
        self._tells.append((reference, message))

    def answer(self, later: Deferred, value: Any) -> None:
        """Answer when all that has been noted is durable."""
        self._answers.append((later, value))

    def end(self, ending: Ending) -> None:
        """Have it written that the run has ended."""
        self._ending = ending

    def flush(self, status: str | None, mask: Mask) -> None:
        """Send what has gathered; `status` is the run's now, None: as it was."""
        changed, ending = (None if status == self._status else status), self._ending
        if not (self._entries or self._tasks or self._tells or self._answers or changed or ending):
            return
        happened = None
        if self._link.durable and (self._entries or self._tasks or changed or ending):
            happened = Happened(
                run_id=self._run_id, first=self._next, entries=tuple(self._entries),
                secret=self._secretive or bool(mask), tasks=tuple(self._tasks), status=changed, ending=ending,
            )  # fmt: skip
        self._link.record(happened, tuple(self._tells), tuple(self._answers))
        self._status = status or self._status
        self._ending = None
        self._next += len(self._entries)
        self._entries, self._tasks, self._tells, self._answers = [], [], [], []
