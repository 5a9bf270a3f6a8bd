"""A run's history by pages: which entries there are, and what is left out of them."""

import pytest

from stretto.actors.history import reports
from stretto.actors.history.entries import KINDS, UnknownKind, list_entries
from stretto.actors.journal.sql.encoding import COMPLETED, FAILED
from stretto.actors.journal.sql.encoding import KINDS as STORED
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import UnknownTask
from stretto.definitions.context.masking import MASK
from tests.support.conducted import Conducted
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

TWO = """
ref: tests.two
parameters: {password: {secret: true, default: null}}
tasks:
  - {name: one, action: core.noop, next: [{do: [other]}]}
  - {name: other, action: core.noop, with_items: [1, 2], concurrency: 2}
"""


def told(store: Store) -> Conducted:
    """Return a run with five entries."""
    run = Conducted(store, TWO)
    run.succeed("one", result={"up": True})
    run.fail("other", 1)
    run.pause()
    run.succeed("other", 0)
    return run


def test_entries_are_those_of_an_export(store: Store) -> None:
    """In their order, and page by page."""
    run = told(store)
    everything = reports.export_run(store.reader, run.id)["entries"]
    assert len(everything) == 4
    assert list_entries(store.reader, run.id) == {"entries": everything, "next": None}
    first = list_entries(store.reader, run.id, limit=3)
    assert (first["entries"], first["next"]) == (everything[:3], 2)
    assert list_entries(store.reader, run.id, after=2) == {"entries": everything[3:], "next": None}
    assert list_entries(store.reader, run.id, after=99) == {"entries": [], "next": None}


def test_entries_are_chosen_by_type_and_task(store: Store) -> None:
    """An attempt that failed is of the same type as one that succeeded."""
    run = told(store)

    def numbers(**given: str) -> list[int]:
        return [each["number"] for each in list_entries(store.reader, run.id, **given)["entries"]]  # type: ignore[arg-type]

    assert numbers(kind="item_completed") == [0, 1, 3]
    assert numbers(kind="pause_requested") == [2]
    assert numbers(task="other") == [1, 3]
    assert numbers(task="one", kind="pause_requested") == []
    with pytest.raises(UnknownKind, match="no type of entries 'pause_request'; did you mean 'pause_requested'"):
        numbers(kind="pause_request")
    with pytest.raises(UnknownTask, match="did you mean 'other'"):
        numbers(task="othe")
    with pytest.raises(UnknownRun):
        list_entries(store.reader, "none")


def test_each_type_is_stored_by_its_name() -> None:
    """But for a failed attempt, which has a word of its own."""
    assert set(KINDS) == {*STORED, COMPLETED}
    assert FAILED not in KINDS


def test_secrets_are_masked_and_large_values_are_left_out(store: Store) -> None:
    """A placeholder says how large a value is."""
    run = Conducted(store, TWO, {"password": "hunter2hunter"})
    run.succeed("one", result="x" * 70_000)
    run.fail("other", 0, "not hunter2hunter")
    large, failed = (each for each in list_entries(store.reader, run.id)["entries"] if each["type"] == "item_completed")
    assert large["result"] == {"$bytes": 70_002}
    assert failed["failure"]["message"] == f"not {MASK}"
