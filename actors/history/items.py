"""One item of a stored run: its state, and its last ended attempt."""

from typing import Any, Final

from stretto.actors.history.cells import STATES, find_visit, map_items
from stretto.actors.history.item_maps import ItemMaps
from stretto.actors.history.plain import item_as_json
from stretto.actors.history.reports import UnknownItem, ended_with, row_of
from stretto.actors.journal import ATTEMPTS_SHIFT, CODES, STATE_BITS, ItemRow, Reader
from stretto.definitions.conductor import VisitItems

_FAILED: Final = {CODES[name] for name in ("failed", "timed_out", "cancelled", "abandoned")}
_WHETHER_FAILED: Final = bytes(cell & STATE_BITS in _FAILED for cell in range(256))
_SHOWN_STATES: Final = {"to_retry": "retrying"}
"""The states that a map names otherwise than the stream of a run does."""


def show_item(  # noqa: PLR0913 - the last three are optional
    reader: Reader,
    run_id: str,
    task: str,
    index: int,
    visit: int | None = None,
    *,
    in_flight: VisitItems | None = None,
    maps: ItemMaps | None = None,
) -> dict[str, Any]:
    """Return an item's last ended attempt as in lists, with its `state`, its `result` and the whole `error`.

    `attempts` are the ended attempts {attempt, outcome, at, began_at, seconds} of its visit, in their order, and
    `neighbours` the indexes {previous_failed, next_failed} of the nearest items of the visit that failed, or None.
    If no attempt has ended, `outcome` and `at` are None and `attempt` is the one in flight, or 0.

    Args:
        reader: Reads the store.
        run_id: The run.
        task: The task.
        index: The item's index.
        visit: The number of the visit, or None for the newest one.
        in_flight: The items of the visit that its supervisor knows. Without it, only items that have ended are known.
        maps: The maps that are kept. Without it, the entries of an item that has not succeeded are read again.

    Raises:
        UnknownRun, UnknownTask, UnknownVisit: There is none such.
        UnknownItem: The visit has no such item, or it is not known.
        StoreUnavailable: The store cannot be read now.
    """
    row_of(reader, run_id)
    row = reader.last_attempt(run_id, task, index, visit)
    newest = None if in_flight is None else in_flight.visit
    if row is not None and row.outcome == "succeeded" and newest in {None, row.visit}:
        return {**_ended(reader, run_id, row), "state": row.outcome}
    # Also a skip counts, which is no end of an attempt. Most items have succeeded, and need no map.
    found = map_items(reader, run_id, task, visit, in_flight=in_flight, maps=maps)
    cells: bytes = found["cells"]
    state = STATES[cells[index] & STATE_BITS] if 0 <= index < len(cells) else None
    shown = _SHOWN_STATES.get(state or "", state)
    if row is not None and (row.visit == found["visit"] or state is None):
        return {**_ended(reader, run_id, row), "state": row.outcome if row.visit != found["visit"] else shown}
    is_whole = in_flight is not None or _has_ended(reader, run_id, task, visit)
    if state is None or not (is_whole or state == "skipped"):
        of_visit = "" if visit is None else f" (visit {visit})"
        items = f"; its items are 0 to {len(cells) - 1}" if cells and is_whole else ""
        raise UnknownItem(
            f"no attempt of item {index} of the task {task!r}{of_visit} has ended in the run {run_id}{items}"
        )
    return {
        "task": task, "visit": found["visit"], "index": index, "attempt": cells[index] >> ATTEMPTS_SHIFT,
        "outcome": None, "at": None, "began_at": None, "seconds": None, "result": None, "error": None, "attempts": [],
        "neighbours": _neighbours(cells, index), "state": shown,
    }  # fmt: skip


def is_settled(reader: Reader, run_id: str, task: str, index: int, visit: int | None = None) -> bool:
    """Return whether the store says all of an item: it has succeeded, or its visit has ended.

    Raises `UnknownTask`, `UnknownVisit`, `StoreUnavailable`.
    """
    row, of_visit = reader.last_attempt(run_id, task, index, visit), find_visit(reader, run_id, task, visit)
    if of_visit is None:
        return False
    has_succeeded = row is not None and row.outcome == "succeeded" and row.visit == of_visit.visit
    return has_succeeded or of_visit.ended_at is not None


def _has_ended(reader: Reader, run_id: str, task: str, visit: int | None) -> bool:
    """Return whether a visit has ended, so that the entries say everything of its items."""
    row = find_visit(reader, run_id, task, visit)
    return row is not None and row.ended_at is not None


def _ended(reader: Reader, run_id: str, row: ItemRow) -> dict[str, Any]:
    before, behind = reader.failed_neighbours(run_id, row)
    around = {
        "attempts": [_attempt(each) for each in reader.attempts(run_id, row)],
        "neighbours": {"previous_failed": before, "next_failed": behind},
    }
    return {**item_as_json(row), **ended_with(reader, run_id, row), **around}


def _attempt(row: ItemRow) -> dict[str, Any]:
    fields = item_as_json(row)
    return {name: fields[name] for name in ("attempt", "outcome", "at", "began_at", "seconds")}


def _neighbours(cells: bytes, index: int) -> dict[str, int | None]:
    failed = cells.translate(_WHETHER_FAILED)
    before, behind = failed.rfind(1, 0, index), failed.find(1, index + 1)
    return {"previous_failed": None if before < 0 else before, "next_failed": None if behind < 0 else behind}
