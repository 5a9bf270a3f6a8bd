"""Entries as rows: what is read back is what was written, to the last bit."""

from math import inf, nan
from typing import Any, NoReturn, get_args

import msgspec
import pytest
from hypothesis import given

from stretto.actors.journal.records import (
    Entry,
    ItemStarted,
    KeysRead,
    ResultsWritten,
    SecretsLearned,
    UnreadableRecord,
)
from stretto.actors.journal.sql.encoding import COLUMN_OF, KINDS, Columns, decode_data, decode_entry, encode_entry
from stretto.actors.journal.sql.tables import entries
from stretto.definitions.conductor import (
    BadLine,
    CancelRequested,
    Event,
    Failure,
    ItemCompleted,
    ItemsRead,
    ItemsWithdrawn,
)
from stretto.definitions.data.frozen import MAX_DEPTH, Data, FrozenDict, FrozenList, freeze, weigh
from tests.support.entries import COMPLETIONS, ENTRIES, same
from tests.support.evaluating import frozen_list
from tests.support.recording import completed, failed

STORED_MEMBERS = {
    "item_started": "",
    "items_withdrawn": "indexes",
    "items_held": "indexes",
    "item_paused": "",
    "item_resumed": "",
    "retry_due": "",
    "delay_elapsed": "",
    "pause_requested": "",
    "resume_requested": "",
    "cancel_requested": "by late",
    "run_timed_out": "",
    "task_pause_requested": "",
    "task_resume_requested": "",
    "task_cancel_requested": "by",
    "concurrency_requested": "concurrency",
    "skip_requested": "",
    "retry_requested": "",
    "secrets_learned": "texts",
    "keys_read": "keys",
    "items_read": "items start offset line ended bad_lines",
    "results_opened": "",
    "results_written": "lines size whole",
    "results_closed": "",
    "stream_failed": "kind message",
    "evaluation_stopped": "place expression seconds begun",
}
"""The words and members that stores of version 0001 contain. Add new ones; never change one."""


def deep(levels: int) -> Data:
    """Return a list in a list in a list..."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return freeze(value)


def no_value(digest: str) -> NoReturn:
    """Stand for a store without shared values."""
    raise AssertionError(digest)


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    """Whatever its type and its data: a run is rebuilt from nothing else."""
    assert same(decode_entry(encode_entry(entry), no_value), entry)


@given(COMPLETIONS)
def test_data_comes_back_frozen(entry: ItemCompleted) -> None:
    """Decoded data is frozen with its weight, so that it can enter a context again."""
    decoded = decode_entry(encode_entry(entry), no_value)
    assert isinstance(decoded, ItemCompleted)
    assert type(decoded.result) is type(entry.result)
    assert weigh(decoded.result) == weigh(entry.result)


def test_each_type_of_entry_has_one_stored_word() -> None:
    """The table of words is written by hand; an event that it lacks could not be recorded."""
    types = [*KINDS.values(), ItemCompleted]
    assert len(set(types)) == len(types)
    differing = sorted(str(each) for each in set(types) ^ set(get_args(Entry)))
    assert not differing, f"KINDS in actors/journal/sql/encoding.py must have a word for each: {differing}"
    assert set(types) - {ItemStarted, SecretsLearned, KeysRead, ResultsWritten} == set(get_args(Event))


@pytest.mark.parametrize(("kind", "members"), STORED_MEMBERS.items())
def test_a_stored_word_and_its_members_never_change(kind: str, members: str) -> None:
    """Older stores have them: a field that is renamed needs a migration, or a name of its own in the store."""
    entry_type = KINDS[kind]
    fields = [field for field in entry_type.__struct_fields__ if field not in COLUMN_OF]
    assert " ".join(fields) == members


def test_columns_are_those_of_the_table() -> None:
    """An entry's columns stand in the table's order, after the run and the number."""
    assert [column.name for column in entries.columns] == ["run", "number", *Columns._fields]
    assert set(COLUMN_OF.values()) < set(Columns._fields)


@pytest.mark.parametrize("result", [deep(MAX_DEPTH), freeze({"": {"": [{}]}}), freeze(["\0", "\u2028", "\U0001f600"])])
def test_the_limits_of_data_can_be_written(result: Data) -> None:
    """The deepest nesting, and texts that other stores choke on, with a failure around them or not."""
    for entry in (completed(result=result), failed(result=result)):
        assert same(decode_entry(encode_entry(entry), no_value), entry)


def test_a_result_is_its_own_text() -> None:
    """An item's row holds its result as people write it, and nothing else."""
    assert encode_entry(completed(7, {"status": "ok"}, began_at=1000.5, seconds=0.25)) == Columns(
        "item_completed", 1001.0, "probe", 1, 7, 1, "succeeded", 1000.5, 0.25, b'{"status":"ok"}'
    )


def test_no_result_has_no_body() -> None:
    """Nothing is written for null."""
    assert encode_entry(completed()).body is None


def test_a_failure_is_written_short() -> None:
    """Only what a failure tells is written of it."""
    columns = encode_entry(failed(outcome="timed_out"))
    assert columns.kind == "item_failed"
    assert columns.body == b'{"failure":{"kind":"failed","message":"it said no"}}'


def test_other_entries_have_members_for_what_has_no_column() -> None:
    """The body names what it holds."""
    assert encode_entry(ItemsWithdrawn("probe", 1, (4, 5), 2.0)).body == b'{"indexes":[4,5]}'
    assert encode_entry(SecretsLearned(("hunter2",))) == Columns("secrets_learned", body=b'{"texts":["hunter2"]}')


def test_a_request_without_a_name_has_no_body() -> None:
    """As before names were kept."""
    row = encode_entry(CancelRequested(1.0))
    assert row.body is None
    assert decode_entry(row, no_value) == CancelRequested(1.0)
    named = encode_entry(CancelRequested(1.0, "mira"))
    assert (named.body, decode_entry(named, no_value)) == (b'{"by":"mira"}', CancelRequested(1.0, "mira"))


def test_bad_lines_are_written_if_there_are_any() -> None:
    """So the entries of all other files are those of earlier versions, and both are read."""
    plain = ItemsRead("probe", 1, frozen_list(["a"]), 0, 2, 1, True, 2.0)
    assert encode_entry(plain).body == b'{"items":["a"],"start":0,"offset":2,"line":1,"ended":true}'
    collected = msgspec.structs.replace(plain, bad_lines=(BadLine("[", "line 2: no"),))
    assert [decode_entry(encode_entry(each), no_value) for each in (plain, collected)] == [plain, collected]


def test_an_unknown_kind_is_a_newer_version_s() -> None:
    """Nothing is guessed of what this version cannot know."""
    with pytest.raises(UnreadableRecord, match="unknown kind 'item_teleported': a newer Stretto"):
        decode_entry(Columns("item_teleported", 1.0), no_value)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("item_completed", b'{"cut of'),
        ("item_completed", b"1e999"),
        ("item_failed", None),
        ("item_failed", b'{"result":1}'),
        ("items_withdrawn", b'{"indexes":["a"]}'),
        ("secrets_learned", b"\xff"),
    ],
)
def test_a_damaged_body_is_reported(kind: str, body: bytes | None) -> None:
    """Damage has an error that says so, and no traceback."""
    with pytest.raises(UnreadableRecord, match="damaged"):
        decode_entry(Columns(kind, 1.0, "probe", 1, 0, 1, "failed", body=body), no_value)


@pytest.mark.parametrize(
    ("began_at", "seconds"), [("noon", 1.0), (1e300, 1.0), (1.0, "1"), (1.0, -0.5), (1.0, inf), (1.0, nan)]
)
def test_times_of_an_attempt_that_cannot_be_are_reported(began_at: Any, seconds: Any) -> None:
    """A begin out of range, and a duration that is negative or not finite."""
    with pytest.raises(UnreadableRecord, match="a column has an invalid value"):
        decode_entry(Columns("item_completed", 1.0, "probe", 1, 0, 1, "succeeded", began_at, seconds), no_value)


def test_an_entry_with_a_shared_result_is_an_item_that_has_completed() -> None:
    """The value with its digest is its result. A digest that is no text is damage."""
    columns = Columns("item_completed_shared", 1001.0, "probe", 1, 0, 1, "succeeded", body=b"1f")
    value = freeze(["large"])
    entry = decode_entry(columns, {"1f": value}.__getitem__)
    assert same(entry, completed(result=value))
    assert isinstance(entry, ItemCompleted)
    assert entry.result is value
    with pytest.raises(UnreadableRecord, match="damaged"):
        decode_entry(columns._replace(body=b"\xff"), no_value)


def test_an_attempt_without_times_is_read() -> None:
    """Its action never began, or an earlier version recorded it."""
    entry = decode_entry(Columns("item_completed", 1.0, "probe", 1, 0, 1, "succeeded"), no_value)
    assert isinstance(entry, ItemCompleted)
    assert (entry.began_at, entry.seconds) == (None, None)


def test_data_is_decoded_frozen() -> None:
    """A value of a run comes back as a context holds it."""
    value = decode_data(b'{"hosts":["a"]}')
    assert type(value) is FrozenDict
    assert type(value["hosts"]) is FrozenList
    with pytest.raises(UnreadableRecord, match="damaged"):
        decode_data(b"")


def test_a_text_that_is_none_cannot_be_written() -> None:
    """A lone surrogate in a message is refused before it is anywhere."""
    entry = completed(failure=Failure("exception", "no such file: \udcff"), outcome="failed")
    with pytest.raises(UnicodeEncodeError):
        encode_entry(entry)
