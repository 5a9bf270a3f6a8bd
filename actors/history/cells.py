"""A map of a visit's items: a byte for each, with its state and the number of its attempts."""

from collections.abc import Sequence
from typing import Any, Final

from stretto.actors.history.masks import unless_sealed
from stretto.actors.journal import ItemCell, Reader, TaskRow
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import VisitItems, check_task
from stretto.definitions.errors import StrettoError

STATES: Final = (
    *("waiting", "running", "to_retry"),
    *("succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped"),
)
"""The states of items. A cell has the position of its item's state in its low half."""
MOST_ATTEMPTS: Final = 15
"""The most attempts that a cell's high half can tell: it means so many or more."""
MOST_ITEMS: Final = 10_000_000
"""The items of a map. Others are left out."""
_CODES: Final = {state: code for code, state in enumerate(STATES)}
_RUNNING: Final = _CODES["running"]
_SKIPPED: Final = _CODES["skipped"]
_STATE: Final = 0x0F
_SHIFT: Final = 4


class UnknownVisit(StrettoError):
    """The task has no such visit in the run."""

    code = "unknown_visit"


def map_items(  # noqa: PLR0913 - the last three are optional
    reader: Reader,
    run_id: str,
    task: str,
    visit: int | None = None,
    *,
    known: int | None = None,
    in_flight: VisitItems | None = None,
) -> dict[str, Any]:
    """Return the map of a visit's items: {visit, last, cells}.

    `last` is the number of the run's last entry. `cells` has a byte for each item that is known: the position of its
    state in `STATES` in the low half, the number of its attempts above it. It is None if `last` is the known one.

    Args:
        reader: Reads the store.
        run_id: The run.
        task: The task.
        visit: The number of the visit, or None for the newest one.
        known: The `last` of an earlier answer.
        in_flight: The items of the visit that its supervisor knows. Without it, an item in flight is waiting.

    Raises:
        UnknownRun: There is no such run.
        UnknownTask: The workflow has no such task.
        UnknownVisit: The task has no such visit.
        StoreUnavailable: The store cannot be read now.
    """
    last = reader.last_entry(run_id)  # before the attempts: the next question finds those that come meanwhile
    row = _visit(reader, run_id, task, visit)
    number = in_flight.visit if in_flight is not None else row.visit if row is not None else 0
    if last == known:
        return {"visit": number, "last": last, "cells": None}
    cells = bytearray(_known_items(row, in_flight))
    for portion in reader.cells(run_id, task, number):
        _enter(cells, portion, row)
    if in_flight is not None:
        _overlay(cells, in_flight)
    return {"visit": number, "last": last, "cells": bytes(cells)}


def _visit(reader: Reader, run_id: str, task: str, visit: int | None) -> TaskRow | None:
    """Return the row of a visit, or None for a task that has no visit yet."""
    if reader.run(run_id) is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    accepted = unless_sealed(lambda: reader.accepted(run_id))
    if accepted is not None:
        check_task(accepted.workflow, task)
    visits = {each.visit: each for each in reader.tasks(run_id) if each.task == task}
    if visit is not None and visit not in visits:
        there = f"its visits are numbered 1 to {max(visits)}" if visits else "it has not started"
        raise UnknownVisit(f"the task {task!r} has no visit {visit} in the run {run_id}: {there}")
    return visits[max(visits) if visit is None else visit] if visits else None


def _known_items(row: TaskRow | None, in_flight: VisitItems | None) -> int:
    if in_flight is not None:
        return min(in_flight.items, MOST_ITEMS)
    return 0 if row is None or row.ended_at is None else min(row.items, MOST_ITEMS)


def _was_active(row: TaskRow | None, at: float) -> bool:
    return row is not None and row.started_at <= at and (row.ended_at is None or at <= row.ended_at)


def _enter(cells: bytearray, portion: Sequence[ItemCell], row: TaskRow | None) -> None:
    """Enter ended attempts and skips. A skipped item stays skipped, whatever its attempt returns. One tight loop."""
    codes, failed, known = _CODES, _CODES["failed"], len(cells)
    for _number, item, attempt, outcome, at in portion:
        if item >= known:
            if item >= MOST_ITEMS:
                continue
            cells.extend(bytes(item + 1 - known))
            known = item + 1
        before = cells[item]
        if outcome is None:
            if _was_active(row, at):
                cells[item] = before & ~_STATE | _SKIPPED
        elif before & _STATE == _SKIPPED:
            cells[item] = _attempts(attempt or 0) | _SKIPPED
        else:
            cells[item] = _attempts(attempt or 0) | codes.get(outcome, failed)


def _overlay(cells: bytearray, in_flight: VisitItems) -> None:
    """Enter what the supervisor knew before the entries were read: an entry of the same attempt is newer."""
    begun = min(in_flight.begun, len(cells))
    if in_flight.items:
        for index in range(begun):
            if not cells[index]:  # it has ended, but that is not recorded yet
                cells[index] = _attempts(1) | _RUNNING
    for state, attempts in (("running", in_flight.running), ("to_retry", in_flight.retrying)):
        for index, attempt in attempts.items():
            if index >= len(cells):
                continue
            recorded, newest = cells[index] & ~_STATE, _attempts(attempt)
            unknown = cells[index] & _STATE in {_CODES["waiting"], _RUNNING}
            if recorded < newest or unknown or (state == "to_retry" and recorded == newest):
                cells[index] = newest | _CODES[state]
    for index in filter(range(len(cells)).__contains__, in_flight.skipped):
        cells[index] = cells[index] & ~_STATE | _SKIPPED


def _attempts(number: int) -> int:
    return min(number, MOST_ATTEMPTS) << _SHIFT
