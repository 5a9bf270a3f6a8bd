"""The tables of events, of what identifies repeated ones, and of the answers of rules."""

from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, Text, and_

from stretto.actors.journal.sql.columns import BIG, TIME, table

events = table(
    "events",
    # Increases in the order of acceptance: the key of pages.
    Column("number", BIG, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    # `owner` or `remote`, as of a run.
    Column("origin", Text, nullable=False),
    Column("accepted_at", TIME, nullable=False),
    Column("depth", Integer, nullable=False),
    # The run that it is about.
    Column("cause", Text),
    # The number of its matches.
    Column("matched", Integer, nullable=False),
    # Payload, headers and parameters, as JSON.
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
Index("events_by_type", events.c.type, events.c.number)
Index("events_by_time", events.c.accepted_at)
_CAUSED = events.c.cause.is_not(None)
Index("events_by_cause", events.c.cause, sqlite_where=_CAUSED, postgresql_where=_CAUSED)

event_keys = table(
    "event_keys",
    Column("key", Text, primary_key=True),
    # The id of the first event with the key.
    Column("event", Text, nullable=False),
    # When the key is forgotten. Null is with the event.
    Column("expires_at", TIME),
)
Index("event_keys_by_event", event_keys.c.event)
Index("event_keys_by_expiry", event_keys.c.expires_at)

matches = table(
    "matches",
    # Increases in the order of acceptance.
    Column("number", BIG, primary_key=True, autoincrement=True),
    # The id of its event.
    Column("event", Text, nullable=False),
    Column("rule", Text, nullable=False),
    # The ref of the workflow or action that runs, and the id of the run.
    Column("target", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("matched_at", TIME, nullable=False),
    # Set in the commit that accepts the run.
    Column("started_at", TIME),
    # Why there is no run.
    Column("error", Text),
    # The number of the engine that starts the run. Null for one that the next engine claims.
    Column("owner", BIG),
    # The inputs and how they were made, as JSON; null after an error.
    Column("body", LargeBinary),
    sqlite_autoincrement=True,
)
Index("matches_by_event", matches.c.event, matches.c.rule, unique=True)
Index("matches_by_rule", matches.c.rule, matches.c.number)
Index("matches_by_run", matches.c.run)
DUE: Final = and_(matches.c.started_at.is_(None), matches.c.error.is_(None))
"""The matches whose runs are not started yet."""
Index("matches_due", matches.c.owner, matches.c.number, sqlite_where=DUE, postgresql_where=DUE)
