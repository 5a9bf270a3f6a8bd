"""Deletes old events with their matches, and keys that are forgotten.

Their runs stay, as long as the retention of runs says.
"""

from sqlalchemy import delete, exists, or_, select

from stretto.actors.journal.events import PruneEvents
from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.tables import DUE, event_keys, events, matches
from stretto.actors.journal.sql.transaction import chunks


class EventPruning:
    """Deletes old events in portions. Implements `journal.store.Pruning`."""

    def __init__(self, ownership: Ownership, wanted: PruneEvents) -> None:
        self._ownership = ownership
        self._wanted = wanted
        self.finished = False

    def prune_some(self, limit: int) -> int:
        """Delete at most `limit` events in one transaction; return their number. Raises as the protocol says."""
        is_due = exists().where(matches.c.event == events.c.id, DUE)
        old = select(events.c.id).where(events.c.accepted_at < self._wanted.before, ~is_due).limit(limit)
        # A key may be kept for longer than its event: a repeated one is still known as such.
        is_forgotten = or_(event_keys.c.expires_at.is_(None), event_keys.c.expires_at <= self._wanted.before)
        with self._ownership.transaction() as connection:
            connection.execute(delete(event_keys).where(event_keys.c.expires_at <= self._wanted.before))
            found = connection.scalars(old).all()
            for chunk in chunks(found):
                connection.execute(delete(matches).where(matches.c.event.in_(chunk)))
                connection.execute(delete(event_keys).where(event_keys.c.event.in_(chunk), is_forgotten))
                connection.execute(delete(events).where(events.c.id.in_(chunk)))
        self.finished = len(found) < limit
        return len(found)
