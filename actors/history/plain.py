"""Records and rows of a store as plain data for JSON."""

import re
from typing import Any, Final

import msgspec

from stretto.actors.journal import (
    AuditEntry,
    Entry,
    ItemRow,
    KeptOutput,
    KeysRead,
    Quarantine,
    RunRow,
    SecretsLearned,
    TaskRow,
    TokenRecord,
    time_as_json,
)
from stretto.definitions.conductor import CancelRequested, Failure, ItemCompleted, TaskCancelRequested
from stretto.definitions.context import MASK, Mask, ReadKey

_BEFORE_A_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")
_TIMES: Final = frozenset({"at", "began_at", "accepted_at", "started_at", "ended_at", "expires_at"})


def run_as_json(row: RunRow) -> dict[str, Any]:
    """Return {id, workflow, status, accepted_at, ended_at, parent, ..., requested_by, child_count, parent_item}.

    `parent_item` is {task, visit, index}, the item that a sub-workflow's run is for, or None.
    """
    requested_by = None if row.requested_by is None else msgspec.structs.asdict(row.requested_by)
    parent_item = None if row.parent_item is None else msgspec.structs.asdict(row.parent_item)
    return {**_row_as_json(row), "requested_by": requested_by, "parent_item": parent_item}


def audit_as_json(entry: AuditEntry) -> dict[str, Any]:
    """Return {at, who, source, via, operation, target, note, result, for_user}."""
    return _row_as_json(entry)


def token_as_json(token: TokenRecord) -> dict[str, Any]:
    """Return {id, name, role, made_at, made_by, expires_at, used_on, workflows, revoked_at}, without the digest.

    `used_on` is a date in UTC, the others are times. All but `workflows` are texts or None.
    """
    fields: dict[str, Any] = msgspec.to_builtins(token)
    del fields["digest"]
    for name in ("made_at", "expires_at", "revoked_at"):
        fields[name] = time_as_json(fields[name])
    used = time_as_json(fields["used_on"])
    fields["used_on"] = None if used is None else used.partition("T")[0]
    return fields


def pruned(older_than_seconds: float | None, keep: int | None) -> str:
    """Return which runs a request deletes, for the audit."""
    parts = [] if older_than_seconds is None else [f"runs that ended more than {older_than_seconds:.0f} s ago"]
    parts += [] if keep is None else [f"all but {keep} runs"]
    return ", ".join(parts) or "no runs"


def quarantine_as_json(quarantine: Quarantine) -> dict[str, Any]:
    """Return {run, at, reason}: the quarantined run, since when, and why."""
    return {"run": quarantine.run_id, "at": time_as_json(quarantine.at), "reason": quarantine.reason}


def task_as_json(row: TaskRow) -> dict[str, Any]:
    """Return {task, visit, status, started_at, ended_at, items, succeeded, failed}. Counts are None before its end."""
    fields = _row_as_json(row)
    return fields if row.ended_at is not None else {**fields, "items": None, "succeeded": None, "failed": None}


def item_as_json(row: ItemRow) -> dict[str, Any]:
    """Return {task, visit, index, attempt, outcome, at, began_at, seconds}."""
    fields = _row_as_json(row)
    del fields["number"]
    return fields


def kept_report(output: KeptOutput) -> dict[str, Any]:
    """Return {task, visit, index, attempt, outcome, stdout, stderr, truncated, cut} of a printed text.

    `outcome` is None for an attempt in flight, and `cut` the number of bytes before the text that are not kept.
    """
    return {
        "task": output.task,
        "visit": output.visit,
        "index": output.index,
        "attempt": output.attempt,
        "outcome": output.outcome,
        "stdout": output.text,
        "stderr": "",
        "truncated": output.cut > 0,
        "cut": output.cut,
    }


def failure_as_json(failure: Failure, mask: Mask) -> dict[str, Any]:
    """Return a failure without secrets. Absent fields are left out."""
    fields = {name: value for name, value in _failure_fields(failure).items() if value is not None}
    masked: dict[str, Any] = mask.anything(fields)
    return masked


def _failure_fields(failure: Failure) -> dict[str, Any]:
    """Return all fields of a failure. Few failures have a traceback, so the others lack the field."""
    fields: dict[str, Any] = msgspec.to_builtins(failure)
    frames = list(fields.pop("traceback"))
    return {**fields, "traceback": frames} if frames else fields


def entry_as_json(number: int, entry: Entry, mask: Mask) -> dict[str, Any]:
    """Return {number, type, ...} with an entry's fields, secrets masked. Learned secrets are only counted."""
    kind = kind_of(type(entry))
    if isinstance(entry, SecretsLearned):
        return {"number": number, "type": kind, "count": len(entry.texts)}
    if isinstance(entry, KeysRead):
        keys = [{**msgspec.to_builtins(key), "value": _shown_value(key, mask)} for key in entry.keys]
        return {"number": number, "type": kind, "keys": keys}
    fields = msgspec.to_builtins(entry)
    if isinstance(entry, ItemCompleted):
        if not entry.taken_over:  # as almost always
            del fields["taken_over"]
        if entry.failure is not None:
            fields["failure"] = _failure_fields(entry.failure)
    if isinstance(entry, CancelRequested):
        fields = {name: value for name, value in fields.items() if value or name == "at"}
    if isinstance(entry, TaskCancelRequested) and not entry.by:
        del fields["by"]
    # Only data can hold secrets: names are the definition's, numbers and outcomes the engine's.
    for name in ("result", "failure", "expression", "question", "response", "purpose"):
        if fields.get(name) is not None:
            fields[name] = mask.anything(fields[name])
    return {"number": number, "type": kind, **_with_times(fields)}


def _shown_value(key: ReadKey, mask: Mask) -> Any:
    return MASK if key.secret else mask.anything(key.value)


def kind_of(entry: type[Any]) -> str:
    """Return the name of a type of entries in reports."""
    return _BEFORE_A_WORD.sub("_", entry.__name__).lower()


def _row_as_json(row: msgspec.Struct) -> dict[str, Any]:
    return _with_times(msgspec.structs.asdict(row))


def _with_times(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: time_as_json(value) if name in _TIMES else value for name, value in fields.items()}
