"""The printed texts of items' attempts: rows of their own, whose bytes are bounded for each run."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ScalarSelect, Select, and_, bindparam, func, select, update

from stretto.actors.journal.encryption import Keyring, decrypt, encrypt
from stretto.actors.journal.records import Happened, KeptOutput
from stretto.actors.journal.sql.tables import ENDED, entries, item_outputs
from stretto.actors.journal.sql.transaction import Transaction, recording
from stretto.actors.journal.store import ItemRow
from stretto.definitions.data import encode_json

MAX_KNOWN_RUNS: Final = 10_000
"""Runs whose sizes are cached."""
_SHARE_TO_DROP: Final = 16
"""At least this part of the bound is made free at a time: finding the oldest texts takes as long as finding one."""

_decode_text: Final = msgspec.json.Decoder(str).decode
_RUN: Final = bindparam("run", type_=item_outputs.c.run.type)
_SIZE: Final = select(func.coalesce(func.sum(item_outputs.c.size), 0)).where(item_outputs.c.run == _RUN)
_NO_TEXT: Final = encode_json("")
_THE_ROW: Final = and_(*(column == bindparam(f"the_{column.name}") for column in item_outputs.primary_key))
_DROP: Final = (
    update(item_outputs).where(_THE_ROW).values(cut=item_outputs.c.cut + item_outputs.c.size, size=0, body=_NO_TEXT)
)
_OLDEST: Final = (
    select(*item_outputs.primary_key, item_outputs.c.size)
    .join(
        entries,
        and_(
            entries.c.run == item_outputs.c.run, ENDED, entries.c.item == item_outputs.c.item,
            entries.c.task == item_outputs.c.task, entries.c.visit == item_outputs.c.visit,
            entries.c.attempt == item_outputs.c.attempt,
        ),
    )
    .where(item_outputs.c.run == _RUN, item_outputs.c.outcome == "succeeded", item_outputs.c.size > 0)
    .order_by(entries.c.number)
)  # fmt: skip


class OutputWriter:
    """Writes the texts of attempts, within the bound of each run.

    When there is no room, texts of succeeded attempts make room for those of failed ones, the oldest first, and further
    ones of succeeded attempts are not kept. Of a text that is not kept, the size remains.
    """

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring
        # The sizes after the transactions so far, which count for nothing if one of them fails.
        self._sizes: dict[int, int] = {}
        self._only_failed: set[int] = set()

    def write(self, transaction: Transaction, happened: Sequence[Happened], numbers: Mapping[str, int]) -> None:
        """Write the texts of records, after their entries. Raises Unrecordable."""
        for each in happened:
            if each.outputs:
                with recording(each.run_id):
                    self._write_run(transaction, each, numbers[each.run_id])

    def forget(self) -> None:
        """Read the sizes again, because a transaction may not be committed."""
        self._sizes.clear()
        self._only_failed.clear()

    def _write_run(self, transaction: Transaction, happened: Happened, run: int) -> None:
        rows: list[tuple[Any, ...]] = []
        size = self._size_of(transaction, run)
        most = happened.max_output_bytes
        for each in happened.outputs:
            missing = size + each.size - most
            if missing > 0 and each.outcome != "succeeded" and run not in self._only_failed:
                transaction.write(transaction.statements.outputs, rows)
                rows = []
                size -= self._drop_oldest(transaction, run, max(missing, most // _SHARE_TO_DROP))
            output = each if size + each.size <= most else each.dropped()
            size += output.size
            body = encode_json(output.text)
            if happened.secret and output.text:
                body = encrypt(body, self._keyring)
            rows.append((
                run, output.task, output.visit, output.index, output.attempt, output.outcome, output.size,
                output.cut, body,
            ))  # fmt: skip
            if output.text and output.outcome == "succeeded":
                self._only_failed.discard(run)
        transaction.write(transaction.statements.outputs, rows)
        self._sizes[run] = size

    def _size_of(self, transaction: Transaction, run: int) -> int:
        known = self._sizes.get(run)
        if known is not None:
            return known
        if len(self._sizes) >= MAX_KNOWN_RUNS:
            self.forget()
        return int(transaction.connection.scalar(_SIZE, {"run": run}) or 0)

    def _drop_oldest(self, transaction: Transaction, run: int, least: int) -> int:
        """Drop the oldest texts of succeeded attempts; return the bytes that became free."""
        free, rows = 0, []
        found = transaction.connection.execute(_OLDEST, {"run": run})
        for row in found:
            free += row.size
            rows.append({f"the_{column.name}": row[at] for at, column in enumerate(item_outputs.primary_key)})
            if free >= least:
                break
        else:
            self._only_failed.add(run)
        found.close()
        if rows:
            transaction.connection.execute(_DROP, rows)
        return free


def output_query(number: ScalarSelect[Any], attempt: ItemRow) -> Select[Any]:
    """Return the query for the text of an ended attempt of the run with this number."""
    columns = item_outputs.c
    of_item = columns.task == attempt.task, columns.visit == attempt.visit, columns.item == attempt.index
    return select(item_outputs).where(columns.run == number, *of_item, columns.attempt == attempt.attempt)


def restore_output(row: Any, keyring: Keyring | None) -> KeptOutput:
    """Return the text of a row of `item_outputs`. Raises StrettoError."""
    text = _decode_text(decrypt(row.body, keyring))
    return KeptOutput(row.task, row.visit, row.item, row.attempt, row.outcome, text, row.size, row.cut)
