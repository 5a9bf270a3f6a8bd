"""The context at an entry: what expressions read then, in portions, within the limits of a replay."""

import itertools
from typing import Any

import pytest

from stretto.actors.history import bounded_replay, contexts
from stretto.actors.history.contexts import UnknownPath, context_value, show_context
from stretto.actors.journal.records import Suspicion, Suspicions
from stretto.actors.journal.sql.store import Store
from stretto.actors.operations import API
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.context.masking import MASK
from stretto.definitions.errors import LimitExceeded
from tests.support.conducted import Conducted
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

TWO = """
ref: tests.two
parameters: {word: {type: string, default: hello}, password: {secret: true, default: null}}
vars: {seen: 0}
tasks:
  - {name: one, action: core.noop, next: [{publish: {seen: "{{ task.one.result }}"}, do: [two]}]}
  - {name: two, action: core.noop, with_items: [1, 2], concurrency: 2}
"""
BRANCHED = """\
version: 1.0
vars: [{x: 0}]
tasks:
  a:
    action: core.noop
    next: [{when: <% succeeded() %>, publish: [{x: <% result() %>}], do: b}]
  b: {action: core.noop}
"""


def test_a_context_is_that_of_its_entry(store: Store) -> None:
    """Before the first entry, behind each, and the last one."""
    run = Conducted(store, TWO)
    run.succeed("one", result={"n": 5})
    run.succeed("two", 1, "b")
    begin = show_context(store.reader, run.id, -1)
    parameters = {"word": "hello", "password": None}
    assert begin["value"] == {"parameters": parameters, "variables": {"seen": 0}, "tasks": {}}
    assert (begin["at"], begin["left_out"]) == (-1, 0)
    now = show_context(store.reader, run.id)
    assert now["at"] == 1
    assert now["value"]["variables"] == {"seen": {"n": 5}}
    assert now["value"]["tasks"] == {"one": {"outcome": "succeeded", "result": {"n": 5}, "errors": []}}
    assert show_context(store.reader, run.id, 0)["value"] == now["value"]
    assert show_context(store.reader, run.id, 99)["at"] == 1
    assert show_context(store.reader, run.id, None, ["tasks", "one", "result", "n"])["value"] == 5


def test_a_path_that_leads_nowhere_is_refused(store: Store) -> None:
    """The error has the nearest name, or what is there."""
    run = Conducted(store, TWO)
    run.succeed("one", result=[1, 2])
    for path, message in (
        (["variable"], "the context has no 'variable'; did you mean 'variables'"),
        (["tasks", "one", "result", "2"], "no 'tasks/one/result/2'; the list there has 2 members"),
        (["tasks", "one", "result", "x"], "the list there has 2 members"),
        (["parameters", "word", "0"], "no 'parameters/word/0'; the value there has no members"),
    ):
        with pytest.raises(UnknownPath, match=message):
            show_context(store.reader, run.id, None, path)
    with pytest.raises(UnknownRun):
        show_context(store.reader, "none")


def test_secrets_are_masked(store: Store) -> None:
    """Wherever they have got."""
    run = Conducted(store, TWO, {"password": "hunter2hunter"})
    run.succeed("one", result="it is hunter2hunter")
    value = show_context(store.reader, run.id)["value"]
    assert value["parameters"]["password"] == MASK
    assert value["variables"]["seen"] == f"it is {MASK}"


def linked(run: str, size: int, *path: str) -> dict[str, Any]:
    """Return the link to a value behind the first entry of a run."""
    query = "&".join(["at=0", *(f"path={name}" for name in path)])
    return {"$ref": f"{API}/runs/{run}/context/value?{query}", "bytes": size}


def test_large_values_are_told_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no room is its size, and a longer path leads into it."""
    monkeypatch.setattr(contexts, "MAX_MEMBERS", 3)
    run = Conducted(store, TWO)
    run.succeed("one", result=["x" * 60_000, "y" * 60_000, "z", 1, 2])
    path = ["variables", "seen"]
    found = show_context(store.reader, run.id, None, path)
    assert found["value"] == ["x" * 60_000, linked(run.id, 60_002, *path, "1"), "z"]
    assert found["left_out"] == 2
    assert found["bytes"] > 120_000
    assert show_context(store.reader, run.id, None, [*path, "1"])["value"] == "y" * 60_000
    assert context_value(store.reader, run.id, None, path) == ["x" * 60_000, "y" * 60_000, "z", 1, 2]
    assert show_context(store.reader, run.id, None, [*path, "4"])["value"] == 2
    whole = show_context(store.reader, run.id)["value"]
    assert whole["variables"] == {"seen": linked(run.id, found["bytes"], "variables", "seen")}
    assert whole["tasks"].keys() == {"one"}
    assert whole["parameters"]["word"] == "hello"


def test_a_single_large_text_is_its_size(store: Store) -> None:
    """It has no members to go into. The link leads to all of it."""
    run = Conducted(store, TWO)
    run.succeed("one", result="x" * 70_000)
    assert show_context(store.reader, run.id, None, ["variables", "seen"])["value"] == linked(
        run.id, 70_002, "variables", "seen"
    )  # fmt: skip
    assert context_value(store.reader, run.id, 0, ["variables", "seen"]) == "x" * 70_000


def test_a_replay_has_its_limits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In entries and in seconds; the error names them."""
    run = Conducted(store, TWO)
    run.succeed("one")
    run.succeed("two", 0)
    monkeypatch.setattr(bounded_replay, "READ_AT_ONCE", 1)
    ticks = itertools.count(0, 6)
    with pytest.raises(LimitExceeded, match="the replay up to entry 1 takes longer than 5 s: it got to 0"):
        show_context(store.reader, run.id, clock=lambda: float(next(ticks)))
    monkeypatch.setattr(bounded_replay, "MAX_ENTRIES", 1)
    with pytest.raises(LimitExceeded, match="a replay takes at most 1 entries"):
        show_context(store.reader, run.id)
    assert show_context(store.reader, run.id, 0)["at"] == 0


def test_a_quarantined_run_is_not_replayed(store: Store) -> None:
    """It could crash this process as well."""
    run = Conducted(store, TWO)
    noted = Suspicion(run_id=run.id, noted_at=1.0, quarantined_at=2.0, reason="it crashed")
    store.writer.write([Suspicions(noted=(noted,))])
    with pytest.raises(IllegalTransition, match="is quarantined"):
        show_context(store.reader, run.id)


def test_where_branches_have_contexts_they_are_laid_together(store: Store) -> None:
    """As they are for the output of a run."""
    run = Conducted(store, BRANCHED)
    assert show_context(store.reader, run.id)["value"]["variables"] == {"x": 0}
    run.succeed("a", result=7)
    assert show_context(store.reader, run.id)["value"]["variables"] == {"x": 7}
    assert show_context(store.reader, run.id, -1)["value"]["variables"] == {"x": 0}
