"""Records and rows of a store as plain data, as JSON has it."""

import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from stretto.actors.journal import Entry, ItemRow, RunRow, SecretsLearned, TaskRow
from stretto.definitions.conductor import Failure
from stretto.definitions.context import Mask

_BEFORE_A_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")
_TIMES: Final = frozenset({"at", "accepted_at", "started_at", "ended_at"})


def time_told(at: float | None) -> str | None:
    """Return a time as RFC 3339 in UTC, to the microsecond; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def run_told(row: RunRow) -> dict[str, Any]:
    """Return {id, workflow, status, accepted_at, ended_at, parent, rerun_of, rerun_scope}."""
    return _told(row)


def task_told(row: TaskRow) -> dict[str, Any]:
    """Return {task, visit, status, started_at, ended_at, items, succeeded, failed}; no counts before its end."""
    told = _told(row)
    return told if row.ended_at is not None else {**told, "items": None, "succeeded": None, "failed": None}


def item_told(row: ItemRow) -> dict[str, Any]:
    """Return {task, visit, index, attempt, outcome, at}."""
    told = _told(row)
    del told["number"]
    return told


def failure_told(failure: Failure, mask: Mask) -> dict[str, Any]:
    """Return what is known of a failure, without secrets; what it does not have is left out."""
    told = {name: value for name, value in msgspec.to_builtins(failure).items() if value is not None}
    masked: dict[str, Any] = mask.anything(told)
    return masked


def entry_told(number: int, entry: Entry, mask: Mask) -> dict[str, Any]:
    """Return {number, type, ...} of an entry with its fields, without secrets; of secrets only how many."""
    kind = _BEFORE_A_WORD.sub("_", type(entry).__name__).lower()
    if isinstance(entry, SecretsLearned):
        return {"number": number, "type": kind, "count": len(entry.texts)}
    fields = msgspec.to_builtins(entry)
    # Names are the definition's, numbers and outcomes ours: only data can hold secrets.
    for name in ("result", "failure"):
        if fields.get(name) is not None:
            fields[name] = mask.anything(fields[name])
    return {"number": number, "type": kind, **_with_times(fields)}


def _told(row: msgspec.Struct) -> dict[str, Any]:
    return _with_times(msgspec.structs.asdict(row))


def _with_times(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: time_told(value) if name in _TIMES else value for name, value in fields.items()}
