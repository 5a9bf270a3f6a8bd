"""A map of a visit's items: a byte for each, with its state and the number of its attempts."""

from collections.abc import Iterator
from typing import Any, Final

from stretto.actors.history.item_maps import ItemMaps
from stretto.actors.history.masks import unless_sealed
from stretto.actors.journal import (
    ATTEMPTS_SHIFT,
    CODES,
    ITEM_STATES,
    MOST_ITEMS,
    STATE_BITS,
    Reader,
    TaskRow,
    attempts_in_cell,
)
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import VisitItems, check_task
from stretto.definitions.errors import StrettoError

STATES: Final = ITEM_STATES
_WAITING: Final = CODES["waiting"]
_RUNNING: Final = CODES["running"]
_SKIPPED: Final = CODES["skipped"]
_ATTEMPTS_ALONE: Final = bytes(cell & ~STATE_BITS & 0xFF for cell in range(256))
_WHETHER_RECORDED: Final = bytes(2 if cell >> ATTEMPTS_SHIFT else 0 for cell in range(256))
_WHETHER_ENDED: Final = bytes(0 if cell in {_WAITING, _RUNNING, _SKIPPED} else 1 for cell in range(256))
_ENDED_UNRECORDED: Final = 1


class UnknownVisit(StrettoError):
    """The task has no such visit in the run."""

    code = "unknown_visit"


def map_items(  # noqa: PLR0913 - the last four are optional
    reader: Reader,
    run_id: str,
    task: str,
    visit: int | None = None,
    *,
    known: int | None = None,
    in_flight: VisitItems | None = None,
    maps: ItemMaps | None = None,
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
        maps: The maps that are kept. Without it, all entries are read.

    Raises:
        UnknownRun: There is no such run.
        UnknownTask: The workflow has no such task.
        UnknownVisit: The task has no such visit.
        StoreUnavailable: The store cannot be read now.
    """
    last = reader.last_entry(run_id)  # before the attempts: the next question finds those that come meanwhile
    row = find_visit(reader, run_id, task, visit)
    number = in_flight.visit if in_flight is not None else row.visit if row is not None else 0
    if last == known:
        return {"visit": number, "last": last, "cells": None}
    recorded = b""
    if row is not None and row.visit == number:
        recorded = (maps or ItemMaps()).recorded(reader, run_id, row, last)
    cells = bytearray(recorded.ljust(_known_items(row, in_flight), b"\0"))
    if in_flight is not None:
        _overlay(cells, in_flight)
    return {"visit": number, "last": last, "cells": bytes(cells)}


def with_states(recorded: bytes, states: bytes) -> bytes:
    """Return cells with these states, and the attempts that the recorded cells have.

    Args:
        recorded: Cells that the entries say.
        states: The states of items, a byte each. An item behind them waits.
    """
    size = max(len(recorded), len(states))
    recorded, states = recorded.ljust(size, b"\0"), states.ljust(size, b"\0")
    # As two long numbers, which costs a thousandth of a loop over the items.
    cells = bytearray(_both(recorded.translate(_ATTEMPTS_ALONE), states))
    for index in _positions_of(_RUNNING, states):
        cells[index] = attempts_in_cell((recorded[index] >> ATTEMPTS_SHIFT) + 1) | _RUNNING
    unrecorded = _both(recorded.translate(_WHETHER_RECORDED), states.translate(_WHETHER_ENDED))
    for index in _positions_of(_ENDED_UNRECORDED, unrecorded):
        cells[index] |= attempts_in_cell(1)
    return bytes(cells)


def _both(one: bytes, other: bytes) -> bytes:
    """Return the bits of both, which have the same length."""
    return (int.from_bytes(one, "big") | int.from_bytes(other, "big")).to_bytes(len(one), "big")


def _positions_of(value: int, among: bytes) -> Iterator[int]:
    index = among.find(value)
    while index >= 0:
        yield index
        index = among.find(value, index + 1)


def find_visit(reader: Reader, run_id: str, task: str, visit: int | None) -> TaskRow | None:
    """Return the row of a visit, or of the newest one, or None for a task that has no visit yet.

    Raises `UnknownRun`, `UnknownTask`, `UnknownVisit`, `StoreUnavailable`.
    """
    visits = {each.visit: each for each in reader.tasks(run_id) if each.task == task}
    if not visits:  # the definition, which may be large, says whether there is such a task
        _check_task(reader, run_id, task)
    if visit is not None and visit not in visits:
        there = f"its visits are numbered 1 to {max(visits)}" if visits else "it has not started"
        raise UnknownVisit(f"the task {task!r} has no visit {visit} in the run {run_id}: {there}")
    return visits[max(visits) if visit is None else visit] if visits else None


def _check_task(reader: Reader, run_id: str, task: str) -> None:
    if reader.run(run_id) is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    accepted = unless_sealed(lambda: reader.accepted(run_id))
    if accepted is not None:
        check_task(accepted.workflow, task)


def _known_items(row: TaskRow | None, in_flight: VisitItems | None) -> int:
    if in_flight is not None:
        return min(in_flight.items, MOST_ITEMS)
    return 0 if row is None or row.ended_at is None else min(row.items, MOST_ITEMS)


def _overlay(cells: bytearray, in_flight: VisitItems) -> None:
    """Enter what the supervisor knew before the entries were read: an entry of the same attempt is newer."""
    begun = min(in_flight.begun, len(cells))
    if in_flight.items:
        for index in _positions_of(0, bytes(cells[:begun])):  # it has ended, but that is not recorded yet
            cells[index] = attempts_in_cell(1) | _RUNNING
    for state, attempts in (("running", in_flight.running), ("to_retry", in_flight.retrying)):
        for index, attempt in attempts.items():
            if index >= len(cells):
                continue
            recorded, newest = cells[index] & ~STATE_BITS, attempts_in_cell(attempt)
            unknown = cells[index] & STATE_BITS in {_WAITING, _RUNNING}
            if recorded < newest or unknown or (state == "to_retry" and recorded == newest):
                cells[index] = newest | CODES[state]
    for index in filter(range(len(cells)).__contains__, in_flight.skipped):
        cells[index] = cells[index] & ~STATE_BITS | _SKIPPED
