"""The log of one run: its entries, gathered during a turn and sent to the journal as one record."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from stretto.actors.dispatch import Deferred, Recipient
from stretto.actors.journal.audit import AuditEntries
from stretto.actors.journal.context_log import CONTEXT_ENTRIES, ContextLog, ContextTracker
from stretto.actors.journal.events import EventAccepted
from stretto.actors.journal.inquiries import InquiryChange
from stretto.actors.journal.link import Link, Notifications, notify
from stretto.actors.journal.outputs import OutputsInMemory
from stretto.actors.journal.records import Ending, Entry, Happened, KeptOutput, RunAccepted, SecretsLearned, TaskState
from stretto.definitions.conductor import Conductor, TaskEnded, TaskStarted
from stretto.definitions.context import Mask
from stretto.definitions.errors import StrettoError

MAX_OUTPUT_BYTES: Final = 64 * 1024 * 1024
"""Bytes of printed texts of one run that are kept."""


class RunLog:
    """Gathers a run's numbered entries, and the messages and answers that wait until they are durable."""

    __slots__ = (
        "_answers", "_audit", "_context", "_ending", "_entries", "_events", "_family", "_inquiries", "_learned",
        "_link", "_max_output_bytes", "_next", "_notifications", "_outputs",
        "_run_id", "_secretive", "_status", "_tasks", "durable", "in_memory",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - where the log continues, as keywords
        self,
        link: Link,
        run_id: str,
        *,
        secretive: bool,
        first: int = 0,
        learned: int = 0,
        status: str = "running",
        family: str | None = None,
        max_output_bytes: int = MAX_OUTPUT_BYTES,
        context: ContextTracker | None = None,
    ) -> None:
        """Continue a run's log.

        Args:
            link: The link to the journal.
            run_id: The run.
            secretive: Whether entries must be encrypted even if the mask is empty.
            first: The number of the next entry.
            learned: How many of the mask's learned texts are already recorded.
            status: The run's status in the store.
            family: The id of the run at the top, if it is not this one.
            max_output_bytes: How many bytes of printed texts of the run are kept.
            context: The versions of the context that a replay has noted, or None for a new run.
        """
        self._context = context
        self._family = family or run_id
        self._link = link
        self.durable = link.durable
        self._run_id = run_id
        self._secretive = secretive
        self._next = first
        self._learned = learned
        # Lists are made on demand: a run that waits has nothing in any of them.
        self._entries: list[Entry] | tuple[()] = ()
        self._tasks: list[TaskState] | tuple[()] = ()
        self._notifications: list[tuple[Recipient, Any]] | tuple[()] = ()
        self._answers: tuple[tuple[Deferred, Any], ...] = ()
        self._status = status
        self._ending: Ending | None = None
        self._max_output_bytes = max_output_bytes
        self._outputs: tuple[KeptOutput, ...] = ()
        self._audit: AuditEntries = ()
        self._inquiries: tuple[InquiryChange, ...] = ()
        self._events: tuple[EventAccepted, ...] = ()
        self.in_memory: OutputsInMemory | None = None
        """The printed texts without a store, if there are any."""

    @property
    def last_entry(self) -> int:
        """The number of the run's last entry, durable or not, or -1 before the first. Only with a store."""
        return self._next + len(self._entries) - 1

    def has_room(self, waiter: Recipient) -> bool:
        """Return whether items may start; if not, `waiter` receives JournalHasRoom once they may."""
        return self._link.has_room(waiter)

    def accept(self, accepted: RunAccepted, notification: tuple[Recipient, Any], answer: tuple[Deferred, Any]) -> None:
        """Record the acceptance of the run at once, without waiting for the turn's end."""
        self._link.record(accepted, (notification,), (answer,), self._family)

    def note(self, entry: Entry, mask: Mask) -> None:
        """Append an entry, preceded by the secrets that the mask has learned since the last one.

        In this order a replay masks the entry as the run masks it now.
        """
        if not self._link.durable:
            return
        if mask.seen_count > self._learned:
            self._entries = [*self._entries, SecretsLearned(mask.learned_since(self._learned))]
            self._learned = mask.seen_count
        if self._entries:
            self._entries.append(entry)
        else:
            self._entries = [entry]

    def note_context(self, conductor: Conductor) -> None:
        """Note that the last entry, or the begin, may have changed the run's context. Only with a store."""
        if self._context is None:
            self._context = ContextTracker()
        self._context.note(conductor, self.last_entry)

    def _new_versions(self) -> ContextLog | None:
        if self._context is None:
            self._context = ContextTracker()
        return self._context.take(None if self._ending is None else self.last_entry)

    def keep_output(self, output: KeptOutput) -> None:
        """Keep the text that an ended attempt has printed."""
        if self.durable:
            self._outputs += (output,)
            return
        if self.in_memory is None:
            self.in_memory = OutputsInMemory(self._max_output_bytes)
        self.in_memory.add(output)

    def task_started(self, command: TaskStarted, at: float) -> None:
        """Record the start of a task's visit, at `at` seconds since the epoch."""
        if self._link.durable:
            self._add_state(TaskState(command.task, command.visit, "running", at))

    def task_ended(self, command: TaskEnded, at: float) -> None:
        """Record the end of a task's visit, at `at` seconds since the epoch."""
        if self._link.durable:
            succeeded = command.outcomes.get("succeeded", 0) + command.outcomes.get("skipped", 0)
            self._add_state(
                TaskState(
                    command.task, command.visit, command.outcome, at - command.seconds, at, command.items, succeeded,
                    command.failed,
                )
            )  # fmt: skip

    def _add_state(self, state: TaskState) -> None:
        if self._tasks:
            self._tasks.append(state)
        else:
            self._tasks = [state]

    def tell(self, reference: Recipient, message: Any) -> None:
        """Send a message once all entries so far are durable."""
        if self._notifications:
            self._notifications.append((reference, message))
        else:
            self._notifications = [(reference, message)]

    def answer(self, deferred: Deferred, value: Any) -> None:
        """Resolve an answer once all entries so far are durable."""
        self._answers += ((deferred, value),)

    @contextlib.contextmanager
    def auditing(self, entries: AuditEntries) -> Iterator[None]:
        """Record entries of the audit with the gathered entries of the run, unless the block refuses the request.

        An evaluation that is stopped in the block refuses nothing: the request is recorded.
        """
        earlier = self._audit
        self._audit += entries
        try:
            yield
        except StrettoError:
            self._audit = earlier
            raise

    def take_audit(self) -> AuditEntries:
        """Return the gathered entries of the audit and forget them. `audit` gathers them again."""
        entries, self._audit = self._audit, ()
        return entries

    def audit(self, entries: AuditEntries) -> None:
        """Record entries of the audit with the gathered entries of the run."""
        self._audit += entries

    def inquiry(self, change: InquiryChange) -> None:
        """Record what has become of an inquiry with the gathered entries of the run."""
        self._inquiries += (change,)

    def add_event(self, accepted: EventAccepted, notifications: Notifications) -> None:
        """Record an event with the gathered entries of the run that have caused it, and send messages after that."""
        self._events += (accepted,)
        self._notifications = [*self._notifications, *notifications]

    def end(self, ending: Ending) -> None:
        """Record the end of the run."""
        self._ending = ending

    def flush(self, status: str | None, mask: Mask) -> None:
        """Send the gathered entries as one record; `status` is the run's new status, or None if unchanged."""
        if not self.durable and not (self._audit or self._events or self._inquiries):
            # There is no record to wait for.
            if self._notifications or self._answers:
                notifications, answers = self._notifications, self._answers
                self._notifications, self._answers = (), ()
                notify(notifications, answers)
            return
        changed, ending = (None if status == self._status else status), self._ending
        has_news = self._entries or self._tasks or changed or ending
        if not (has_news or self._audit or self._events or self._inquiries or self._notifications or self._answers):
            return
        happened = None
        if self._audit or self._events or self._inquiries or (self._link.durable and has_news):
            context = None
            if self._next + len(self._entries) > CONTEXT_ENTRIES:  # no call for most turns
                tracker = self._context
                if ending is not None or tracker is None or tracker.has_news:
                    context = self._new_versions()
            happened = Happened(
                run_id=self._run_id, first=self._next, entries=tuple(self._entries),
                secret=self._secretive or bool(mask), tasks=tuple(self._tasks), status=changed, ending=ending,
                outputs=self._outputs, max_output_bytes=self._max_output_bytes, audit=self._audit,
                context=context,
                events=self._events,
                inquiries=self._inquiries,
            )  # fmt: skip
        self._link.record(happened, tuple(self._notifications), self._answers, self._family)
        self._status = status or self._status
        self._ending = None
        self._outputs, self._audit, self._events, self._inquiries = (), (), (), ()
        self._next += len(self._entries)
        self._entries, self._tasks, self._notifications, self._answers = (), (), (), ()
