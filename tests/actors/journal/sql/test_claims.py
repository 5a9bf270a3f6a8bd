"""Claims: trees of runs are taken over whole, the oldest first, and by one engine each."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import text

from stretto.actors.journal.claims import NOTHING_CLAIMED, claim_all
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Ending, Suspicion, Suspicions
from stretto.actors.journal.sql import claims
from stretto.actors.journal.sql.claims import RUNS, claim
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import StoreUnavailable, Unfinished
from stretto.definitions.data import EMPTY_LIST
from tests.support.counted_sql import counting
from tests.support.lossy_link import LossyLink
from tests.support.recording import acceptance, happening

ENDING = Ending("succeeded", None, EMPTY_LIST, 5.0)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return an open store of each kind, and remember nothing of who was there before."""
    with open_store(store_url, None) as opened:
        yield opened


def leave(store: Store, *run_ids: str) -> None:
    """Let an engine that is fenced own the runs."""
    with store._ownership.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO engines (number, name, version, knows, opened_at, commits, fenced_by) "
                "VALUES (900, 'dead', '1', '0014', 1.0, 0, 901)"
            )
        )
        for run_id in run_ids:
            connection.execute(text("UPDATE runs SET owner = 900 WHERE id = :run"), {"run": run_id})


def owners(store: Store) -> dict[str, int | None]:
    """Return the owners of runs, read on a connection of their own."""
    with store.reader._engine.connect() as connection:
        return {row.id: row.owner for row in connection.execute(text("SELECT id, owner FROM runs"))}


def test_a_run_is_owned_by_the_engine_that_accepts_it(store: Store) -> None:
    """So nobody claims it."""
    store.writer.write([acceptance("a"), acceptance("b", root="a", depth=1)])
    assert owners(store) == {"a": store._ownership.number, "b": store._ownership.number}
    assert store.claims.claim() == NOTHING_CLAIMED
    accepted = store.reader.accepted("b")
    assert accepted is not None
    assert accepted.root == "a"


def test_a_tree_is_claimed_whole(store: Store) -> None:
    """Also if its root has ended. A tree of an engine that may write, or one that has ended, is left alone."""
    store.writer.write([
        acceptance("ended", accepted_at=1.0), acceptance("top", accepted_at=2.0),
        acceptance("child", root="top", depth=1, accepted_at=3.0),
        acceptance("of ended", root="ended", depth=1, accepted_at=4.0),
        acceptance("orphan", root="pruned", depth=1, accepted_at=5.0),
        acceptance("mine"), acceptance("over"),
    ])  # fmt: skip
    store.writer.write([happening("ended", ending=ENDING), happening("over", ending=ENDING)])
    leave(store, "ended", "top", "child", "of ended", "orphan", "over")
    claimed = store.claims.claim()
    assert claimed.unfinished == (
        Unfinished("top", "tests.probe", 2.0, None), Unfinished("child", "tests.probe", 3.0, None),
        Unfinished("of ended", "tests.probe", 4.0, None), Unfinished("orphan", "tests.probe", 5.0, None),
    )  # fmt: skip
    ours = store._ownership.number
    assert owners(store) == {
        "ended": 900, "top": ours, "child": ours, "of ended": ours, "orphan": ours, "mine": ours, "over": 900,
    }  # fmt: skip
    assert store.claims.claim() == NOTHING_CLAIMED


def test_a_run_without_an_owner_is_claimed(store: Store) -> None:
    """Whoever gave it up leaves it to anybody."""
    store.writer.write([acceptance("a")])
    with store._ownership.transaction() as connection:
        connection.execute(text("UPDATE runs SET owner = NULL"))
    assert [each.run_id for each in store.claims.claim().unfinished] == ["a"]


def test_trees_are_claimed_in_portions_the_oldest_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portion has whole trees, whatever their sizes."""
    monkeypatch.setattr(claims, "CLAIMED_AT_ONCE", 2)
    runs = [acceptance(f"t{number}") for number in range(5)]
    runs += [acceptance(f"c{number}", root="t1", depth=1) for number in range(3)]
    store.writer.write(runs)
    leave(store, *(each.run_id for each in runs))
    first = store.claims.claim()
    assert ([each.run_id for each in first.unfinished], first.more) == (["t0", "t1", "c0", "c1", "c2"], True)
    rest = claim_all(store.claims)
    assert [each.run_id for each in rest.unfinished] == ["t2", "t3", "t4"]
    assert not rest.more


def test_suspects_come_with_their_runs(store: Store) -> None:
    """Those of runs that others recover stay with them. One whose run has ended is told, to be forgotten."""
    store.writer.write([acceptance("claimed"), acceptance("mine"), acceptance("over"), acceptance("held")])
    noted = [Suspicion(run_id=each, noted_at=1.0) for each in ("claimed", "mine", "over")]
    noted.append(Suspicion(run_id="held", noted_at=1.0, quarantined_at=2.0, reason="why"))
    store.writer.write([Suspicions(noted=tuple(noted))])
    store.writer.write([happening("over", ending=ENDING), happening("held", ending=ENDING)])
    leave(store, "claimed")
    assert [each.run_id for each in store.claims.claim().suspects] == ["claimed", "over"]


def test_a_claim_that_finds_nothing_changes_nothing(store: Store) -> None:
    """It reads three small indexes, and its commit is counted."""
    with counting(store._ownership._connection.engine) as counted:  # type: ignore[union-attr]
        store.claims.claim()
    assert [each.split()[0] for each in counted.statements] == ["SELECT"] * 5 + ["UPDATE"]


def test_two_engines_claim_different_trees_at_the_same_time(postgres_url: str) -> None:
    """Whoever comes second skips what the first one has locked, and does not wait for it."""
    with open_store(postgres_url, None) as store:
        store.writer.write([acceptance("a"), acceptance("b", root="a", depth=1), acceptance("c")])
        leave(store, "a", "b", "c")
        guard = store._ownership._guard
        with guard.connect() as first, guard.connect() as second, first.begin(), second.begin():
            assert claim(first, RUNS, 11, 1) == ["a"]
            assert claim(second, RUNS, 12, 5) == ["c"]
        assert owners(store) == {"a": 11, "b": 11, "c": 12}


@pytest.mark.parametrize("method", ["claim", "renew"])
@pytest.mark.parametrize("breaks", ["before commit", "after commit"])
def test_a_claim_whose_commit_was_cut_off_is_told_once(
    postgres_url: str, tmp_path: Path, breaks: Literal["before commit", "after commit"], method: str
) -> None:
    """Nobody else would recover runs that are this engine's already. A drained one is told of them when it renews."""
    link = LossyLink(postgres_url, tmp_path)
    with closing(link), open_store(link.url, None) as store:
        store.writer.write([acceptance("a"), acceptance("b", root="a", depth=1)])
        leave(store, "a", "b")
        link.breaks = breaks
        with pytest.raises(StoreUnavailable):
            store.claims.claim()
        settled = getattr(store.claims, method)()
        told = [each.run_id for each in settled.unfinished]
        if breaks == "before commit" and method == "renew":  # nothing was claimed, and nothing is
            assert (told, owners(store)) == ([], {"a": 900, "b": 900})
        else:
            ours = store._ownership.number
            assert (told, owners(store)) == (["a", "b"], {"a": ours, "b": ours})
            assert store.claims.claim() == NOTHING_CLAIMED
