"""The one place where events are accepted, from all senders."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stretto.actors.dispatch import Deferred, Recipient, settle_with
from stretto.actors.events.counts import EVENT_RESULTS, MATCH_RESULTS, Counts
from stretto.actors.events.matching import Matcher
from stretto.actors.events.waits import EventWaits
from stretto.actors.journal import (
    Accepted,
    AuditEntries,
    EventAccepted,
    EventCame,
    EventLink,
    MatchesDue,
    NoJournal,
    RecordEntry,
)
from stretto.actors.outcome import EngineStopping
from stretto.definitions.rules import Event, Hook, Rule, RuleIndex


class EventIntake:
    """Accepts events: matches them with the rules in force, and records both in one commit. Thread-safe.

    Args:
        journal: Where events are recorded.
        matcher: Matches events with rules.
        waits: The items that wait for events.
    """

    def __init__(
        self, journal: EventLink | None = None, matcher: Matcher | None = None, waits: EventWaits | None = None
    ) -> None:
        self._journal = NoJournal() if journal is None else journal
        self.waits = EventWaits() if waits is None else waits
        """The items that wait for events."""
        self._waited = self.waits.by_type
        self.matcher = Matcher() if matcher is None else matcher
        self.counts = Counts(EVENT_RESULTS)
        """The events since the engine's start."""
        self.match_counts = Counts(MATCH_RESULTS)
        """The answers of rules since then."""
        self.on_accepted: Callable[[], object] = lambda: None
        """Called after each event is counted, on any thread."""
        self.hooks: Mapping[str, Hook] = {}
        """The webhooks by name."""
        self._awaited: frozenset[str] = frozenset()
        self._closed = False
        self._starter: Recipient | None = None
        self._lock = threading.Lock()
        self._listeners: dict[str, tuple[Recipient, ...]] = {}
        self._announcer: tuple[Recipient, ...] = ()

    @property
    def rules(self) -> RuleIndex:
        """The rules in force."""
        return self.matcher.rules

    def use(self, rules: Mapping[str, Rule], hooks: Mapping[str, Hook], awaited: frozenset[str] = frozenset()) -> None:
        """Use other rules and webhooks from now on.

        Args:
            rules: The rules by ref.
            hooks: The webhooks by name.
            awaited: The types of events that tasks of workflows wait for. One of their runs may wait in another
                engine, or is not recovered yet.
        """
        self.matcher.rules, self.hooks, self._awaited = RuleIndex(rules), hooks, awaited

    @property
    def closed(self) -> bool:
        """Whether no more events are accepted."""
        return self._closed

    def close(self) -> None:
        """Accept no more events from outside: the engine is being stopped."""
        self._closed = True

    def start_runs_with(self, starter: Recipient) -> None:
        """Send `MatchesDue` to an actor from now on."""
        self._starter = starter

    def announce_to(self, recipient: Recipient) -> None:
        """Send `EventCame` of each event that is accepted from now on, on any thread: other engines must hear of it."""
        self._announcer = (recipient,)

    def accept(self, event: Event, audit: AuditEntries = ()) -> Deferred:
        """Accept an event. The rules are matched on the caller's thread.

        Args:
            event: The event.
            audit: Recorded with it.

        Returns:
            `Accepted`, once the event is durable with its matches. Fails with `Unrecordable`.

        Raises:
            EngineStopping: The engine is being stopped.
        """
        self._check_open()
        answer, entry = self._entry(event, audit)
        self._journal.record(*entry)
        return answer

    def accept_together(self, events: Iterable[Event]) -> list[Deferred]:
        """Accept events that become durable in one commit. Returns an answer for each, and raises, as `accept` does."""
        self._check_open()
        made = [self._entry(event, ()) for event in events]
        self._journal.record_together([entry for _answer, entry in made])
        return [answer for answer, _entry in made]

    def _check_open(self) -> None:
        if self._closed:
            raise EngineStopping("the engine is being stopped: it accepts no more events")

    def _entry(self, event: Event, audit: AuditEntries) -> tuple[Deferred, RecordEntry]:
        """Return the answer to an event, and what is recorded of it."""
        answer = Deferred()
        accepted = EventAccepted(event=event, matches=self.matcher.matches(event), audit=audit)
        settle_with(answer, lambda found: self._count(accepted, found), lambda _error: self.counts.add("refused"))
        return answer, (accepted, self.notifications_of(accepted), ((answer, Accepted(event.id)),), event.id)

    def acceptance_of(self, event: Event, audit: AuditEntries = ()) -> EventAccepted:
        """Return the record of an event with its matches, for the commit of what has caused it."""
        accepted = EventAccepted(event=event, matches=self.matcher.matches(event), audit=audit)
        self._count(accepted, Accepted(event.id))
        return accepted

    def _count(self, accepted: EventAccepted, answer: Accepted) -> None:
        if answer.duplicate:
            self.counts.add("duplicate")
            return
        self.counts.add("accepted")
        self.on_accepted()
        if accepted.matches:
            self.match_counts.add("matched", len(accepted.matches))
            self.match_counts.add("failed", sum(each.error is not None for each in accepted.matches))

    def notifications_of(self, accepted: EventAccepted) -> tuple[tuple[Recipient, Any], ...]:
        """Return the messages to send once a record of an event is durable, each with its receiver."""
        due = tuple(match for match in accepted.matches if match.error is None)
        to_start = () if not due or self._starter is None else ((self._starter, MatchesDue(due)),)
        listeners = self._listeners.get(accepted.event.type, ())
        came = EventCame(accepted.event)
        # The waits always: one may be added before the event is durable.
        return (*to_start, (self.waits, came), *((each, came) for each in (*listeners, *self._announcer)))

    # ---- listeners

    def wants(self, event_type: str) -> bool:
        """Return whether a rule, an actor or an item listens to a type of events, or may listen to it elsewhere."""
        return self.wants_any((event_type,))

    def wants_any(self, event_types: Iterable[str]) -> bool:
        """Return whether a rule, an actor or an item listens to one of some types of events."""
        # No calls: each run asks at its end.
        rules, awaited, listeners, waits = self.matcher.rules.by_event, self._awaited, self._listeners, self._waited
        for each in event_types:  # noqa: SIM110 - as above
            if each in rules or each in awaited or each in listeners or each in waits:
                return True
        return False

    def listen(self, event_type: str, recipient: Recipient) -> None:
        """Send an actor `EventCame` of each event of a type that is accepted from now on."""
        with self._lock:
            others = self._listeners.get(event_type, ())
            self._listeners[event_type] = (*(each for each in others if each is not recipient), recipient)

    def unlisten(self, event_type: str, recipient: Recipient) -> None:
        """Send an actor no more events of a type."""
        with self._lock:
            left = tuple(each for each in self._listeners.get(event_type, ()) if each is not recipient)
            if left:
                self._listeners[event_type] = left
            else:
                self._listeners.pop(event_type, None)
