"""The end of another engine's run from the store, and its last changes for followers whose news of it were lost."""

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec

from stretto.actors.history import ended_outcome, mask_of, reports, unless_sealed
from stretto.actors.journal import EntryQuery, Reader
from stretto.actors.outcome import Outcome
from stretto.actors.runs import ErrorGroup, ErrorGroups, ItemChanges, RunChanges
from stretto.definitions.conductor import ENDED, SkipRequested
from stretto.definitions.errors import StrettoError


class EndedElsewhere(msgspec.Struct, frozen=True):
    """To the engine: the end of another engine's run, as the store has it. None if it cannot be read now.

    `last` is the whole state at the end without the states of items, for followers that lack the last changes.
    """

    run_id: str
    end: tuple[Outcome, dict[str, Any]] | None
    last: RunChanges | None = None


def read_end(run_id: str, reader: Reader, *, lacks_last: bool) -> EndedElsewhere:
    """Read the end of a run. Called on a reader's thread.

    Args:
        run_id: The run.
        reader: The store.
        lacks_last: Whether followers lack the last changes.
    """
    row, end, last = reader.run(run_id), None, None
    if row is not None and row.status in ENDED:
        with contextlib.suppress(StrettoError):  # its end cannot be read without the key
            end = ended_outcome(reader, run_id), reports.status_of(reader, run_id)["tasks"]
    if row is not None and end is not None and lacks_last:
        last = _last_changes(reader, run_id, row.workflow, end[0].status, end[1])
    return EndedElsewhere(run_id, end, last)


def _last_changes(
    reader: Reader, run_id: str, workflow: str, status: str, tasks: dict[str, dict[str, Any]]
) -> RunChanges:
    """Return the whole state of an ended run, without the states of items: who follows it can fetch them."""
    unknown = {
        name: ItemChanges(task["visits"], None, None, by_entries=False)
        for name, task in tasks.items()
        if task["visits"]
    }
    visits = {name: task["visits"] for name, task in tasks.items()}
    errors = _errors(reader, run_id, visits)
    return RunChanges(run_id, workflow, reader.last_entry(run_id), None, status, tasks, unknown, errors)


def _errors(reader: Reader, run_id: str, visits: dict[str, int]) -> tuple[ErrorGroup, ...]:
    """Return the groups of errors of each task's last visit. Those that need a missing key are left out."""
    accepted = unless_sealed(lambda: reader.accepted(run_id))
    mask = None if accepted is None else unless_sealed(lambda: mask_of(reader, accepted))
    if mask is None:
        return ()
    groups: dict[str, ErrorGroups] = {}
    skips = dict(_skips(reader, run_id))
    for error in reader.item_errors(run_id):
        # An item that was skipped as it ran has succeeded, whatever its attempt has returned.
        if skips.get((error.task, error.index), error.number) < error.number:
            del skips[error.task, error.index]
        elif error.kind is not None and error.visit == visits.get(error.task):
            groups.setdefault(error.task, ErrorGroups()).add(error.index, error.kind, error.message, error.where)
    return tuple(each for task, of_task in groups.items() for each in of_task.groups(task, visits[task], mask))


def _skips(reader: Reader, run_id: str) -> Iterator[tuple[tuple[str, int], int]]:
    """Yield the items that were skipped, each with the number of that entry."""
    query = EntryQuery(kind="skip_requested")
    while page := reader.selected_entries(run_id, query):
        for number, entry in page:
            if isinstance(entry, SkipRequested):
                yield (entry.task, entry.index), number
        query = msgspec.structs.replace(query, after=page[-1][0])
