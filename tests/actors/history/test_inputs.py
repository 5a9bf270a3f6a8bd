"""The input of an item, rendered again: what the attempt got, from the snapshot that it was started with."""

import itertools

import pytest

from stretto.actors.history import bounded_replay
from stretto.actors.history.inputs import ItemInput, item_input
from stretto.actors.history.reports import UnknownItem
from stretto.actors.journal.records import Suspicion, Suspicions
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import IllegalTransition, UnknownTask
from stretto.definitions.context import Secrecy
from stretto.definitions.context.masking import MASK
from stretto.definitions.errors import ExpressionError, LimitExceeded
from tests.support.conducted import Conducted
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

LOOP = """
ref: tests.loop
parameters: {password: {secret: true, default: null}}
vars: {n: 0}
tasks:
  - name: add
    action: core.noop
    with_items: [a, b]
    concurrency: 2
    retry: {count: 1}
    input: {item: "{{ item }}", n: "{{ workflow.n }}", at: "{{ now() }}", password: "{{ parameters.password }}"}
    next:
      - {when: "{{ workflow.n < 1 }}", publish: {n: "{{ workflow.n + 1 }}"}, do: [add]}
      - {do: [divide]}
  - {name: divide, action: core.noop, input: {n: "{{ 1 / (workflow.n - 1) }}"}}
"""


def test_an_input_is_that_of_its_visit(store: Store) -> None:
    """With the values and the time of its start, whatever came after it."""
    run = Conducted(store, LOOP)
    run.succeed("add", 0)
    run.succeed("add", 1)
    first = item_input(store.reader, run.id, ItemInput("add", 1, 1, 1))
    second = item_input(store.reader, run.id, ItemInput("add", 1))
    assert (first["item"], first["n"], second["item"], second["n"]) == ("b", 0, "b", 1)
    assert first["at"] < second["at"]
    assert item_input(store.reader, run.id, ItemInput("add", 1, 1)) == first


def test_an_input_of_an_attempt_in_flight(store: Store) -> None:
    """It has started, and has no end yet."""
    run = Conducted(store, LOOP)
    assert item_input(store.reader, run.id, ItemInput("add"))["item"] == "a"


def test_secrets_are_masked(store: Store) -> None:
    """Those that the run knows, and what an action takes as one, also before any entry says so."""
    run = Conducted(store, LOOP, {"password": "hunter2hunter"})
    assert item_input(store.reader, run.id, ItemInput("add"))["password"] == MASK
    secrecy = Secrecy(inputs={"add": frozenset({("at",)})})
    assert item_input(store.reader, run.id, ItemInput("add"), lambda _workflow: secrecy)["at"] == MASK


def test_what_has_not_started_has_no_input(store: Store) -> None:
    run = Conducted(store, LOOP)
    for item, message in (
        (ItemInput("divide", 0), "no attempt of item 0 of the task 'divide' has started in the run"),
        (ItemInput("add", 7), "no attempt of item 7 of the task 'add' has started"),
        (ItemInput("add", 0, 2, 3), r"no attempt 3 of item 0 of the task 'add' \(visit 2\) has started"),
    ):
        with pytest.raises(UnknownItem, match=message):
            item_input(store.reader, run.id, item)
    with pytest.raises(UnknownTask, match="did you mean 'divide'"):
        item_input(store.reader, run.id, ItemInput("divid"))
    with pytest.raises(UnknownRun):
        item_input(store.reader, "none", ItemInput("add"))


def test_an_input_that_cannot_be_rendered_fails_again(store: Store) -> None:
    run = Conducted(store, LOOP)
    for index in (0, 1, 0, 1):
        run.succeed("add", index)
    with pytest.raises(ExpressionError, match="zero"):
        item_input(store.reader, run.id, ItemInput("divide"))


def test_a_replay_has_its_limits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """And stops at the attempt that is asked for."""
    run = Conducted(store, LOOP)
    run.succeed("add", 0)
    run.succeed("add", 1)
    monkeypatch.setattr(bounded_replay, "READ_AT_ONCE", 1)
    ticks = itertools.count(0, 6)
    with pytest.raises(LimitExceeded, match="takes longer than 5 s"):
        item_input(store.reader, run.id, ItemInput("add"), clock=lambda: float(next(ticks)))
    ticks = itertools.count(0, 6)
    assert item_input(store.reader, run.id, ItemInput("add", 0, 1, 1), clock=lambda: float(next(ticks)))["n"] == 0
    noted = Suspicion(run_id=run.id, noted_at=1.0, quarantined_at=2.0, reason="it crashed")
    store.writer.write([Suspicions(noted=(noted,))])
    with pytest.raises(IllegalTransition, match="is quarantined"):
        item_input(store.reader, run.id, ItemInput("add"))
