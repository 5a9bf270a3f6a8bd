"""A map of items: what a byte says, and what it costs."""

from typing import Any

import pytest

from stretto.actors.history.cells import STATES, UnknownVisit, map_items, with_states
from stretto.actors.history.item_maps import ItemMaps
from stretto.actors.journal.item_cells import MOST_ATTEMPTS
from stretto.actors.journal.records import TaskState
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import ItemCompleted, SkipRequested, UnknownTask, VisitItems
from tests.support.conducted import Conducted
from tests.support.counted_sql import counting
from tests.support.recording import acceptance, completed, failed, happening
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

ITEMS = """
ref: tests.items
parameters: {hosts: {type: array}}
tasks:
  - name: probe
    action: core.noop
    with_items: "{{ parameters.hosts }}"
    max_failures: 100
    concurrency: 3
    retry: {count: 2, delay: 60}
  - {name: later, action: core.noop, with_items: [1], when: "{{ true }}"}
"""


def told(cells: bytes) -> list[tuple[str, int]]:
    """Return the state and the number of attempts that each byte says."""
    return [(STATES[cell & 15], cell >> 4) for cell in cells]


def recorded(store: Store, *entries: ItemCompleted | SkipRequested, items: int = 0, ended: bool = True) -> str:
    """Write a run with these entries of one visit; return its id."""
    run = acceptance()
    visit = TaskState("probe", 1, "running", 1000.0)
    if ended:
        visit = TaskState("probe", 1, "succeeded", 1000.0, 2000.0, items, 0, 0)
    store.writer.write([run, happening(run.run_id, *entries, tasks=(visit,))])
    return run.run_id


def test_each_outcome_has_its_state(store: Store) -> None:
    """The last attempt of an item counts, with its number; an item without one is waiting."""
    outcomes = ["succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped"]
    entries = [completed(n, outcome=each) for n, each in enumerate(outcomes)]
    run = recorded(store, *entries, failed(7), completed(7, attempt=2), failed(8, attempt=20), items=10)
    found = map_items(store.reader, run, "probe")
    assert (found["visit"], found["last"]) == (1, 8)
    assert told(found["cells"]) == [
        *((each, 1) for each in outcomes), ("waiting", 0), ("succeeded", 2), ("failed", MOST_ATTEMPTS), ("waiting", 0),
    ]  # fmt: skip


def test_a_skip_counts_in_the_visit_that_was_active(store: Store) -> None:
    """Whether the item had started or not; what its attempt returned later changes nothing."""
    skips: list[ItemCompleted | SkipRequested] = [
        SkipRequested("probe", 0, 1500.0), completed(1), SkipRequested("probe", 2, 1500.0), failed(2),
    ]  # fmt: skip
    run = recorded(store, *skips, SkipRequested("probe", 1, 2500.0), SkipRequested("probe", 3, 999.0), items=4)
    assert told(map_items(store.reader, run, "probe")["cells"]) == [
        ("skipped", 0), ("succeeded", 1), ("skipped", 1), ("waiting", 0),
    ]  # fmt: skip


def test_what_no_entry_says_comes_from_the_supervisor(store: Store) -> None:
    """But an entry of the same attempt is newer."""
    run = recorded(store, completed(0), failed(1), failed(2), completed(2, attempt=2), failed(3), ended=False)
    in_flight = VisitItems(1, 10, 7, {0: 1, 2: 2, 4: 1, 3: 2}, {1: 1}, frozenset({9}))
    assert told(map_items(store.reader, run, "probe", in_flight=in_flight)["cells"]) == [
        ("succeeded", 1), ("to_retry", 1), ("succeeded", 2), ("running", 2), ("running", 1), ("running", 1),
        ("running", 1), ("waiting", 0), ("waiting", 0), ("skipped", 0),
    ]  # fmt: skip
    # Without it, the items are those that have ended.
    assert told(map_items(store.reader, run, "probe")["cells"])[1:] == [
        ("failed", 1), ("succeeded", 2), ("failed", 1),
    ]  # fmt: skip


def test_the_conductor_knows_its_items_in_flight(store: Store) -> None:
    """Running ones, those that wait for a retry, and skipped ones; nothing of a visit that is not active."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b", "c", "d", "e"]})
    run.fail("probe", 1)
    run.on(SkipRequested("probe", 4, run.at))
    items = run.conductor.visit_items("probe")
    assert items == VisitItems(1, 5, 3, {0: 1, 2: 1}, {1: 1}, frozenset({4}))
    assert run.conductor.visit_items("probe", 2) is None
    assert run.conductor.visit_items("never") is None
    assert told(map_items(store.reader, run.id, "probe", in_flight=items)["cells"]) == [
        ("running", 1), ("to_retry", 1), ("running", 1), ("waiting", 0), ("skipped", 0),
    ]  # fmt: skip


def test_nothing_new_is_told_without_a_map(store: Store) -> None:
    """One row is read for it."""
    run = recorded(store, completed(0), items=1)
    known = map_items(store.reader, run, "probe")["last"]
    with counting(store.reader._engine) as counted:
        assert map_items(store.reader, run, "probe", known=known) == {"visit": 1, "last": known, "cells": None}
    assert not [each for each in counted.statements if "outcome" in each]
    store.writer.write([happening(run, completed(1), first=1)])
    assert map_items(store.reader, run, "probe", known=known)["cells"] is not None


def test_a_kept_map_goes_on_from_its_last_entry(store: Store) -> None:
    """Only later entries are read, and none if there are none; it says the same as one that is made at once."""
    maps = ItemMaps()
    run = recorded(store, completed(0), failed(1), failed(2), SkipRequested("probe", 2, 1500.0), ended=False)
    first = map_items(store.reader, run, "probe", maps=maps)
    assert first == map_items(store.reader, run, "probe")
    with counting(store.reader._engine) as counted:
        assert map_items(store.reader, run, "probe", maps=maps) == first
    assert not [each for each in counted.statements if "outcome" in each]
    store.writer.write([happening(run, completed(1, attempt=2), completed(2, attempt=2), first=4)])
    found = map_items(store.reader, run, "probe", maps=maps)
    assert told(found["cells"]) == [("succeeded", 1), ("succeeded", 2), ("skipped", 2)]
    assert found == map_items(store.reader, run, "probe")


def test_kept_maps_are_bounded(store: Store) -> None:
    """The one that was not asked for the longest goes, and is made again."""
    runs = [recorded(store, *(completed(n) for n in range(400)), items=400) for _ in range(3)]
    maps = ItemMaps(2000)
    expected = [map_items(store.reader, run, "probe") for run in runs]
    for run in (*runs, runs[1], runs[0]):
        assert map_items(store.reader, run, "probe", maps=maps) == expected[runs.index(run)]
        assert maps.size <= 2000
    with counting(store.reader._engine) as counted:
        map_items(store.reader, runs[1], "probe", maps=maps)
    assert not [each for each in counted.statements if "outcome" in each]


def test_the_states_of_a_channel_have_the_attempts_of_the_entries() -> None:
    """One more where the item runs; at least one where it has ended, and that is not recorded yet."""
    recorded_cells = bytes([0x13, 0x14, 0x24, 0x13])
    states = bytes([3, 1, 2, 8, 3, 0, 4, 1])
    assert told(with_states(recorded_cells, states)) == [
        ("succeeded", 1), ("running", 2), ("to_retry", 2), ("skipped", 1),
        ("succeeded", 1), ("waiting", 0), ("failed", 1), ("running", 1),
    ]  # fmt: skip
    assert with_states(b"", b"") == b""
    assert told(with_states(recorded_cells, states[:1]))[1:] == [("waiting", 1), ("waiting", 2), ("waiting", 1)]


def test_what_there_is_not_is_refused(store: Store) -> None:
    """A run, a task, a visit; a task that has not started has no items."""
    run = Conducted(store, ITEMS, {"hosts": []})
    with pytest.raises(UnknownRun):
        map_items(store.reader, "none", "probe")
    with pytest.raises(UnknownTask, match="did you mean 'probe'"):
        map_items(store.reader, run.id, "prob")
    recorded_run = recorded(store, completed(0), items=1)
    with pytest.raises(UnknownVisit, match=r"no visit 2 in the run .*: its visits are numbered 1 to 1"):
        map_items(store.reader, recorded_run, "probe", 2)
    fresh = acceptance()
    store.writer.write([fresh])
    assert map_items(store.reader, fresh.run_id, "probe") == {"visit": 0, "last": -1, "cells": b""}


def test_a_map_is_one_narrow_query(store: Store) -> None:
    """No body is read, and each entry once."""
    run = recorded(store, *(completed(n, result="x" * 100) for n in range(3000)), items=3000)
    map_items(store.reader, run, "probe")
    with counting(store.reader._engine) as counted:
        assert len(map_items(store.reader, run, "probe")["cells"]) == 3000
    of_entries: list[Any] = [each for each in counted.statements if "outcome" in each]
    assert len(of_entries) == 1
    assert "body" not in of_entries[0]
    if counted.steps:  # SQLite
        assert counted.steps < 3000 * 60
