"""The stored versions of a run's context are those of a replay, and are read without one."""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.actors.history import context_versions, contexts, list_versions, stored_contexts
from stretto.actors.history.contexts import context_value, show_context
from stretto.actors.history.stored_contexts import size_of_object
from stretto.actors.journal import Reader, context_log, open_reader, run_log
from stretto.actors.journal.sql import contexts as sql_contexts
from stretto.actors.journal.sql.store import Store
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.data import encode_json
from stretto.definitions.dialects import read_workflow
from tests.actors.history.test_contexts import BRANCHED, TWO
from tests.support.conducted import Conducted
from tests.support.drawn_workflows import workflows, write_child
from tests.support.engines import Bench, outcome_of
from tests.support.examples import examples
from tests.support.stores import store, store_url
from tests.support.waiting import PATIENCE

__all__ = ["store", "store_url"]

LOOP = """
ref: tests.loop
vars: {n: 0}
tasks:
  - {name: begin, action: core.noop, next: [{do: [first]}]}
  - {name: first, action: core.noop, next: [{publish: {n: "{{ vars.n + 1 }}"}, do: [second]}]}
  - {name: second, action: core.noop, next: [{when: "{{ vars.n < 4 }}", do: [first]}]}
"""
SECRETIVE = """
ref: tests.secretive
parameters: {password: {secret: true}}
vars: {long: "{{ parameters.password }}-and-more", plain: 1}
tasks:
  - {name: one, action: core.noop, next: [{publish: {seen: "{{ task.one.result }}"}}]}
"""
HELD = """
ref: tests.held
cancellation_policy: cancel_running
vars: {n: 0}
tasks:
  - {name: first, action: core.noop, next: [{publish: {n: 1}, do: [second]}]}
  - {name: second, action: core.sleep, input: {seconds: 1000}}
"""
EVERYWHERE = (run_log, stored_contexts)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store the versions of every run."""
    store_behind(monkeypatch, -1)


def store_behind(monkeypatch: pytest.MonkeyPatch, entries: int) -> None:
    """Store the versions of runs that have so many entries."""
    for module in EVERYWHERE:
        monkeypatch.setattr(module, "CONTEXT_ENTRIES", entries)


def without_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail at each replay."""

    def refuse(*_arguments: Any, **_keywords: Any) -> None:
        pytest.fail("there was a replay")

    for module in (contexts, context_versions):
        monkeypatch.setattr(module, "replayed", refuse)


def looks(reader: Reader, run_id: str, entries: Iterable[int] | None = None) -> list[Any]:
    """Return what is shown of the contexts of a run: at each of these entries (all), and a value of each name."""
    found: list[Any] = [list_versions(reader, run_id)]
    for at in range(-1, reader.last_entry(run_id) + 1) if entries is None else entries:
        whole = show_context(reader, run_id, at)
        found.append(whole)
        for part in ("parameters", "variables", "tasks"):
            found.append(show_context(reader, run_id, at, [part]))
            for name in whole["value"][part]:
                path = [part, name]
                found += [show_context(reader, run_id, at, path), context_value(reader, run_id, at, path)]
    return found


def assert_same(reader: Reader, run_id: str, *, entries: Iterable[int] | None = None, replays: bool = False) -> None:
    """Assert that the stored versions show what a replay shows, at these entries (all)."""
    assert stored_contexts.is_stored(reader, run_id, reader.last_entry(run_id))
    with pytest.MonkeyPatch.context() as patch:
        if not replays:
            without_replays(patch)
        stored = looks(reader, run_id, entries)
    with pytest.MonkeyPatch.context() as patch:
        for module in (contexts, context_versions):
            patch.setattr(module, "is_stored", lambda *_of: False)
        assert encode_json(stored) == encode_json(looks(reader, run_id, entries))


@pytest.mark.parametrize("text", [TWO, BRANCHED, LOOP])
@pytest.mark.usefixtures("stored")
def test_stored_versions_are_those_of_a_replay(store: Store, text: str) -> None:
    """At each entry, also while the run is in progress."""
    run = Conducted(store, text)
    while run.started:
        run.succeed(*next(iter(run.started)), {"n": len(run.started)})
        last = store.reader.last_entry(run.id)
        assert_same(store.reader, run.id, entries=range(last - 1, last + 1))
    assert_same(store.reader, run.id)


def test_any_run_of_an_engine_has_the_versions_of_its_replay(
    start_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is requested of it. Its versions are stored from any entry on, and some are compared."""
    write_child(tmp_path)
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db", definitions=tmp_path)
    reader = open_reader(f"sqlite:///{tmp_path}/runs.db", None)

    @given(
        text=workflows(), behind=st.integers(-1, 6), place=st.integers(0, 1000),
        requests=st.lists(st.sampled_from(["pause", "resume", "cancel"]), max_size=2),
    )  # fmt: skip
    @settings(deadline=None, max_examples=examples(60))
    def check(text: str, behind: int, place: int, requests: list[str]) -> None:
        store_behind(monkeypatch, behind)
        run = bench.proxy.submit(read_workflow(text, "law.yaml")).get(timeout=PATIENCE)
        for request in (*requests, "resume"):
            with contextlib.suppress(IllegalTransition):  # it comes when it comes: the run may have ended
                getattr(bench.proxy, request)(run.id).get(timeout=PATIENCE)
        outcome_of(run)
        last = reader.last_entry(run.id)
        if last >= behind:
            assert_same(reader, run.id, entries=sorted({-1, place % (last + 2) - 1, last}))

    check()


@pytest.mark.parametrize("behind", [-1, 1, 2])
def test_a_recovered_run_goes_on_with_its_versions(
    start_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: int
) -> None:
    """None is stored twice, and none is left out, whether some were stored when its engine ended or not."""
    store_behind(monkeypatch, behind)
    url = f"sqlite:///{tmp_path}/runs.db"
    first = start_bench(store=url)
    run = first.submit(HELD)
    reader = open_reader(url, None)
    while reader.last_entry(run.id) < 0:  # the end of the first task
        first.proxy.status(run.id).get(timeout=PATIENCE)
    first.proxy.stop(grace=0).get(timeout=PATIENCE)
    second = start_bench(store=url)
    second.proxy.pause(run.id).get(timeout=PATIENCE)
    second.proxy.resume(run.id).get(timeout=PATIENCE)
    second.proxy.cancel(run.id).get(timeout=PATIENCE)
    outcome_of(second.proxy.handle(run.id).get(timeout=PATIENCE))
    assert_same(reader, run.id)
    assert [each["version"] for each in list_versions(reader, run.id)["versions"]] == [3, 2, 1]


@pytest.mark.usefixtures("stored")
def test_secrets_are_masked_and_encrypted(store: Store) -> None:
    """As in a replay: also one that a task has only just printed."""
    run = Conducted(store, SECRETIVE, {"password": "correct-horse"})
    run.succeed("one", result="it is correct-horse!")
    assert_same(store.reader, run.id)
    assert "correct-horse" not in str(looks(store.reader, run.id))


@pytest.mark.usefixtures("stored")
def test_a_large_value_is_replayed_and_a_link_has_its_size(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other values are stored. What has no room in an answer is not even read."""
    for module in (contexts, stored_contexts):
        monkeypatch.setattr(module, "MAX_INLINE_BYTES", 200)
    monkeypatch.setattr(sql_contexts, "MAX_STORED_VALUE_BYTES", 200)
    run = Conducted(store, TWO, {"word": "x" * 300})
    run.succeed("one", result="y" * 260)
    run.succeed("two", 0, "z" * 20)
    run.succeed("two", 1, "z" * 20)
    assert_same(store.reader, run.id, replays=True)
    without_replays(monkeypatch)
    whole = show_context(store.reader, run.id)
    assert whole["value"]["variables"]["seen"]["bytes"] == 262
    assert whole["value"]["tasks"]["two"]["result"] == ["z" * 20] * 2
    with pytest.raises(pytest.fail.Exception):
        show_context(store.reader, run.id, None, ["variables", "seen"])


def test_versions_from_before_are_stored_at_the_first_of_many_entries(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with fewer entries has no row of them, and is replayed."""
    store_behind(monkeypatch, 2)
    run = Conducted(store, LOOP)
    run.succeed("begin")
    run.succeed("first")
    assert store.reader.contexts.through(run.id) == context_log.NOTHING_STORED
    assert not stored_contexts.is_stored(store.reader, run.id, 1)
    run.succeed("second")
    assert store.reader.contexts.through(run.id) == 2
    assert_same(store.reader, run.id)


def test_an_end_that_nobody_has_noted_makes_a_replay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that of a daemon of an earlier version, which has taken over the run."""
    store_behind(monkeypatch, -1)
    run = Conducted(store, TWO)
    run.succeed("one")
    monkeypatch.setattr(run_log, "CONTEXT_ENTRIES", 1000)
    run.succeed("two", 0)
    assert stored_contexts.is_stored(store.reader, run.id, 1)  # nothing says otherwise yet
    run.succeed("two", 1)
    assert not stored_contexts.is_stored(store.reader, run.id, 2)
    assert list_versions(store.reader, run.id)["versions"][0]["names"] == ["tasks.two"]


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)))
def test_the_size_of_an_object_is_that_of_its_members(value: dict[str, Any]) -> None:
    """So that no member must be read to know it."""
    sizes = {name: len(encode_json(member)) for name, member in value.items()}
    assert size_of_object(sizes) == len(encode_json(value))
