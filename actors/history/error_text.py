"""Error records of a run as lines for people."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_SHOWN: Final = re.compile(r" \(showing \d+\)")
"""The part of a message that applies to the records, not to their lines."""
_OF_A_CAUSE: Final = frozenset({"count", "of", "message", "item_index", "code"})
_OF_A_PLACE: Final = frozenset({"file", "line", "column"})
"""The fields of a record as it was written. One that has lost a field is damaged: `store check` reports it."""
MAX_TOLERATED: Final = 3
"""Tasks that the line about a successful run's failures names."""


def error_lines(errors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield error records as lines, each followed by the frames of its traceback.

    Equal errors of a task's items are one line, with the number of items.
    """
    grouped = {(error.get("task"), error.get("visit")) for error in errors if _causes(error)}
    for error in errors:
        if error.get("item_index") is not None and (error.get("task"), error.get("visit")) in grouped:
            continue
        causes = _causes(error)
        if len(causes) == 1:
            yield _cause_line(error, causes[0])
            yield from _frame_lines(causes[0], "  ")
            continue
        yield _SHOWN.sub("", error_line(error), count=1) if causes else error_line(error)
        yield from _frame_lines(error, "  ")
        for cause in causes:
            is_one = cause["count"] == 1 and cause["item_index"] is not None
            line = error_line({**cause, "handled": error.get("handled")}) if is_one else _cause_line(error, cause)
            yield f"  {line}"
            yield from _frame_lines(cause, "    ")


def error_line(error: Mapping[str, Any]) -> str:
    """Return an error record as one line."""
    item = f" (item {error['item_index']})" if error.get("item_index") is not None else ""
    return f"{_place(error)}{_handled(error)}{error.get('message')}{item} [{error.get('code')}]"


def tolerated_lines(errors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the one line about the failures that a successful run tolerated, if there are any."""
    tolerated = [error for error in errors if error.get("item_index") is None]
    if not tolerated:
        return
    parts = [f"{error.get('task')!r}: {_summary(error)}" for error in tolerated[:MAX_TOLERATED]]
    more = f"; and {len(tolerated) - MAX_TOLERATED:,} more" if len(tolerated) > MAX_TOLERATED else ""
    yield f"tolerated: {'; '.join(parts)}{more}"


def _causes(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [cause for cause in error.get("causes") or () if cause.keys() >= _OF_A_CAUSE]


def _summary(error: Mapping[str, Any]) -> str:
    causes = _causes(error)
    if not causes:
        return str(error.get("message"))
    failed = f"{sum(cause['count'] for cause in causes):,} of {causes[0]['of']:,} items failed"
    return f"{failed} ({'' if len(causes) == 1 else 'most often '}{causes[0]['message']})"


def _cause_line(error: Mapping[str, Any], cause: Mapping[str, Any]) -> str:
    items = f"{cause['count']:,} of {cause['of']:,} items"
    only = f" (item {cause['item_index']})" if cause["count"] == 1 and cause["item_index"] is not None else ""
    return f"{_place(cause)}{_handled(error)}{items}: {cause['message']}{only} [{cause['code']}]"


def _place(error: Mapping[str, Any]) -> str:
    where = error.get("where") or {}
    return f"{where['file']}:{where['line']}:{where['column']}: " if where.keys() >= _OF_A_PLACE else ""


def _handled(error: Mapping[str, Any]) -> str:
    return "handled: " if error.get("handled") else ""


def _frame_lines(error: Mapping[str, Any], indent: str) -> Iterator[str]:
    for frame in error.get("traceback") or ():
        code = f": {frame['code']}" if frame.get("code") else ""
        yield f"{indent}at {frame['file']}:{frame['line']} in {frame['function']}{code}"
