"""Writes the progress of runs. An entry is one inserted row; visits, statuses and ends are updated in place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from stretto.actors.journal.encryption import Keyring, encrypt
from stretto.actors.journal.records import Ending, Happened
from stretto.actors.journal.sql.encoding import ALWAYS_SECRET, encode_entry, encode_json
from stretto.actors.journal.sql.transaction import Transaction, unrecordable
from stretto.definitions.errors import StrettoError


class ProgressWriter:
    """Writes the entries, visits, statuses and ends of runs."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring

    def write(self, transaction: Transaction, happened: Sequence[Happened], numbers: Mapping[str, int]) -> None:
        """Write records with one statement per table; `numbers` are the runs' numbers. Raises Unrecordable."""
        entries: list[tuple[Any, ...]] = []
        # The last state of a visit or a run wins.
        tasks: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        states: dict[int, tuple[Any, ...]] = {}
        ends: dict[int, tuple[Any, ...]] = {}
        for each in happened:
            run = numbers[each.run_id]
            try:
                entries.extend(self._entries(run, each))
                if each.ending is not None:
                    ends[run] = _end(run, each.ending)
            except (StrettoError, UnicodeError) as error:
                raise unrecordable(each.run_id, error) from None
            tasks.update(((run, task.task, task.visit), (run, *msgspec.structs.astuple(task))) for task in each.tasks)
            if each.ending is not None:
                states[run] = (each.ending.status, each.ending.at, run)
            elif each.status is not None:
                states[run] = (each.status, None, run)
        transaction.insert(transaction.statements.many_entries, entries)
        transaction.write(transaction.statements.tasks, list(tasks.values()))
        transaction.write(transaction.statements.states, list(states.values()))
        transaction.write(transaction.statements.ends, list(ends.values()))

    def _entries(self, run: int, happened: Happened) -> Iterator[tuple[Any, ...]]:
        secret, keyring = happened.secret, self._keyring
        for number, entry in enumerate(happened.entries, happened.first):
            columns = encode_entry(entry)
            if columns.body is not None and (secret or columns.kind in ALWAYS_SECRET):
                yield (run, number, *columns[:-1], encrypt(columns.body, keyring))
            else:
                yield (run, number, *columns)


def _end(run: int, ending: Ending) -> tuple[Any, ...]:
    return run, None if ending.output is None else encode_json(ending.output), encode_json(ending.errors)
