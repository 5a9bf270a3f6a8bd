"""Suspects: the runs that may have crashed an engine in recovery, and those that are quarantined for it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from stretto.actors.journal.records import Suspicion, Suspicions
from stretto.actors.journal.sql.acceptance import FIRST_STATUS
from stretto.actors.journal.sql.tables import runs, suspects
from stretto.actors.journal.sql.transaction import Transaction
from stretto.actors.journal.store import QUARANTINED, Quarantine

SUSPECTS: Final = select(suspects, runs.c.id).join(runs).order_by(suspects.c.run)
_QUARANTINE: Final = select(
    runs.c.id, runs.c.parent, runs.c.ended_at, suspects.c.quarantined_at, suspects.c.reason
).outerjoin(suspects)


class _Trial(msgspec.Struct, frozen=True):
    """The text in `reason` of a suspect that is not quarantined."""

    alone: bool = False
    places: tuple[int, ...] = ()
    among: bool = False
    pausing: bool = False
    shared: int = 0


_NO_TRIAL: Final = _Trial()


_decode_trial = msgspec.json.Decoder(_Trial).decode
_encode_trial = msgspec.json.Encoder().encode


def write_suspicions(transaction: Transaction, suspicions: Suspicions, numbers: Mapping[str, int]) -> None:
    """Write changes of the suspects. `numbers` are the runs' numbers; runs without one are not in the store."""
    statements = transaction.statements
    noted = [each for each in suspicions.noted if each.run_id in numbers]
    transaction.write(statements.suspects, [_row(numbers[each.run_id], each) for each in noted])
    transaction.write(statements.no_suspects, [(run_id,) for run_id in suspicions.cleared])
    statuses = [(QUARANTINED, each.run_id) for each in noted if each.quarantined_at is not None]
    statuses += [(FIRST_STATUS, run_id) for run_id in suspicions.released]
    transaction.write(statements.statuses, statuses)


def restore_suspicion(row: Any) -> Suspicion:
    """Return a suspicion from a row of `SUSPECTS`."""
    if row.quarantined_at is not None or row.reason is None:
        trial, reason = _NO_TRIAL, row.reason
    else:
        trial, reason = _decode_trial(row.reason), None
    return Suspicion(
        run_id=row.id, noted_at=row.noted_at, alone=trial.alone, among=trial.among, pausing=trial.pausing,
        crashes=row.crashes, places=trial.places, shared=trial.shared,
        quarantined_at=row.quarantined_at, reason=reason,
    )  # fmt: skip


def find_quarantine(connection: Connection, run_id: str) -> Quarantine | None:
    """Return the quarantine of a run, or that of the nearest run above an unfinished run."""
    searched = run_id
    while (row := connection.execute(_QUARANTINE.where(runs.c.id == searched)).one_or_none()) is not None:
        if row.quarantined_at is not None and (searched == run_id or row.ended_at is None):
            return Quarantine(row.id, row.quarantined_at, row.reason or "")
        if row.ended_at is not None or row.parent is None:
            return None
        searched = row.parent
    return None


def _row(number: int, suspicion: Suspicion) -> tuple[Any, ...]:
    reason = suspicion.reason
    trial = _Trial(suspicion.alone, suspicion.places, suspicion.among, suspicion.pausing, suspicion.shared)
    if suspicion.quarantined_at is None and trial != _NO_TRIAL:
        reason = _encode_trial(trial).decode()
    return number, suspicion.crashes, suspicion.noted_at, suspicion.quarantined_at, reason
