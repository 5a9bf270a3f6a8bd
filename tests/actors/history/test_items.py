"""One item: its state while the supervisor knows it, and once it has ended."""

from typing import Any

import pytest

from stretto.actors.history.items import show_item
from stretto.actors.history.reports import UnknownItem
from stretto.actors.journal.sql.store import Store
from stretto.definitions.conductor import VisitItems
from tests.actors.history.test_cells import recorded
from tests.support.recording import completed, failed
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

SUCCEEDED, RETRYING, SECOND, FIRST, WAITING, SKIPPED = range(6)
IN_FLIGHT = VisitItems(1, 6, 4, {SECOND: 2, FIRST: 1}, {RETRYING: 1}, frozenset({SKIPPED}))


def shown(store: Store, run: str, index: int, in_flight: VisitItems | None = IN_FLIGHT) -> dict[str, Any]:
    """Return an item of the task."""
    return show_item(store.reader, run, "probe", index, in_flight=in_flight)


def test_an_item_in_flight_is_shown_in_its_state(store: Store) -> None:
    """With its attempt. One that waits has none, and an ended attempt stays with the next one."""
    run = recorded(store, completed(SUCCEEDED), failed(RETRYING), failed(SECOND), ended=False)
    states = {index: shown(store, run, index) for index in range(6)}
    assert {index: (each["state"], each["attempt"], each["outcome"]) for index, each in states.items()} == {
        SUCCEEDED: ("succeeded", 1, "succeeded"),
        RETRYING: ("retrying", 1, "failed"),
        SECOND: ("running", 1, "failed"),
        FIRST: ("running", 1, None),
        WAITING: ("waiting", 0, None),
        SKIPPED: ("skipped", 0, None),
    }
    assert states[FIRST] == {
        "task": "probe", "visit": 1, "index": FIRST, "attempt": 1, "outcome": None, "at": None, "began_at": None,
        "seconds": None, "result": None, "error": None, "attempts": [],
        "neighbours": {"previous_failed": None, "next_failed": None}, "state": "running",
    }  # fmt: skip
    assert set(states[FIRST]) == set(states[SUCCEEDED])


def test_the_failed_neighbours_of_an_item_in_flight_are_those_of_the_map(store: Store) -> None:
    """The nearest ones on both sides."""
    run = recorded(store, failed(0), failed(1), failed(4), failed(5), ended=False)
    in_flight = VisitItems(1, 6, 4, {2: 1, 3: 1}, {}, frozenset())
    assert shown(store, run, 3, in_flight)["neighbours"] == {"previous_failed": 1, "next_failed": 4}


def test_an_item_beyond_the_last_one_is_unknown(store: Store) -> None:
    """The message has the indexes that there are, where they are known."""
    run = recorded(store, completed(0), ended=False)
    with pytest.raises(
        UnknownItem, match=r"no attempt of item 6 of the task 'probe' has ended .*; its items are 0 to 5"
    ):
        shown(store, run, 6)
    with pytest.raises(UnknownItem, match=f"has ended in the run {run}$"):
        shown(store, run, 6, in_flight=None)


def test_an_item_of_the_newest_visit_comes_before_that_of_an_older_one(store: Store) -> None:
    """Unless the newest visit has no such item, or its items are not known here."""
    run = recorded(store, completed(0), completed(9), ended=False)
    in_flight = VisitItems(2, 2, 1, {0: 1}, {}, frozenset())
    assert [shown(store, run, 0, in_flight)[name] for name in ("visit", "state")] == [2, "running"]
    assert [shown(store, run, 9, in_flight)[name] for name in ("visit", "state")] == [1, "succeeded"]
    assert [shown(store, run, 0, None)[name] for name in ("visit", "state")] == [1, "succeeded"]
