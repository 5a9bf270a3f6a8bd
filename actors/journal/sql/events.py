"""Reads the tables of events and matches."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, Select, Table, func, select

from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, WrongStoreKey, decrypt, is_encrypted
from stretto.actors.journal.events import (
    PAGE_BYTES,
    DueMatches,
    EventPage,
    EventQuery,
    EventRow,
    EventsSince,
    Match,
    MatchRow,
    NewEvents,
)
from stretto.actors.journal.queries import PAGE
from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.sql.audit import check_times
from stretto.actors.journal.sql.cursors import decode_cursor, encode_cursor
from stretto.actors.journal.sql.damage import converting_damage, report_damage
from stretto.actors.journal.sql.encoding import decode_data
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.run_rows import CLOCK_STEP_SECONDS, searchable
from stretto.actors.journal.sql.tables import DUE, events, matches
from stretto.actors.journal.sql.transaction import chunks
from stretto.definitions.rules import Event
from stretto.metrics import get_logger

_NARROW: Final = select(*(column for column in events.columns if column.name != "body"))
_MATCHES: Final = select(*(column for column in matches.columns if column.name != "body"))
_EVENT_SIZES: Final = select(events.c.number, func.length(events.c.body).label("size"))
_MATCH_SIZES: Final = select(matches.c.number, func.length(matches.c.body).label("size"))
_STEP_SECONDS: Final = 60.0
"""How much earlier an event may say that it was accepted than one with a lower number."""
MAX_TYPES_ASKED: Final = 1000
"""Types of events that one query names. With more of them, it reads the events of all types."""
_ORIGINS: Final = ("owner", "remote")
_DIALECTS: Final = ("native", "stackstorm", "attune")

_log = get_logger("stretto.events")


@report_damage
class SqlEventReader:
    """Reads events and matches. Thread-safe. Implements `journal.events.EventReader`."""

    def __init__(self, engine: Engine, keyring: Keyring | None, store: str) -> None:
        self._engine = engine
        self._keyring = keyring
        self._store = store

    def find(self, event: str) -> Event | None:
        """Return an event; see `EventReader.find`."""
        found = self._rows(select(events).where(events.c.id == searchable(event)))
        return self._event(found[0]) if found else None

    def page(self, query: EventQuery) -> EventPage:
        """Return a page of events; see `EventReader.page`."""
        page = _NARROW.where(*_filters(query)).order_by(events.c.number.desc()).limit(query.limit + 1)
        rows = self._rows(page)
        shown = rows[: query.limit]
        return EventPage(
            tuple(map(_event_row, shown)),
            encode_cursor("events", shown[-1].number) if len(rows) > len(shown) else None,
        )

    def since(self, event_type: str, at: float, after: int | None = None, most: int = PAGE) -> EventsSince:
        """Return events of a type since a time; see `EventReader.since`."""
        # By number, with the index by type: the first number is that of the time, less a step of the clock.
        first = select(events.c.number).where(events.c.accepted_at >= at - _STEP_SECONDS)
        begin = first.order_by(events.c.accepted_at).limit(1).scalar_subquery()
        later = _EVENT_SIZES.where(
            events.c.type == searchable(event_type), events.c.accepted_at >= at,
            events.c.number >= begin if after is None else events.c.number > after,
        )  # fmt: skip
        sizes = self._rows(later.order_by(events.c.number).limit(most))
        numbers = _within_bounds(sizes)
        is_last = len(numbers) == len(sizes) < most
        return EventsSince(self._readable(self._of_numbers(events, numbers)), None if is_last else numbers[-1])

    def newest(self, types: Collection[str], after: int | None, most: int, known: Collection[int] = ()) -> NewEvents:
        """Return the events of some types behind a number; see `EventReader.newest`."""
        last = self._rows(select(func.coalesce(func.max(events.c.number), 0).label("last")))[0].last
        if after is None or not types:
            return NewEvents((), last)
        newest = select(events.c.number, events.c.type).where(events.c.number > after)
        if len(types) <= MAX_TYPES_ASKED:
            newest = newest.where(events.c.type.in_([*map(searchable, types)]))
        # Most of what is read again is known, so that the bodies are read of the others only.
        found = self._rows(newest.order_by(events.c.number).limit(most + len(known)))
        new = [row.number for row in found if row.type in types and row.number not in known][:most]
        numbers = _within_bounds([size for part in chunks(new) for size in self._rows(_sizes_of(part))])
        more = len(numbers) < len(new) or len(found) == most + len(known)
        readable = self._readable(self._of_numbers(events, numbers))
        others = (row.number for row in found if row.type not in types)
        return NewEvents(readable, last, frozenset((*numbers, *others)), more=more)

    def matches(self, event: str) -> list[MatchRow]:
        """Return the matches of an event; see `EventReader.matches`."""
        return self._match_rows(_MATCHES.where(matches.c.event == searchable(event)).order_by(matches.c.rule))

    def last_matches(self, rule: str, most: int) -> list[MatchRow]:
        """Return the newest matches of a rule; see `EventReader.last_matches`."""
        newest = _MATCHES.where(matches.c.rule == searchable(rule)).order_by(matches.c.number.desc())
        return self._match_rows(newest.limit(most))

    def inputs(self, event: str, rule: str) -> Match | None:
        """Return a match with its inputs; see `EventReader.inputs`."""
        of_rule = matches.c.event == searchable(event), matches.c.rule == searchable(rule)
        found = self._rows(select(matches).where(*of_rule))
        return self._match(found[0]) if found else None

    def due(self, engine: int | None, most: int, after: int | None = None) -> DueMatches:
        """Return the matches to start; see `EventReader.due`."""
        due = _MATCH_SIZES.where(DUE, matches.c.owner == engine)
        if after is not None:
            due = due.where(matches.c.number > after)
        sizes = self._rows(due.order_by(matches.c.number).limit(most))
        numbers = _within_bounds(sizes)
        readable: list[Match] = []
        unreadable: list[Match] = []
        locked = 0
        for row in self._of_numbers(matches, numbers):
            try:
                with converting_damage("a match"):
                    readable.append(self._match(row))
            except (StoreKeyMissing, WrongStoreKey):
                locked += 1
            except UnreadableRecord as error:
                unreadable.append(Match(
                    event=row.event, rule=row.rule, target=row.target, run_id=row.run, inputs=None,
                    error=f"{error.code}: {error}",
                ))  # fmt: skip
        is_last = len(numbers) == len(sizes) < most
        return DueMatches(tuple(readable), tuple(unreadable), locked, None if is_last else numbers[-1])

    def _of_numbers(self, table: Table, numbers: Sequence[int]) -> list[Any]:
        """Return whole rows in the order of their numbers."""
        return [
            row
            for part in chunks(numbers)
            for row in self._rows(select(table).where(table.c.number.in_(part)).order_by(table.c.number))
        ]

    def _readable(self, rows: Iterable[Any]) -> tuple[Event, ...]:
        """Return events without those that cannot be read: one of them must not hold up the others."""
        found: list[Event] = []
        for row in rows:
            try:
                with converting_damage("an event"):
                    found.append(self._event(row))
            except (StoreKeyMissing, WrongStoreKey, UnreadableRecord) as error:
                _log.error("event_unreadable", event_id=row.id, reason=str(error))
        return tuple(found)

    def _rows(self, query: Select[Any]) -> list[Any]:
        with converting_errors(self._store), self._engine.connect() as connection, connection.begin():
            return list(connection.execute(query))

    def _match_rows(self, query: Select[Any]) -> list[MatchRow]:
        return [_match_row(row) for row in self._rows(query)]

    def _event(self, row: Any) -> Event:
        facts = _event_row(row)
        if row.origin not in _ORIGINS:
            raise UnreadableRecord("the store is damaged: the origin of an event is unknown")
        body = decode_data(decrypt(row.body, self._keyring))
        return Event(
            id=facts.id, type=facts.type, source=facts.source, origin=row.origin, at=facts.at, depth=facts.depth,
            cause=facts.cause, payload=body["payload"], headers=body["headers"], parameters=body["parameters"],
            secret=is_encrypted(row.body),
        )  # fmt: skip

    def _match(self, row: Any) -> Match:
        facts = _match_row(row)
        if row.body is None:
            return Match(
                event=facts.event, rule=facts.rule, target=facts.target, run_id=facts.run, inputs=None,
                error=facts.error,
            )  # fmt: skip
        body = decode_data(decrypt(row.body, self._keyring))
        if body["origin"] not in _ORIGINS or body["dialect"] not in _DIALECTS:
            raise UnreadableRecord("the store is damaged: the body of a match is unknown")
        return Match(
            event=facts.event, rule=facts.rule, target=facts.target, run_id=facts.run, inputs=body["inputs"],
            secret=body["secret"], error=facts.error, dialect=body["dialect"], fixed=tuple(body["fixed"]),
            origin=body["origin"], depth=body["depth"],
        )  # fmt: skip


def _sizes_of(numbers: Sequence[int]) -> Select[Any]:
    return _EVENT_SIZES.where(events.c.number.in_(numbers)).order_by(events.c.number)


def _within_bounds(sizes: Iterable[Any]) -> list[int]:
    """Return the numbers of the first rows that have at most PAGE_BYTES together, at least one of them."""
    numbers: list[int] = []
    room = PAGE_BYTES
    for row in sizes:
        room -= row.size or 0
        if room < 0 and numbers:
            break
        numbers.append(row.number)
    return numbers


def _filters(query: EventQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.type is not None:
        found.append(events.c.type == searchable(query.type))
    if query.source is not None:
        found.append(events.c.source == searchable(query.source))
    if query.cause is not None:
        found.append(events.c.cause == searchable(query.cause))
    if query.matched is not None:
        found.append(events.c.matched > 0 if query.matched else events.c.matched == 0)
    if query.since is not None:
        earlier = events.alias()
        before = earlier.c.accepted_at < query.since - CLOCK_STEP_SECONDS
        newest = select(func.max(earlier.c.number)).where(before)
        found += [events.c.accepted_at >= query.since, events.c.number > func.coalesce(newest.scalar_subquery(), 0)]
    if query.until is not None:
        found.append(events.c.accepted_at < query.until)
    if query.cursor is not None:
        found.append(events.c.number < decode_cursor("events", query.cursor))
    return found


def _event_row(row: Any) -> EventRow:
    check_times({"at": row.accepted_at})
    if not (isinstance(row.depth, int) and isinstance(row.matched, int)):
        raise UnreadableRecord("the store is damaged: a number of an event is not one")
    return EventRow(
        id=row.id, type=row.type, source=row.source, at=row.accepted_at, depth=row.depth, cause=row.cause,
        matched=row.matched,
    )  # fmt: skip


def _match_row(row: Any) -> MatchRow:
    check_times({"at": row.matched_at, "started_at": row.started_at})
    return MatchRow(
        event=row.event, rule=row.rule, target=row.target, run=row.run, at=row.matched_at, started_at=row.started_at,
        error=row.error,
    )  # fmt: skip
