"""The records of events and of the rules that answer them, and the protocol that reads them.

The commit that accepts an event holds it and a match for each rule that answers it, with the rendered inputs of the
run. Starting the runs comes after. A restart starts what has not been started, and matches nothing again.
"""

import secrets
from collections.abc import Collection
from typing import Any, Final, Protocol

import msgspec

from stretto.actors.journal.audit import AuditEntries
from stretto.actors.journal.queries import PAGE
from stretto.definitions.data import FrozenDict
from stretto.definitions.errors import StrettoError
from stretto.definitions.rules import Event, RuleDialect

_ID_BYTES: Final = 12
PAGE_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the bodies of events, or of matches, that are read from the store at once."""


def new_event_id() -> str:
    """Return a new event's id."""
    return f"evt-{secrets.token_hex(_ID_BYTES)}"


class UnknownEvent(StrettoError):
    """No event has the given id."""

    code = "unknown_event"


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one rule to one event: a run, or why there is none."""

    event: str
    rule: str
    target: str
    """The ref of the workflow or action that runs."""
    run_id: str
    """The run's id, chosen at the match."""
    inputs: FrozenDict | None
    """The rendered inputs, or None after an error."""
    secret: bool = False
    """Whether the inputs may contain secrets: they are then encrypted."""
    error: str | None = None
    """Why no run is started."""
    dialect: RuleDialect = "native"
    fixed: tuple[str, ...] = ()
    """The inputs that the rule gives without an expression."""
    origin: str = "remote"
    """As of the event."""
    depth: int = 0
    """The number of runs before the run in its chain."""


class MatchKey(msgspec.Struct, frozen=True):
    """The match that a run is started for. Its row is marked in the commit that accepts the run."""

    event: str
    rule: str


class EventAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """An event was accepted, together with the matches of all rules in force."""

    event: Event
    matches: tuple[Match, ...] = ()
    audit: AuditEntries = ()


class MatchFailed(msgspec.Struct, frozen=True, kw_only=True):
    """The run of a match can never be started, for `error`."""

    event: str
    rule: str
    error: str
    audit: AuditEntries = ()


class Accepted(msgspec.Struct, frozen=True):
    """The answer to who sends an event: its id, or that of the first one with its key."""

    event: str
    duplicate: bool = False


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of events, the newest first: those that match all fields."""

    type: str | None = None
    source: str | None = None
    since: float | None = None
    until: float | None = None
    cause: str | None = None
    matched: bool | None = None
    """Whether a rule has answered."""
    cursor: str | None = None
    limit: int = PAGE


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event in a list, without its payload."""

    id: str
    type: str
    source: str
    at: float
    depth: int
    cause: str | None
    matched: int


class MatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A match in a list, without its inputs."""

    event: str
    rule: str
    target: str
    run: str
    at: float
    """When its event was accepted."""
    started_at: float | None
    error: str | None


class EventPage(msgspec.Struct, frozen=True):
    """A page of events, and the cursor of the next page, or None on the last one."""

    events: tuple[EventRow, ...]
    next: str | None


class EventsSince(msgspec.Struct, frozen=True):
    """Events of one type in the order of acceptance. `last` is where the next ones begin, or None behind the last."""

    events: tuple[Event, ...]
    last: int | None = None


class NewEvents(msgspec.Struct, frozen=True):
    """Events in the order of acceptance, and the number of the newest one of any type, 0 without events."""

    events: tuple[Event, ...]
    last: int
    numbers: frozenset[int] = frozenset()
    """The numbers of the events that were read now, also of those that cannot be read or are of other types."""
    more: bool = False
    """Whether others are left that were not known either."""


class DueMatches(msgspec.Struct, frozen=True):
    """Matches to start, in the order of acceptance."""

    matches: tuple[Match, ...]
    unreadable: tuple[Match, ...] = ()
    """Those that can never be started because their body cannot be read. Each has its error, and no inputs."""
    locked: int = 0
    """How many are left to an engine that has the key of their inputs."""
    next: int | None = None
    """Where the next ones begin, or None behind the last."""


class PruneEvents(msgspec.Struct, frozen=True):
    """Delete the events from before a time, in seconds since the epoch, unless a run of theirs is still to start."""

    before: float


class EventReader(Protocol):
    """Reads events and matches. Thread-safe. Every method may raise StoreUnavailable."""

    def find(self, event: str) -> Event | None:
        """Return an event with its payload, or None."""

    def page(self, query: EventQuery) -> EventPage:
        """Return a page of events, the newest first. Raises InvalidCursor."""

    def since(self, event_type: str, at: float, after: int | None = None, most: int = PAGE) -> EventsSince:
        """Return events of a type that were accepted at a time or later. `after` is the `last` of those before."""

    def newest(self, types: Collection[str], after: int | None, most: int, known: Collection[int] = ()) -> NewEvents:
        """Return the events of some types behind a number but for the known ones. None without a number."""

    def matches(self, event: str) -> list[MatchRow]:
        """Return the matches of an event, in the order of their rules."""

    def inputs(self, event: str, rule: str) -> Match | None:
        """Return a match with its inputs, or None."""

    def last_matches(self, rule: str, most: int) -> list[MatchRow]:
        """Return the newest matches of a rule, the newest first."""

    def due(self, engine: int | None, most: int, after: int | None = None) -> DueMatches:
        """Return matches that have not been started, and that an engine owns. `after` is the `next` of those before.

        There are at most `most` of them, with at most PAGE_BYTES in their bodies together, or one that has more.
        """


def event_body(event: Event) -> dict[str, Any]:
    """Return the part of an event that is stored as one text."""
    return {"payload": event.payload, "headers": event.headers, "parameters": event.parameters}
