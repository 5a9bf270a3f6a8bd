"""The journal of an engine without a store: it remembers as much as the engine itself."""

from collections.abc import Collection, Iterable, Mapping

from stretto.actors.dispatch import Deferred, Recipient
from stretto.actors.journal.audit import AuditEntries
from stretto.actors.journal.audit_ring import AuditRing
from stretto.actors.journal.events import EventAccepted, MatchFailed
from stretto.actors.journal.events_memory import MAX_REMEMBERED_EVENTS, MemoryEvents
from stretto.actors.journal.inquiries_memory import InquiriesInMemory
from stretto.actors.journal.inquiry_links import InquiryLink
from stretto.actors.journal.kv import KeyChange, StoredKey
from stretto.actors.journal.kv_memory import MemoryKeys
from stretto.actors.journal.link import Answers, Notifications, RecordEntry, notify
from stretto.actors.journal.needs import Needs
from stretto.actors.journal.records import Happened, Write
from stretto.actors.journal.schedules import ScheduleMoved
from stretto.actors.journal.schedules_memory import MemorySchedules


class NoJournal:
    """The link of an engine without a store: every record counts as durable at once.

    Args:
        most_events: The events that it remembers.

    Attributes:
        audit: The newest entries of the audit.
        inquiries: The inquiries of its runs.
        events: The newest events.
    """

    durable = False
    engine: int | None = None
    is_shared = False
    pending = 0
    unavailable: str | None = None
    claim_seconds: float | None = None

    def __init__(self, most_events: int = MAX_REMEMBERED_EVENTS) -> None:
        self.audit = AuditRing()
        self.inquiries = InquiriesInMemory()
        self.events = MemoryEvents(most_events)
        self._keys = MemoryKeys()
        self._schedules = MemorySchedules()

    def record(
        self,
        write: Write | None,
        notifications: Notifications = (),
        answers: Answers = (),
        family: str | None = None,  # noqa: ARG002 - as above
    ) -> None:
        """Keep the audit and the inquiries of the record, send the messages and resolve the answers at once."""
        if isinstance(write, EventAccepted):
            accepted = self.events.add(write)
            answers = [(answer, accepted) for answer, _value in answers]
            notifications = () if accepted.duplicate else notifications
        elif isinstance(write, MatchFailed):
            self.events.fail(write.event, write.rule, write.error)
        elif isinstance(write, ScheduleMoved):
            self._schedules.move(write.state)
            if write.accepted is not None:
                self.events.add(write.accepted)
        elif isinstance(write, Happened):
            for each in write.events:
                self.events.add(each)
        if isinstance(write, Happened) and write.inquiries:
            self.inquiries.add(write.inquiries)
        if write is not None and write.audit:
            self.audit.add(write.audit)
            self.inquiries.add_links(each for each in write.audit if isinstance(each, InquiryLink))
        notify(notifications, answers)

    def record_together(self, entries: Iterable[RecordEntry]) -> None:
        """Keep what `record` keeps of each record."""
        for entry in entries:
            self.record(*entry)

    def has_room(self, waiter: Recipient) -> bool:  # noqa: ARG002 - no one waits
        """Return True."""
        return True

    def stop_claiming(self) -> None:
        """Do nothing: there is no store to claim runs from."""

    def offer(self, offered: Needs) -> None:
        """Do nothing: there is no other engine."""

    def claim_schedules(self, timings: Mapping[str, str], at: int) -> Deferred:
        """Return the states of schedules in memory."""
        answer = Deferred()
        answer.resolve(self._schedules.claim(timings, at))
        return answer

    def claim_sensors(self, refs: Collection[str]) -> Deferred:
        """Return all of them: there is no other engine."""
        answer = Deferred()
        answer.resolve(frozenset(refs))
        return answer

    def change_key(self, change: KeyChange, audit: AuditEntries = ()) -> StoredKey:
        """Change the keys in memory. Only the engine's turns call this."""
        key = self._keys.apply(change)
        self.audit.add(audit)
        return key
