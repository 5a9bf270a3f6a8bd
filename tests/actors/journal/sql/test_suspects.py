"""Suspects and quarantined runs in each kind of store."""

from stretto.actors.journal.records import Ending, Suspicion, Suspicions
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import Prune, Quarantine, RunQuery
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.conducted import Conducted
from tests.support.recording import acceptance, happening, new_id
from tests.support.stores import rows_of

PARENT = "ref: tests.parent\ntasks: [{name: call, action: tests.child}]\n"
CHILD = "ref: tests.child\ntasks: [{name: only, action: core.noop}]\n"


def accept(store: Store, count: int) -> list[str]:
    ids = [new_id() for _ in range(count)]
    store.writer.write([acceptance(run_id) for run_id in ids])
    return ids


def status_of(store: Store, run_id: str) -> str | None:
    row = store.reader.run(run_id)
    return None if row is None else row.status


def quarantined(run_id: str) -> Suspicion:
    return Suspicion(run_id=run_id, noted_at=1.0, crashes=2, quarantined_at=2.0, reason="quarantined: poison")


def test_notes_are_read_as_they_were_written(store: Store) -> None:
    """A later note of a run replaces the earlier one, and a note of an unknown run is skipped."""
    first, second, third, fourth, fifth = accept(store, 5)
    noted = [
        Suspicion(run_id=first, noted_at=1.0),
        Suspicion(run_id=second, noted_at=2.0, alone=True),
        Suspicion(run_id=third, noted_at=3.0, crashes=3, places=(7, -2)),
        quarantined(fourth),
        Suspicion(run_id=fifth, noted_at=3.0, among=True, pausing=True, shared=2),
    ]
    earlier = Suspicion(run_id=first, noted_at=0.5, alone=True, crashes=1, places=(3,))
    unknown = Suspicion(run_id="unknown", noted_at=1.0)
    store.writer.write([Suspicions(noted=(earlier, unknown)), Suspicions(noted=tuple(noted))])
    assert store.reader.suspects() == noted
    store.writer.write([Suspicions(cleared=(first, "unknown", fourth))])
    assert store.reader.suspects() == [*noted[1:3], noted[4]]


def test_a_quarantined_run_is_listed_as_such(store: Store) -> None:
    """It is until it is released. Only a run in progress changes its status."""
    poison, over = accept(store, 2)
    ending = Ending("succeeded", None, EMPTY_LIST, 5.0)
    store.writer.write([happening(over, ending=ending, status="succeeded")])
    store.writer.write([Suspicions(noted=(quarantined(poison), quarantined(over)))])
    assert (status_of(store, poison), status_of(store, over)) == ("quarantined", "succeeded")
    assert [row.id for row in store.reader.runs(RunQuery(status="quarantined")).runs] == [poison]
    assert store.reader.quarantine(poison) == Quarantine(poison, 2.0, "quarantined: poison")
    released = Suspicion(run_id=poison, noted_at=3.0)
    store.writer.write([Suspicions(noted=(released,), released=(poison,))])
    assert status_of(store, poison) == "running"
    assert store.reader.quarantine(poison) is None
    assert released in store.reader.suspects()


def test_a_quarantine_is_that_of_all_unfinished_runs_below(store: Store) -> None:
    """A parent that was cancelled in quarantine keeps its own, and holds no child any more."""
    parent = Conducted(store, PARENT)
    child = Conducted(store, CHILD, parent=parent, of_item=("call", 0))
    other = Conducted(store, CHILD)
    store.writer.write([Suspicions(noted=(quarantined(parent.id),))])
    assert store.reader.quarantine(child.id) == store.reader.quarantine(parent.id)
    assert store.reader.quarantine(other.id) is None
    assert store.reader.quarantine("unknown") is None
    ending = Ending("cancelled", None, EMPTY_LIST, 5.0)
    store.writer.write([happening(parent.id, ending=ending, status="cancelled")])
    assert store.reader.quarantine(child.id) is None
    assert store.reader.quarantine(parent.id) is not None


def test_notes_are_deleted_with_their_runs(store: Store) -> None:
    """Retention keeps quarantined runs, which have not ended."""
    poison, over = accept(store, 2)
    ending = Ending("cancelled", None, EMPTY_LIST, 5.0)
    store.writer.write([Suspicions(noted=(quarantined(poison), quarantined(over)))])
    store.writer.write([happening(over, ending=ending, status="cancelled")])
    assert store.pruning(Prune(keep=0)).prune_all() == 1
    assert [each.run_id for each in store.reader.suspects()] == [poison]
    assert rows_of(store, "suspects") == 1
