"""The events of an engine without a store: the newest ones, which are lost when the engine ends."""

import threading
from collections import OrderedDict
from collections.abc import Collection
from typing import Final

from stretto.actors.journal.events import (
    Accepted,
    DueMatches,
    EventAccepted,
    EventPage,
    EventQuery,
    EventRow,
    EventsSince,
    Match,
    MatchRow,
    NewEvents,
)
from stretto.actors.journal.queries import PAGE, InvalidCursor
from stretto.definitions.rules import Event

MAX_REMEMBERED_EVENTS: Final = 1000
"""Events that stay in memory. A repeated event is known as one while the first is there."""
_CLOCK_STEP_SECONDS: Final = 5.0
"""How much earlier an event may say that it was accepted than one before it."""


class MemoryEvents:
    """The newest events with their matches. Thread-safe. Implements `journal.events.EventReader`."""

    def __init__(self, most: int = MAX_REMEMBERED_EVENTS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._events: OrderedDict[str, EventAccepted] = OrderedDict()
        self._keys: dict[str, Event] = {}
        self._failed: dict[tuple[str, str], str] = {}

    def add(self, accepted: EventAccepted) -> Accepted:
        """Keep an event, unless an earlier one has its key. Return the one that counts."""
        event = accepted.event
        with self._lock:
            first = None if event.key is None else self._keys.get(event.key)
            if first is not None and (first.key_until is None or first.key_until > event.at):
                return Accepted(first.id, duplicate=True)
            self._events[event.id] = accepted
            if event.key is not None:
                self._keys[event.key] = event
            while len(self._events) > self._most:
                self._forget(self._events.popitem(last=False)[1])
        return Accepted(event.id)

    def fail(self, event: str, rule: str, error: str) -> None:
        """Keep why the run of a match is not started."""
        with self._lock:
            if event in self._events:
                self._failed[event, rule] = error

    def _forget(self, accepted: EventAccepted) -> None:
        event = accepted.event
        if event.key is not None and self._keys.get(event.key) is event:
            del self._keys[event.key]
        for match in accepted.matches:
            self._failed.pop((event.id, match.rule), None)

    def find(self, event: str) -> Event | None:
        """Return an event; see `EventReader.find`."""
        found = self._events.get(event)
        return None if found is None else found.event

    def page(self, query: EventQuery) -> EventPage:
        """Return a page of events; see `EventReader.page`."""
        with self._lock:
            newest = list(reversed(self._events.values()))
        if query.cursor is not None:
            places = [place for place, each in enumerate(newest) if each.event.id == query.cursor]
            if not places:
                raise InvalidCursor(f"the cursor must come from a page of events, got {query.cursor[:40]!r}")
            newest = newest[places[0] + 1 :]
        found = [each for each in newest if _is_in(query, each)]
        shown = found[: query.limit]
        rows = tuple(_row(each) for each in shown)
        return EventPage(rows, rows[-1].id if len(found) > len(shown) else None)

    def since(self, event_type: str, at: float, after: int | None = None, most: int = PAGE) -> EventsSince:  # noqa: ARG002 - they are few
        """Return all events of a type since a time; see `EventReader.since`."""
        found: list[Event] = []
        with self._lock:
            for each in reversed(self._events.values()):
                if each.event.at < at - _CLOCK_STEP_SECONDS:
                    break
                if each.event.type == event_type and each.event.at >= at:
                    found.append(each.event)
        return EventsSince(tuple(reversed(found)))

    def newest(
        self,
        types: Collection[str],  # noqa: ARG002 - as below
        after: int | None,  # noqa: ARG002 - as below
        most: int,  # noqa: ARG002 - as below
        known: Collection[int] = (),  # noqa: ARG002 - as below
    ) -> NewEvents:
        """Return none: there is no other engine."""
        return NewEvents((), 0)

    def matches(self, event: str) -> list[MatchRow]:
        """Return the matches of an event; see `EventReader.matches`."""
        accepted = self._events.get(event)
        found = () if accepted is None else accepted.matches
        return [self._match_row(each) for each in sorted(found, key=lambda each: each.rule)]

    def inputs(self, event: str, rule: str) -> Match | None:
        """Return a match with its inputs; see `EventReader.inputs`."""
        accepted = self._events.get(event)
        return next((each for each in (() if accepted is None else accepted.matches) if each.rule == rule), None)

    def last_matches(self, rule: str, most: int) -> list[MatchRow]:
        """Return the newest matches of a rule; see `EventReader.last_matches`."""
        with self._lock:
            newest = [match for each in reversed(self._events.values()) for match in each.matches if match.rule == rule]
        return [self._match_row(each) for each in newest[:most]]

    def due(self, engine: int | None, most: int, after: int | None = None) -> DueMatches:  # noqa: ARG002 - there is one engine
        """Return none: all are started as they come."""
        return DueMatches(())

    def _match_row(self, match: Match) -> MatchRow:
        accepted = self._events.get(match.event)
        at = 0.0 if accepted is None else accepted.event.at
        error = match.error or self._failed.get((match.event, match.rule))
        return MatchRow(
            event=match.event, rule=match.rule, target=match.target, run=match.run_id, at=at,
            started_at=at if error is None else None, error=error,
        )  # fmt: skip


def _row(accepted: EventAccepted) -> EventRow:
    event = accepted.event
    return EventRow(
        id=event.id, type=event.type, source=event.source, at=event.at, depth=event.depth, cause=event.cause,
        matched=len(accepted.matches),
    )  # fmt: skip


def _is_in(query: EventQuery, accepted: EventAccepted) -> bool:
    event = accepted.event
    return (
        query.type in {None, event.type}
        and query.source in {None, event.source}
        and query.cause in {None, event.cause}
        and query.matched in {None, bool(accepted.matches)}
        and (query.since is None or event.at >= query.since)
        and (query.until is None or event.at < query.until)
    )
