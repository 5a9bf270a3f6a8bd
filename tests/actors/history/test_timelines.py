"""The timeline of a run: visits of tasks, and the ends of items in buckets of time."""

import pytest

from stretto.actors.history import show_timeline, timelines
from stretto.actors.history.timelines import MAX_BUCKETS, bucket_width
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from tests.support.conducted import Conducted
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

FAN = """
ref: tests.fan
tasks:
  - {name: one, action: core.noop, next: [{do: [fan], when: "{{ succeeded() }}"}]}
  - {name: fan, action: core.noop, with_items: [1, 2, 3], concurrency: 3, max_failures: 1}
"""


def test_a_fan_out_is_counted_in_buckets(store: Store) -> None:
    """A task without items has none. The timeline of a run in progress ends now."""
    run = Conducted(store, FAN)
    run.succeed("one")
    run.succeed("fan", 0)
    run.fail("fan", 1)
    found = show_timeline(store.reader, run.id, clock=lambda: run.accepted.accepted_at + 1000)
    assert (found["seconds"], found["bucket_seconds"], found["ended_at"]) == (1000.0, 10.0, None)
    one, fan = found["visits"]
    assert (one["task"], one["status"], one["ends"]) == ("one", "succeeded", [])
    assert (fan["task"], fan["items"]) == ("fan", None)
    assert sum(each["succeeded"] for each in fan["ends"]) == 1
    assert sum(each["failed"] for each in fan["ends"]) == 1
    assert all(0 <= each["bucket"] <= 100 for each in fan["ends"])
    run.succeed("fan", 2)
    ended = show_timeline(store.reader, run.id)
    assert ended["ended_at"] is not None
    assert (ended["visits"][1]["status"], ended["visits"][1]["items"]) == ("succeeded", 3)


def test_only_the_last_visits_are_in_a_timeline(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are counted."""
    monkeypatch.setattr(timelines, "MAX_VISITS", 1)
    run = Conducted(store, FAN)
    run.succeed("one")
    found = show_timeline(store.reader, run.id)
    assert ([visit["task"] for visit in found["visits"]], found["left_out"]) == (["fan"], 1)


def test_the_timeline_of_an_unknown_run_is_refused(store: Store) -> None:
    """It has no store row."""
    with pytest.raises(UnknownRun):
        show_timeline(store.reader, "none")


@pytest.mark.parametrize("seconds", [0.0, 0.004, 0.9, 2.25, 60.0, 3600.0, 86_400.0, 1e9])
def test_there_are_at_most_so_many_buckets(seconds: float) -> None:
    """And more than a third of them, unless they would be shorter than a millisecond."""
    width = bucket_width(seconds)
    assert width * MAX_BUCKETS > seconds
    assert width == 0.001 or seconds / width > MAX_BUCKETS / 3
