"""The values of a fan-out's items come from a replay up to the start of its visit."""

import sys
from typing import Any
from unittest import mock

import pytest

from stretto.actors.history import item_values as read_values
from stretto.actors.history.kept_reports import KeptReports
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import ItemsRead
from stretto.definitions.errors import LimitExceeded
from tests.support.conducted import Conducted
from tests.support.evaluating import frozen_list
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

FAN = """
ref: tests.fan
parameters: {password: {secret: true, default: hush-hush}}
tasks:
  - {name: first, action: core.noop, next: [{do: [fan]}]}
  - name: fan
    action: core.noop
    with_items: [1, two, {host: h, key: "{{ parameters.password }}"}, "{{ 'x' * 500 }}"]
    concurrency: 4
"""


def run_of(store: Store, **parameters: Any) -> Conducted:
    """Return a run whose items have started."""
    run = Conducted(store, FAN, parameters)
    run.succeed("first")
    return run


def test_values_are_short_json_with_secrets_masked(store: Store) -> None:
    """Of the items that are asked for. What there is not is left out."""
    run = run_of(store)
    found = read_values(store.reader, run.id, "fan", 1, [0, 2, 3, 9])
    assert list(found) == [0, 2, 3]
    assert (found[0], found[2]) == ("1", '{"host":"h","key":"******"}')
    assert len(found[3]) == 160
    assert found[3].endswith("…")
    assert read_values(store.reader, run.id, "none", 1, [0]) == {}
    with pytest.raises(UnknownRun):
        read_values(store.reader, "none", "fan", 1, [0])


def test_values_behind_too_many_entries_are_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page must not wait for a long replay."""
    run = run_of(store)
    monkeypatch.setattr(sys.modules["stretto.actors.history.item_values"], "MAX_ENTRIES_BEFORE", 0)
    with pytest.raises(LimitExceeded, match="MAX_ENTRIES_BEFORE"):
        read_values(store.reader, run.id, "fan", 1, [0])


def test_values_of_an_ended_run_are_kept(store: Store) -> None:
    """A run in progress may learn further secrets."""
    run, kept = run_of(store), KeptReports()
    read_values(store.reader, run.id, "fan", 1, [1], kept=kept)
    assert kept.size == 0
    for index in range(4):
        run.succeed("fan", index)
    assert read_values(store.reader, run.id, "fan", 1, [1], kept=kept) == {1: '"two"'}
    with mock.patch.object(type(store.reader), "entries", side_effect=AssertionError):
        assert read_values(store.reader, run.id, "fan", 1, [1], kept=kept) == {1: '"two"'}


OF_FILE = """
ref: tests.file
parameters: {password: {secret: true, default: hush-hush}}
tasks:
  - {name: fan, action: core.noop, with_items: {lines: /var/in/hosts.txt}, concurrency: 4}
"""


def read_chunk(run: Conducted, *lines: str, start: int, ended: bool = False) -> None:
    """Let a run read a chunk of its file."""
    run.at += 1
    offset = start + 10 * len(lines)
    run.on(ItemsRead("fan", 1, frozen_list(list(lines)), start, offset, offset, ended, run.at))


def test_values_from_a_file_are_read_from_its_chunks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their indexes, also those of items that have ended. Secrets are masked."""
    monkeypatch.setattr(sys.modules["stretto.actors.history.item_values"], "CHUNKS_AT_ONCE", 1)
    run = Conducted(store, OF_FILE)
    read_chunk(run, "a", "b", start=0)
    for index in range(2):
        run.succeed("fan", index)
    read_chunk(run, "of hush-hush", "d", start=20, ended=True)
    assert read_values(store.reader, run.id, "fan", 1, [0, 2, 3, 9]) == {0: '"a"', 2: '"of ******"', 3: '"d"'}
    assert read_values(store.reader, run.id, "fan", 2, [0]) == {}


def test_values_behind_too_many_chunks_are_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says from which item on."""
    monkeypatch.setattr(sys.modules["stretto.actors.history.item_values"], "MAX_CHUNKS", 1)
    run = Conducted(store, OF_FILE)
    read_chunk(run, "a", start=0)
    run.succeed("fan")
    read_chunk(run, "b", start=10, ended=True)
    assert read_values(store.reader, run.id, "fan", 1, [0]) == {0: '"a"'}
    with pytest.raises(LimitExceeded, match=r"from 1 on are not shown.*MAX_CHUNKS"):
        read_values(store.reader, run.id, "fan", 1, [0, 1])


def test_batches_of_lines_are_not_shown(store: Store) -> None:
    """A value would have to be put together of several chunks."""
    run = Conducted(store, OF_FILE.replace("txt}", "txt}, batch_size: 2"))
    read_chunk(run, "a", "b", start=0, ended=True)
    with pytest.raises(LimitExceeded, match="batches of lines"):
        read_values(store.reader, run.id, "fan", 1, [0])
