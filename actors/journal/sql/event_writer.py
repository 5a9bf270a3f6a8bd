"""Writes events with their matches, and marks the matches whose runs are accepted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, insert, select, tuple_, update

from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, encrypt
from stretto.actors.journal.events import EventAccepted, Match, MatchFailed, event_body
from stretto.actors.journal.records import RunAccepted
from stretto.actors.journal.sql.tables import event_keys, events, matches
from stretto.actors.journal.sql.transaction import CHUNK, Transaction, chunks, recording
from stretto.actors.journal.store import AlreadyAccepted
from stretto.definitions.data import encode_json

if TYPE_CHECKING:
    from stretto.definitions.rules import Event

NO_KEY: Final = "the inputs contain secrets, and the store has no key to encrypt them: set engine.store_key"
_EVENTS: Final = insert(events)
_MATCHES: Final = insert(matches)
_FAILED: Final = (
    update(matches)
    .where(matches.c.event == bindparam("of_event"), matches.c.rule == bindparam("of_rule"))
    .where(matches.c.started_at.is_(None))
    .values(error=bindparam("reason"))
)
_STARTED: Final = (
    update(matches)
    .where(matches.c.event == bindparam("of_event"), matches.c.rule == bindparam("of_rule"))
    .values(started_at=bindparam("at"), error=None)
)
# Keys that another daemon writes or deletes now are left to it, so no daemon waits for another one here.
_FORGOTTEN: Final = (
    select(event_keys.c.key)
    .where(event_keys.c.expires_at <= bindparam("now"))
    .limit(CHUNK)
    .with_for_update(skip_locked=True)
)
_FORGET_KEYS: Final = delete(event_keys).where(event_keys.c.key.in_(_FORGOTTEN))


class EventWriter:
    """Writes events and matches in the transaction of their commit."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring
        self.is_drained = False
        """Whether other engines start the runs of the matches from now on."""

    def write(self, transaction: Transaction, accepted: Sequence[EventAccepted], owner: int) -> list[AlreadyAccepted]:
        """Write events, and return those that were not, because an earlier event has their key.

        Raises:
            Unrecordable: The store permanently refuses an event.
        """
        if not accepted:
            return []
        first = self._first_with_keys(transaction, accepted)
        taken = [
            AlreadyAccepted(each.event.id, first[each.event.key], same_request=True)
            for each in accepted
            if each.event.key is not None and first[each.event.key] != each.event.id
        ]
        refused = {each.run_id for each in taken}
        new = [each for each in accepted if each.event.id not in refused]
        rows = [self._row(each) for each in new]
        starter = None if self.is_drained else owner
        answers = [self._match_row(match, each.event.at, starter) for each in new for match in each.matches]
        for statement, given in ((_EVENTS, rows), (_MATCHES, answers)):
            if given:
                transaction.count([row.values() for row in given])
                transaction.connection.execute(statement, given)
        return taken

    def fail(self, transaction: Transaction, failed: Sequence[MatchFailed]) -> None:
        """Write why the runs of matches are not started."""
        rows = [{"of_event": each.event, "of_rule": each.rule, "reason": each.error} for each in failed]
        if rows:
            transaction.connection.execute(_FAILED, rows)

    def _first_with_keys(self, transaction: Transaction, accepted: Sequence[EventAccepted]) -> Mapping[str, str]:
        """Return the id of the first event with each key, and note the new keys."""
        keyed = [each.event for each in accepted if each.event.key is not None]
        if not keyed:
            return {}
        first: dict[str, Event] = {}
        for event in keyed:
            first.setdefault(str(event.key), event)
        # In one order, so that daemons that write the same keys at one instant do not wait for each other.
        rows = [
            {"key": key, "event": event.id, "expires_at": event.key_until, "now": event.at}
            for key, event in sorted(first.items())
        ]
        transaction.connection.execute(transaction.statements.note_key, rows)
        known: dict[str, str] = {}
        for chunk in chunks(list(first)):
            query = select(event_keys.c.key, event_keys.c.event).where(event_keys.c.key.in_(chunk))
            known.update((row.key, row.event) for row in transaction.connection.execute(query))
        transaction.connection.execute(_FORGET_KEYS, {"now": max(event.at for event in keyed)})
        return known

    def _row(self, accepted: EventAccepted) -> dict[str, Any]:
        event = accepted.event
        with recording(event.id):
            body = encode_json(event_body(event))
            return {
                "id": event.id, "type": event.type, "source": event.source, "origin": event.origin,
                "accepted_at": event.at, "depth": event.depth, "cause": event.cause,
                "matched": len(accepted.matches),
                "body": encrypt(body, self._keyring) if event.secret else body,
            }  # fmt: skip

    def _match_row(self, match: Match, at: float, owner: int | None) -> dict[str, Any]:
        body, error = None, match.error
        if match.inputs is not None:
            with recording(match.event):
                body = encode_json(
                    {
                        "inputs": match.inputs, "dialect": match.dialect, "fixed": match.fixed,
                        "origin": match.origin, "depth": match.depth, "secret": match.secret,
                    }
                )  # fmt: skip
                try:
                    body = encrypt(body, self._keyring) if match.secret else body
                except StoreKeyMissing:
                    body, error = None, NO_KEY
        return {
            "event": match.event, "rule": match.rule, "target": match.target, "run": match.run_id, "matched_at": at,
            "started_at": None, "error": error, "owner": owner, "body": body,
        }  # fmt: skip


def mark_started(transaction: Transaction, accepted: Iterable[RunAccepted]) -> None:
    """Mark the matches of runs that this transaction accepts."""
    rows = [
        {"of_event": each.match.event, "of_rule": each.match.rule, "at": each.accepted_at}
        for each in accepted
        if each.match is not None
    ]
    if rows:
        transaction.connection.execute(_STARTED, rows)


def started_before(transaction: Transaction, accepted: Iterable[RunAccepted]) -> list[AlreadyAccepted]:
    """Return the runs of matches that have been started, perhaps by a run that has ended and was deleted."""
    keys = {(each.match.event, each.match.rule): each.run_id for each in accepted if each.match is not None}
    found: list[AlreadyAccepted] = []
    for chunk in chunks(list(keys)):
        started = select(matches.c.event, matches.c.rule, matches.c.run).where(
            tuple_(matches.c.event, matches.c.rule).in_(chunk), matches.c.started_at.is_not(None)
        )
        found += [
            AlreadyAccepted(keys[row.event, row.rule], row.run, same_request=True)
            for row in transaction.connection.execute(started)
        ]
    return found
