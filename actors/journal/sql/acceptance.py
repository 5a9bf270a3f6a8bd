"""Writes accepted runs, and finds the earlier runs that have their idempotency keys."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from stretto.actors.journal.encryption import Keyring, decrypt, encrypt
from stretto.actors.journal.needs import Needs, encode_needs, need
from stretto.actors.journal.records import RunAccepted
from stretto.actors.journal.sql.event_writer import mark_started, started_before
from stretto.actors.journal.sql.run_rows import rerun_scope
from stretto.actors.journal.sql.shared_bodies import SharedBodies
from stretto.actors.journal.sql.tables import runs
from stretto.actors.journal.sql.transaction import Transaction, chunks, recording
from stretto.actors.journal.store import AlreadyAccepted, Unrecordable
from stretto.definitions.data import encode_json
from stretto.definitions.model import NORMAL, PRIORITIES

FIRST_STATUS: Final = "running"
"""The status of an accepted run before its first entry."""


class Acceptance:
    """Writes accepted runs."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring
        self._shared = SharedBodies(keyring)

    def write(
        self, transaction: Transaction, accepted: Sequence[RunAccepted], owner: int
    ) -> tuple[dict[str, int], list[AlreadyAccepted]]:
        """Write runs of an engine; return their numbers in the store, and the runs whose idempotency key is taken.

        Raises:
            Unrecordable: The store permanently refuses a run.
        """
        self._check_sources(transaction, accepted)
        started = started_before(transaction, accepted)
        if started:
            again = {each.run_id for each in started}
            accepted = [each for each in accepted if each.run_id not in again]
            if not accepted:
                return {}, started
        rows = [{**self._row(each), "owner": owner} for each in accepted]
        self._shared.write(transaction, accepted)
        transaction.count([row.values() for row in rows])
        added = transaction.connection.execute(transaction.statements.accept, rows)
        numbers: dict[str, int] = {row.id: row.number for row in added}
        new = [each for each in accepted if each.run_id in numbers]
        transaction.write(transaction.statements.inputs, [self._inputs(numbers[each.run_id], each) for each in new])
        labels = [(numbers[each.run_id], *label) for each in new for label in each.labels.items()]
        transaction.write(transaction.statements.labels, labels)
        mark_started(transaction, new)
        taken = self._taken(transaction, [each for each in accepted if each.run_id not in numbers])
        return numbers, [*started, *taken]

    @staticmethod
    def _check_sources(transaction: Transaction, accepted: Sequence[RunAccepted]) -> None:
        """Check that the sources of partial reruns still exist: they may just have been deleted."""
        for each in accepted:
            if each.rerun is not None and each.rerun.scope != "everything":
                with recording(each.run_id):
                    source = select(runs.c.id).where(runs.c.id == each.rerun.of)
                    if transaction.connection.scalar(source) is None:
                        raise Unrecordable(f"the run {each.rerun.of} that it reruns was deleted")

    def _row(self, accepted: RunAccepted) -> dict[str, Any]:
        parent, rerun, idempotency = accepted.parent, accepted.rerun, accepted.idempotency
        item = parent.item if parent else None
        with recording(accepted.run_id):
            return {
                "id": accepted.run_id,
                "workflow": accepted.workflow.ref,
                "status": FIRST_STATUS,
                "accepted_at": accepted.accepted_at,
                "depth": accepted.depth,
                "parent": parent.run_id if parent else None,
                "parent_task": item.task if item else None,
                "parent_visit": item.visit if item else None,
                "parent_item": item.index if item else None,
                "parent_attempt": parent.attempt if parent else None,
                "rerun_of": rerun.of if rerun else None,
                "rerun_scope": rerun_scope(rerun) if rerun else None,
                "idempotency_key": idempotency.key if idempotency else None,
                # Encrypted like the parameters: secrets could be guessed from their digest.
                "fingerprint": self._body(idempotency.fingerprint.encode(), accepted).decode() if idempotency else None,
                "origin": accepted.origin,
                "definition": self._shared.definition(accepted),
                "surroundings": self._shared.surroundings(accepted.surroundings),
                "max_cost": accepted.limits.max_cost,
                "max_bytes": accepted.limits.max_bytes,
                "requested_by": accepted.requested_by.who if accepted.requested_by else None,
                "requested_via": accepted.requested_by.via if accepted.requested_by else None,
                "root": accepted.root or accepted.run_id,
                "event_depth": accepted.event_depth or None,
                "needs": encode_needs(self._needs(accepted)),
                "priority": None if accepted.priority == NORMAL else PRIORITIES.index(accepted.priority),
            }

    def _needs(self, accepted: RunAccepted) -> Needs:
        if not accepted.secret or self._keyring is None:
            return accepted.needs
        return accepted.needs | {need("key", self._keyring.name)}

    def _inputs(self, number: int, accepted: RunAccepted) -> tuple[Any, ...]:
        with recording(accepted.run_id):
            parent = self._body(encode_json(accepted.parent.system_parent), accepted) if accepted.parent else None
            items = None if accepted.rerun is None else accepted.rerun.items
            chosen = None if items is None else encode_json(items)
            return number, self._body(encode_json(accepted.parameters), accepted), parent, chosen

    def _body(self, body: bytes, accepted: RunAccepted) -> bytes:
        return encrypt(body, self._keyring) if accepted.secret else body

    def _taken(self, transaction: Transaction, conflicting: Sequence[RunAccepted]) -> list[AlreadyAccepted]:
        keys = [each.idempotency.key for each in conflicting if each.idempotency]
        existing: dict[str, Any] = {}
        for chunk in chunks(keys):
            having = select(runs.c.idempotency_key, runs.c.id, runs.c.fingerprint).where(
                runs.c.idempotency_key.in_(chunk)
            )
            for row in transaction.connection.execute(having):
                existing[row.idempotency_key] = row
        return [self._existing(each, existing) for each in conflicting]

    def _existing(self, accepted: RunAccepted, existing: Mapping[str, Any]) -> AlreadyAccepted:
        idempotency = accepted.idempotency
        with recording(accepted.run_id):
            if accepted.match is not None:  # the same match twice in one transaction
                return AlreadyAccepted(accepted.run_id, accepted.run_id, same_request=True)
            if idempotency is None or idempotency.key not in existing:
                raise Unrecordable("another run has its id")
            found = existing[idempotency.key]
            fingerprint = decrypt(found.fingerprint.encode(), self._keyring).decode()
            return AlreadyAccepted(accepted.run_id, found.id, fingerprint == idempotency.fingerprint)
