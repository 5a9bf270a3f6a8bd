"""The changes that a follower is sent add up to the run's state, whenever it asks."""

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stretto.actors.runs import ITEM_STATES, ChangeTracker, RunChanges, apply_ranges, changes, error_groups
from stretto.definitions.conductor import Conductor
from tests.support.driving import Drive, failed
from tests.support.replaying import Driver, Run, native_runs, orquesta_run, record

FAN_OUT = """
version: "1"
tasks:
  - name: many
    action: core.noop
    with_items: "{{ range(10) | list }}"
    concurrency: 4
    max_failures: 9
    next: [{do: [last]}]
  - {name: last, action: core.noop}
"""


class Follower:
    """Puts together what it is sent."""

    def __init__(self) -> None:
        self.tracker = ChangeTracker("run")
        self.number: int | None = None
        self.status = ""
        self.tasks: dict[str, Any] = {}
        self.items: dict[str, tuple[int, bytes | None]] = {}
        self.errors: dict[Any, int] = {}

    def ask(self, conductor: Conductor) -> RunChanges:
        """Ask, and take what comes."""
        sent = self.tracker.report(conductor, conductor.status, conductor.event_count - 1, self.number)
        self.number, self.status = sent.number, sent.status
        self.tasks |= sent.tasks
        for name, items in sent.items.items():
            visit, states = self.items.get(name, (0, b""))
            known = bytearray(states or b"" if visit == items.visit else b"")
            apply_ranges(known, items.ranges or {})
            self.items[name] = items.visit, bytes(known) if items.ranges is not None else items.states
        for group in sent.errors:
            key = group.task, group.visit, group.kind, group.message, str(group.where)
            self.errors[key] = group.count
            if not group.count:
                del self.errors[key]
        return sent

    def state(self) -> Any:
        """Return what is known, without the items and errors of earlier visits."""
        items = {name: (visit, None if states is None else states.rstrip(b"\0")) for name, (visit, states) in
                 self.items.items()}  # fmt: skip
        errors = {key: count for key, count in self.errors.items() if self.tasks[key[0]]["visits"] == key[1]}
        return self.status, self.tasks, items, errors


def follow(run: Run, seed: int) -> None:
    """Ask after some of the turns of a run, and compare with someone who asks for the first time."""
    choice = Random(seed)  # noqa: S311 - it chooses when to ask
    follower = Follower()

    def after(driver: Driver) -> None:
        if choice.random() < 0.3 or driver.finish is not None:
            follower.ask(driver.conductor)
            new = Follower()
            new.ask(driver.conductor)
            assert follower.state() == new.state()
            check_counts(driver.conductor, new)

    record(run, Random(seed), after)  # noqa: S311 - it drives a test


def check_counts(conductor: Conductor, follower: Follower) -> None:
    """Compare the states of items with the counts of their tasks."""
    for name, (_, states) in follower.items.items():
        visit, items = conductor.last_visit(name), follower.tasks[name]["items"]
        if states is None or visit is None or visit.broken or not items["total"]:
            continue
        counts = {state: states.count(code) for code, state in enumerate(ITEM_STATES)}
        assert counts["succeeded"] + counts["skipped"] == items["succeeded"]
        assert counts["running"] == items["running"]
        assert sum(counts[state] for state in ("failed", "timed_out", "cancelled", "abandoned")) == items["failed"]


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(native_runs(), st.integers(0, 2**32))
def test_the_changes_of_a_native_run_add_up(run: Run, seed: int) -> None:
    """With retries, skips, pauses, files, failures, and visits in cycles."""
    follow(run, seed)


@pytest.mark.parametrize("seed", range(25))
def test_the_changes_of_an_orquesta_run_add_up(seed: int) -> None:
    """Its visits are retried as a whole, and its routes visit a task more than once."""
    run = orquesta_run(seed)
    if run is not None:
        follow(run, seed)


def test_a_change_names_only_what_has_changed() -> None:
    """An unchanged task is not in the answer."""
    drive = Drive(FAN_OUT)
    follower = Follower()
    first = follower.ask(drive.conductor)
    assert first.since is None
    assert first.tasks.keys() == {"many", "last"}
    assert first.items["many"].ranges == {"running": [[0, 3]]}
    drive.completes("many", index=1)
    second = follower.ask(drive.conductor)
    assert (second.since, second.number) == (first.number, first.number + 1)
    assert second.tasks.keys() == {"many"}
    assert second.items["many"].ranges == {"succeeded": [1], "running": [4]}
    third = follower.ask(drive.conductor)
    assert (third.tasks, third.items, third.errors) == ({}, {}, ())


def test_a_follower_that_knows_another_entry_gets_everything() -> None:
    """It has lost an answer, or is new."""
    drive = Drive(FAN_OUT)
    follower = Follower()
    follower.ask(drive.conductor)
    drive.completes("many")
    follower.number = 17
    assert follower.ask(drive.conductor).since is None
    assert follower.tasks.keys() == {"many", "last"}


def test_many_changes_are_sent_as_all_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of a fan-out that changes here and there would be longer than a byte an item."""
    monkeypatch.setattr(changes, "MAX_CHANGES", 3)
    drive = Drive(FAN_OUT)
    sent = Follower().ask(drive.conductor).items["many"]
    assert (sent.ranges, sent.states) == (None, b"\1\1\1\1")


def test_failures_are_grouped_without_their_digits() -> None:
    """A group is sent again when its count changes, with the first item's message."""
    drive = Drive(FAN_OUT)
    follower = Follower()
    drive.fails("many", 0, failed(message="no answer within 5 s"))
    drive.fails("many", 1, failed(message="no answer within 7 s"))
    drive.fails("many", 2, failed(message="refused"))
    groups = {each.message: each for each in follower.ask(drive.conductor).errors}
    assert {message: (each.count, each.first) for message, each in groups.items()} == {
        "no answer within 5 s": (2, 0),
        "refused": (1, 2),
    }
    drive.fails("many", 3, failed(message="refused"))
    assert [(each.message, each.count) for each in follower.ask(drive.conductor).errors] == [("refused", 2)]


def test_the_groups_of_a_task_are_bounded() -> None:
    """Further errors are counted together."""
    drive = Drive(FAN_OUT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(error_groups, "MAX_ERROR_GROUPS", 2)
        for index, word in enumerate(["a", "b", "c", "d"]):
            drive.fails("many", index, failed(message=word))
        groups = Follower().ask(drive.conductor).errors
    assert [(each.kind, each.message, each.count) for each in groups] == [
        ("failed", "a", 1),
        ("failed", "b", 1),
        ("other", "other errors", 2),
    ]
