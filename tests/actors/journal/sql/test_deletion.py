"""One run is deleted when it is asked for, with the runs below it, and with the audit of that."""

from typing import Any

import pytest

from stretto.actors.journal.access import AuditQuery
from stretto.actors.journal.audit import Requester
from stretto.actors.journal.deletion import DeleteRun, RunNeeded
from stretto.actors.journal.sql import deletion
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from tests.actors.journal.sql.test_pruning import add, child_of, doing_again, left
from tests.support.stores import rows_of, store, store_url

__all__ = ["store", "store_url"]

MIRA = Requester(who="mira", via="api", source="10.0.0.1", note="no more")


def delete(store: Store, run: str) -> int:
    return store.run_deletion(DeleteRun(run, MIRA.asks("delete_run", run, 5.0))).delete_all()


def audited(store: Store) -> list[str]:
    return [row.entry.target for row in store.reader.access.audit(AuditQuery()).rows]


def test_a_run_goes_with_those_below_it_and_no_other(store: Store) -> None:
    """With all of their rows, and the audit says who wanted it."""
    other, run = add(store), add(store, entries=3)
    below = add(store, **child_of(run))
    add(store, **child_of(below))
    assert delete(store, run) == 3
    assert left(store) == {other}
    assert store.reader.run(run) is None
    assert [rows_of(store, table) for table in ("runs", "run_inputs", "run_ends", "entries", "tasks")] == [1] * 5
    assert audited(store) == [run]
    with pytest.raises(UnknownRun, match=run):
        delete(store, run)


def test_a_large_run_is_gone_at_once_and_deleted_in_portions(store: Store) -> None:
    """Its first transaction hides it and writes the audit. What is left then is deleted by the next portions."""
    run = add(store, entries=30)
    pass_ = store.run_deletion(DeleteRun(run, MIRA.asks("delete_run", run, 5.0)))
    assert pass_.prune_some(10) == 1
    assert (left(store), audited(store), pass_.finished) == (set(), [run], False)
    portions = 0
    while not pass_.finished:
        assert pass_.prune_some(10) == 0
        portions += 1
    assert portions >= 3
    assert rows_of(store, "entries") == 0


def needed(store: Store, kind: str) -> tuple[str, str]:
    """Return a run that another one in progress needs, and what the error says."""
    if kind == "in progress":
        return add(store, ended_at=None), "has not ended (running): cancel it first"
    if kind == "below one in progress":
        above = add(store, ended_at=None)
        return add(store, **child_of(add(store, **child_of(above)))), f"is needed by the run {above}"
    run = add(store)
    more: dict[str, Any] = child_of(run) if kind == "above one in progress" else doing_again(run)
    return run, f"is needed by the run {add(store, ended_at=None, **more)}"


@pytest.mark.parametrize("kind", ["in progress", "below one in progress", "above one in progress", "done again"])
def test_a_run_that_is_needed_stays(store: Store, kind: str) -> None:
    """The error names the run that needs it, and nothing is written."""
    run, told = needed(store, kind)
    before = left(store)
    with pytest.raises(RunNeeded) as refused:
        delete(store, run)
    assert told in str(refused.value)
    assert (left(store), audited(store)) == (before, [])


def test_a_deletion_that_cannot_be_written_deletes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run and audit are one transaction."""
    run = add(store)

    def broken(*_arguments: object) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(deletion, "update", broken)
    with pytest.raises(RuntimeError):
        delete(store, run)
    monkeypatch.undo()
    assert (left(store), audited(store)) == ({run}, [])
    assert delete(store, run) == 1
