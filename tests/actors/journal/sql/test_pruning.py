"""Runs are deleted that are not wanted any more, and nothing that is."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from stretto.actors.journal.opening import open_store
from stretto.actors.journal.queries import RunQuery
from stretto.actors.journal.records import Ending, Idempotency, ItemKey, ParentItem, Rerun, TaskState
from stretto.actors.journal.sql import pruning
from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.pruning import Pruning
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import Prune, StoreUnavailable
from stretto.definitions.context import RunEnvironment
from stretto.definitions.context.masking import Mask
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.examples import examples
from tests.support.recording import acceptance, completed, data, happening, probing
from tests.support.shared_stores import until_blocked
from tests.support.stores import KEYRING, rows_of, store, store_url
from tests.support.waiting import PATIENCE

__all__ = ["store", "store_url"]

EVERYTHING = Prune(keep=0)


def add(store: Store, *, ended_at: float | None = 2000.0, entries: int = 1, **of_run: Any) -> str:
    """Write a run with some entries and return its id; it has ended, or is in progress."""
    run = acceptance(**of_run)
    ending = None if ended_at is None else Ending("succeeded", data({}), EMPTY_LIST, ended_at)
    task = TaskState("probe", 1, "running", 1000.0)
    items = (completed(index) for index in range(entries))
    store.writer.write([run, happening(run.run_id, *items, tasks=(task,), ending=ending)])
    return run.run_id


def child_of(parent: str) -> dict[str, Any]:
    return {"parent": ParentItem(parent, ItemKey("probe", 1, 0), 1, data({})), "depth": 1}


def doing_again(run: str) -> dict[str, Any]:
    return {"rerun": Rerun(run, "failed_tasks")}


def left(store: Store) -> set[str]:
    return {run.id for run in store.reader.runs(RunQuery(limit=500)).runs}


def test_runs_that_ended_before_a_moment_are_deleted_with_all_they_have(store: Store) -> None:
    """Runs that ended before are deleted from every table; later and unfinished ones stay complete."""
    old, new, running = add(store, ended_at=10.0), add(store, ended_at=20.0), add(store, ended_at=None)
    assert store.pruning(Prune(ended_before=20.0)).prune_all() == 1
    assert left(store) == {new, running}
    assert (store.reader.run(old), store.reader.accepted(old), store.reader.end(old)) == (None, None, None)
    tables = ("runs", "run_inputs", "run_ends", "entries", "tasks", "definitions")
    assert [rows_of(store, table) for table in tables] == [2, 2, 1, 2, 2, 1]


def test_the_newest_ended_runs_are_kept(store: Store) -> None:
    """The number counts ended top-level runs, in the order of their acceptance."""
    ended = [add(store, ended_at=at) for at in (40.0, 30.0, 20.0, 10.0)]
    add(store, **child_of(ended[2]))
    running = add(store, ended_at=None)
    assert store.pruning(Prune(keep=2)).prune_all() == 2
    assert left(store) >= {ended[2], ended[3], running}
    assert len(left(store)) == 4


def test_either_wish_is_enough(store: Store) -> None:
    """A run goes that is too old, or that is beyond the newest; without a wish nothing goes."""
    old, beyond, kept = add(store, ended_at=10.0), add(store, ended_at=50.0), add(store, ended_at=40.0)
    assert store.pruning(Prune()).prune_all() == 0
    assert left(store) == {old, beyond, kept}
    assert store.pruning(Prune(ended_before=20.0, keep=1)).prune_all() == 2
    assert left(store) == {kept}


def test_a_run_goes_with_its_children(store: Store) -> None:
    """However deep, and however long ago they ended; a child never goes alone."""
    parent = add(store, ended_at=30.0)
    child = add(store, ended_at=10.0, **child_of(parent))
    add(store, ended_at=5.0, **child_of(child))
    assert store.pruning(Prune(ended_before=20.0)).prune_all() == 0
    assert store.pruning(Prune(ended_before=40.0)).prune_all() == 3
    assert left(store) == set()


def test_what_belongs_to_a_run_in_progress_stays(store: Store) -> None:
    """Its parents, its children, the run that it does again, and what that one has done again."""
    parent = add(store)
    running = add(store, ended_at=None, **child_of(parent))
    child = add(store, **child_of(running))
    first = add(store)
    again = add(store, **doing_again(first))
    rerun = add(store, ended_at=None, **doing_again(again))
    add(store)
    assert store.pruning(EVERYTHING).prune_all() == 1
    assert left(store) == {parent, running, child, first, again, rerun}


def test_a_child_whose_parent_is_gone_is_deleted_for_itself(store: Store) -> None:
    """Nothing is left over for ever."""
    add(store, **child_of("long-gone"))
    assert store.pruning(EVERYTHING).prune_all() == 1


def test_an_idempotency_key_is_free_again(store: Store) -> None:
    """The key of a run that is gone gives a new run."""
    key = Idempotency("key", "fingerprint")
    add(store, idempotency=key)
    store.pruning(EVERYTHING).prune_all()
    assert store.writer.write([acceptance(idempotency=key)]) == []


def test_what_runs_share_goes_with_the_last_of_them(store: Store) -> None:
    """Definitions and surroundings stay as long as a run refers to them, and can be had again afterwards."""
    one = RunEnvironment(data({}), data({"token": "sesame"}), frozenset(), Mask([]))
    other = RunEnvironment(data({}), data({"token": "barley"}), frozenset(), Mask([]))
    workflow = probing("tests.other")
    add(store, surroundings=one)
    kept = add(store, surroundings=other, ended_at=None)
    add(store, workflow=workflow, surroundings=other)
    store.pruning(EVERYTHING).prune_all()
    assert (rows_of(store, "definitions"), rows_of(store, "surroundings")) == (1, 1)
    back = add(store, workflow=workflow, surroundings=one, ended_at=None)
    for run in (kept, back):
        assert store.reader.accepted(run) is not None


def test_pruning_goes_in_portions(store: Store) -> None:
    """No transaction deletes more entries and runs than it may, and what is written in between is written."""
    for _ in range(3):
        add(store, entries=10)
    pruning = store.pruning(EVERYTHING)
    deleted, portions = 0, 0
    entries = rows_of(store, "entries")
    while not pruning.finished:
        deleted += pruning.prune_some(7)
        portions += 1
        store.writer.write([acceptance()])
        left_over = rows_of(store, "entries")
        assert entries - left_over <= 7
        entries = left_over
    assert (deleted, entries) == (3, 0)
    assert store.reader.counts() == {"running": portions}


def test_a_run_that_is_partly_deleted_is_not_there(store: Store) -> None:
    """From the first portion on readers do not find it by its id, its key or in a list."""
    run = add(store, entries=10, idempotency=Idempotency("key", "fingerprint"))
    store.pruning(EVERYTHING).prune_some(4)
    assert rows_of(store, "entries") == 6
    reader = store.reader
    assert (reader.run(run), reader.accepted(run), reader.find("key")) == (None, None, None)
    assert (left(store), dict(reader.counts())) == (set(), {})
    assert store.pruning(Prune()).prune_all() == 1, "the next pruning goes on, whatever it is to delete itself"
    assert rows_of(store, "runs") == rows_of(store, "entries") == 0


def test_a_run_that_is_done_again_meanwhile_stays(store: Store) -> None:
    """Whether a run is needed is asked when its turn comes."""
    first, second = add(store), add(store)
    pruning = store.pruning(EVERYTHING)
    assert pruning.prune_some(2) == 1
    rerun = add(store, ended_at=None, **doing_again(second))
    assert pruning.prune_all() == 0
    assert left(store) == {second, rerun}
    assert first not in left(store)


def test_a_portion_that_fails_is_done_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rolled-back portion is repeated."""
    add(store), add(store)
    pruning = store.pruning(EVERYTHING)
    count = Ownership._count_commit

    def fail(_ownership: Ownership, _connection: Any) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(Ownership, "_count_commit", fail)
    for _ in range(3):
        with contextlib.suppress(StoreUnavailable):
            pruning.prune_some(100)
    assert not pruning.finished
    monkeypatch.setattr(Ownership, "_count_commit", count)
    assert pruning.prune_all() == 2


def test_room_is_given_back_to_the_disk(tmp_path: Any) -> None:
    """An SQLite file shrinks by what was deleted, some pages at a time."""
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}", None) as store:
        run = acceptance()
        ending = Ending("succeeded", None, EMPTY_LIST, 2000.0)
        entries = (completed(index, f"{index:05}" * 4_000) for index in range(200))
        store.writer.write([run, happening(run.run_id, *entries, ending=ending)])
        pruning = store.pruning(EVERYTHING)
        deleted, portions = 0, 0
        while not pruning.finished:
            deleted += pruning.prune_some(2000)
            portions += 1
        assert (deleted, portions >= 3) == (1, True)
        with store.reader._engine.connect() as connection:
            assert connection.execute(text("PRAGMA freelist_count")).scalar() == 0
    assert path.stat().st_size < 500_000


def test_a_tree_larger_than_a_portion_goes_whole(store: Store) -> None:
    """However many children a run has, it is the last to go."""
    parent = add(store, entries=0)
    for _ in range(6):
        add(store, entries=0, **child_of(parent))
    pruning = store.pruning(EVERYTHING)
    assert [pruning.prune_some(3) for _ in range(3)] == [3, 3, 1]
    assert left(store) == set()


# Each run may be the child of an earlier one, or do one again.
FORESTS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["alone", "child", "rerun"]), st.integers(0, 100)), min_size=1, max_size=12
)


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(forest=FORESTS, limit=st.integers(1, 5))
def test_everything_goes_but_what_is_needed(forest: list[tuple[bool, str, int]], limit: int) -> None:
    """The law: a tree of runs stays exactly if something in progress hangs on one of its runs."""
    with open_store("sqlite://", KEYRING) as store:
        ids: list[str] = []
        above: dict[str, str] = {}
        parent: dict[str, str] = {}
        running = set()
        for ended, kind, of in forest:
            other = ids[of % len(ids)] if ids else None
            relation = {} if other is None or kind == "alone" else doing_again(other)
            if other is not None and kind == "child":
                relation = child_of(other)
            run = add(store, ended_at=2000.0 if ended else None, entries=2, **relation)
            ids.append(run)
            if relation and other is not None:
                above[run] = other
                parent.update({run: other} if kind == "child" else {})
            running.update(set() if ended else {run})
        pruning = Pruning(store._ownership, EVERYTHING)
        while not pruning.finished:
            pruning.prune_some(limit)
        needed: set[str] = set()
        waiting = list(running)
        while waiting:
            needed.add(run := waiting.pop())
            waiting.extend({above.get(run, run)} - needed)
        roots = {run: run if run not in parent else "" for run in ids}
        for run in ids:
            roots[run] = roots[run] or roots[parent[run]]
        kept_roots = {roots[run] for run in needed}
        assert left(store) == {run for run in ids if roots[run] in kept_roots}


@pytest.mark.parametrize(
    "wanted", [Prune(ended_before=2000.5), Prune(keep=1), Prune(ended_before=15.0, keep=3), Prune()]
)
def test_what_would_be_deleted_is_counted_before(store: Store, wanted: Prune, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as a pass then deletes, with children and without what a run in progress needs, in small portions."""
    monkeypatch.setattr(pruning, "PORTION", 2)
    old = add(store, ended_at=10.0)
    add(store, ended_at=11.0, **child_of(old))
    needed = add(store, ended_at=12.0)
    add(store, ended_at=None, **doing_again(needed))
    add(store, ended_at=2000.0)
    add(store, ended_at=3000.0)
    before = left(store)
    counted = store.reader.count_doomed(wanted)
    assert left(store) == before
    assert counted == store.pruning(wanted).prune_all()
    assert counted == {2000.5: 3, 15.0: 2, None: 0}[wanted.ended_before] or wanted.keep == 1
    assert store.reader.count_doomed(wanted) == 0


def test_a_definition_that_another_engine_uses_meanwhile_is_not_deleted(join_store: Callable[[], Store]) -> None:
    """The pass waits for the commit of the engine that has found it in the store, and sees its run then."""
    pruning, writing = join_store(), join_store()
    ended, run = add(pruning), acceptance()
    passes: list[Future[int]] = []
    with ThreadPoolExecutor(1) as threads:

        def prune_meanwhile() -> list[Any]:
            passes.append(threads.submit(pruning.pruning(EVERYTHING).prune_all))
            until_blocked(pruning)
            return []

        # The second portion comes when the first one has found the definition, and has written its run.
        writing.writer.write([run], (make() for make in (prune_meanwhile,)))
        assert passes[0].result(PATIENCE) == 1
    assert left(pruning) == {run.run_id}
    assert ended not in left(pruning)
    assert pruning.reader.accepted(run.run_id) is not None
