"""Records and rows as plain data: whatever is in them becomes JSON, and secrets do not."""

from typing import Any

import msgspec
from hypothesis import given

from stretto.actors.history.plain import entry_as_json, failure_as_json, run_as_json, task_as_json
from stretto.actors.journal.records import Entry, SecretsLearned
from stretto.actors.journal.store import RunRow, TaskRow
from stretto.actors.journal.times import time_as_json
from stretto.definitions.conductor import CancelRequested, Failure, ItemCompleted, RetryDue, TaskCancelRequested
from stretto.definitions.context.masking import MASK, Mask
from stretto.definitions.data.frozen import freeze
from stretto.definitions.errors import Place
from tests.support.entries import ENTRIES
from tests.support.recording import completed, failed

NO_MASK = Mask()

OPTIONAL: dict[type, set[str]] = {
    CancelRequested: {"by", "late"},
    TaskCancelRequested: {"by"},
    ItemCompleted: {"taken_over"},
}
"""The fields that entries lack which need none."""


def test_times_are_to_the_microsecond_in_utc() -> None:
    """As RFC 3339 has them; what has not come yet is null."""
    assert time_as_json(1_795_656_648.25) == "2026-11-26T01:30:48.250000Z"
    assert time_as_json(0) == "1970-01-01T00:00:00.000000Z"
    assert time_as_json(None) is None


@given(entry=ENTRIES)
def test_every_entry_becomes_json(entry: Entry) -> None:
    """Whatever data it holds: as JSON, with its number and its type's name."""
    shown = entry_as_json(7, entry, NO_MASK)
    assert list(shown)[:2] == ["number", "type"]
    assert msgspec.json.decode(msgspec.json.encode(shown))["number"] == 7
    if not isinstance(entry, SecretsLearned):
        optional = OPTIONAL.get(type(entry), set())
        left_out = {name for name in optional if not getattr(entry, name, True)}
        assert {"number", "type", *entry.__struct_fields__} - left_out == set(shown)


@given(entry=ENTRIES)
def test_no_entry_tells_a_secret(entry: Entry) -> None:
    """Not among its data, wherever it stands there."""
    data = [name for name in ("result", "question", "response") if hasattr(entry, name)]
    secret: dict[str, Any] = dict.fromkeys(data, freeze({"a": ["hunter2", 5]}))
    shown = entry_as_json(0, msgspec.structs.replace(entry, **secret), Mask(["hunter2"]))
    assert "hunter2" not in str([shown.get(name) for name in data])


def test_entries_have_names() -> None:
    """Those that the store has for them."""
    assert entry_as_json(0, completed(), NO_MASK)["type"] == "item_completed"
    assert entry_as_json(0, RetryDue("a", 1, 0, 2, 10.0), NO_MASK) == {
        "number": 0, "type": "retry_due", "task": "a", "visit": 1, "index": 0, "attempt": 2,
        "at": "1970-01-01T00:00:10.000000Z",
    }  # fmt: skip
    assert entry_as_json(3, SecretsLearned(("x", "y")), NO_MASK) == {"number": 3, "type": "secrets_learned", "count": 2}


def test_what_a_failure_does_not_have_is_left_out() -> None:
    """Its fields are shown without secrets, its place as file, line and column."""
    assert failure_as_json(Failure("failed", "no hunter2", retryable=False), Mask(["hunter2"])) == {
        "kind": "failed", "message": f"no {MASK}", "retryable": False,
    }  # fmt: skip
    where = failure_as_json(Failure("expression", "bad", where=Place("w.yaml", 3, 4, "tasks[0]")), NO_MASK)["where"]
    assert where == {"file": "w.yaml", "line": 3, "column": 4, "path": "tasks[0]"}
    assert entry_as_json(0, failed(), NO_MASK)["failure"]["message"] == "it said no"


def test_rows_are_shown_field_by_field() -> None:
    """A visit that goes on has not been counted."""
    run = RunRow(
        id="r", workflow="w", status="running", accepted_at=10.0, ended_at=None, parent=None, rerun_of=None,
        rerun_scope=None, rerun_task=None, origin="owner", labels={}, child_count=0,
    )  # fmt: skip
    assert run_as_json(run) == {**msgspec.structs.asdict(run), "accepted_at": "1970-01-01T00:00:10.000000Z"}
    task = TaskRow(task="t", visit=1, status="running", started_at=10.0, ended_at=None, items=0, succeeded=0, failed=0)
    assert (task_as_json(task)["items"], task_as_json(task)["failed"]) == (None, None)
    ended = msgspec.structs.replace(task, status="succeeded", ended_at=11.0, items=5, succeeded=5)
    assert (task_as_json(ended)["items"], task_as_json(ended)["failed"]) == (5, 0)
