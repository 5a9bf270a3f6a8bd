"""Writes the progress of runs. An entry is one inserted row; visits, statuses and ends are updated in place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from stretto.actors.journal.encryption import Keyring, encrypt
from stretto.actors.journal.records import Ending, Happened
from stretto.actors.journal.sql.encoding import ALWAYS_SECRET, COMPLETED, SHARED, encode_entry
from stretto.actors.journal.sql.insertion import Row
from stretto.actors.journal.sql.shared_values import SHARED_BYTES, LargeResults
from stretto.actors.journal.sql.transaction import Transaction, recording
from stretto.definitions.conductor import ItemCompleted
from stretto.definitions.data import encode_json

PORTION_BYTES: Final = 16 * 1024 * 1024
"""Bytes of bodies that one insertion has at most, except for its last row: they are copies of results in memory."""


class ProgressWriter:
    """Writes the entries, visits, statuses and ends of runs."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring

    def write(self, transaction: Transaction, happened: Sequence[Happened], numbers: Mapping[str, int]) -> None:
        """Write records with one statement per table; `numbers` are the runs' numbers. Raises Unrecordable."""
        if not happened:  # as in most transactions of events
            return
        large = LargeResults(self._keyring)
        for rows in self._portions(happened, numbers, large):
            large.write(transaction)
            transaction.insert(transaction.statements.many_entries, rows)
        # The last state of a visit or a run wins.
        tasks: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        states: dict[int, tuple[Any, ...]] = {}
        ends: dict[int, tuple[Any, ...]] = {}
        for each in happened:
            run = numbers[each.run_id]
            if each.ending is not None:
                with recording(each.run_id):
                    ends[run] = _end(run, each.ending)
            tasks.update(((run, task.task, task.visit), (run, *msgspec.structs.astuple(task))) for task in each.tasks)
            if each.ending is not None:
                states[run] = (each.ending.status, each.ending.at, run)
            elif each.status is not None:
                states[run] = (each.status, None, run)
        transaction.write(transaction.statements.tasks, list(tasks.values()))
        transaction.write(transaction.statements.states, list(states.values()))
        transaction.write(transaction.statements.ends, list(ends.values()))

    def _portions(
        self, happened: Sequence[Happened], numbers: Mapping[str, int], large: LargeResults
    ) -> Iterator[list[Row]]:
        """Yield the rows of entries in portions of some PORTION_BYTES. One loop, which runs for every item."""
        portion: list[Row] = []
        size = 0
        # The last large result and its text: an event may end a thousand waits.
        shared: tuple[Any, bytes] | None = None
        for each in happened:
            run, secret = numbers[each.run_id], each.secret
            with recording(each.run_id):
                for number, entry in enumerate(each.entries, each.first):
                    kind, *columns, body = encode_entry(entry, shared)
                    if body is not None:
                        if kind == COMPLETED and type(entry) is ItemCompleted and len(body) >= SHARED_BYTES:
                            shared = entry.result, body
                            kind, body = SHARED, large.add(run, body, secret=secret)
                        elif secret or kind in ALWAYS_SECRET:
                            body = encrypt(body, self._keyring)
                        size += len(body)
                    portion.append((run, number, kind, *columns, body))
                    if size + large.new_bytes >= PORTION_BYTES:
                        yield portion
                        portion, size = [], 0
        yield portion


def _end(run: int, ending: Ending) -> tuple[Any, ...]:
    return run, None if ending.output is None else encode_json(ending.output), encode_json(ending.errors)
