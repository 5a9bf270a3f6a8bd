"""The contract of every store: in memory, in an SQLite file, in PostgreSQL."""

import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, WrongStoreKey, new_key
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.queries import MAX_PAGE, InvalidCursor, ItemQuery, RunQuery
from stretto.actors.journal.records import (
    Ending,
    Entry,
    Idempotency,
    ItemKey,
    ItemStarted,
    ParentItem,
    Rerun,
    RunAccepted,
    SecretsLearned,
    TaskState,
)
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import AlreadyAccepted, Child, RunRow, Unfinished, Unrecordable
from stretto.definitions.conductor import Failure, PauseRequested
from stretto.definitions.context import RunEnvironment
from stretto.definitions.context.masking import Mask
from stretto.definitions.data.frozen import EMPTY_LIST, FrozenDict, freeze
from tests.support.entries import ENTRIES, same
from tests.support.recording import PROBING, acceptance, completed, data, failed, happening, probing
from tests.support.stores import KEYRING, everything_in, keyless, rows_of, store, store_url, unfinished

__all__ = ["keyless", "store", "store_url"]

SECRET = "correct-horse-battery-staple"


def accepted(store: Store, **given: Any) -> RunAccepted:
    """Write that a run was accepted, and return it."""
    run = acceptance(**given)
    assert store.writer.write([run]) == []
    return run


def ended(run: RunAccepted, status: str = "succeeded", at: float = 2000.0) -> Any:
    """Return that a run has ended."""
    return happening(run.run_id, ending=Ending(status, None, EMPTY_LIST, at))


# ---- acceptance


def test_a_run_is_read_as_it_was_accepted(store: Store) -> None:
    """Nothing that a run is rebuilt from is lost."""
    parent = ParentItem("run-parent", ItemKey("calls", 2, 41), 3, data({"run_id": "run-parent", "depth": 1}))
    accepted(store, run_id="run-before")
    run = accepted(
        store,
        parameters=data({"hosts": ["a", "ß"], "most": 2**64 - 1, "share": -0.0}),
        accepted_at=1732608000.123456,
        parent=parent,
        depth=2,
        idempotency=Idempotency("key", "digest"),
        rerun=Rerun("run-before", "failed_items"),
    )
    found = store.reader.accepted(run.run_id)
    assert found is not None
    assert found.workflow.ref == PROBING.ref
    assert found.workflow.tasks.keys() == PROBING.tasks.keys()
    assert type(found.parameters) is FrozenDict
    for field in ("run_id", "parameters", "accepted_at", "secret", "parent", "depth", "idempotency", "rerun"):
        assert same(getattr(found, field), getattr(run, field)), field


def test_a_run_that_needs_nothing_is_read_too(store: Store) -> None:
    """Optional fields may be left out."""
    run = accepted(store)
    found = store.reader.accepted(run.run_id)
    assert found is not None
    assert (found.parent, found.idempotency, found.rerun, found.depth, found.secret) == (None, None, None, 0, False)
    assert not found.surroundings.config
    assert not found.surroundings.keystore


def test_what_is_not_there_is_nothing(store: Store) -> None:
    """An id that no run has is no error, nor is a text that no database could hold."""
    for run_id in ("missing", "", "nul\0", "half \ud800 a pair", "' OR 1=1 --"):
        assert store.reader.accepted(run_id) is None
        assert store.reader.run(run_id) is None
        assert store.reader.end(run_id) is None
        assert store.reader.find(run_id) is None
        assert store.reader.entries(run_id, 0, 10) == []
        assert store.reader.children(run_id) == []
        assert store.reader.tasks(run_id) == []
        assert store.reader.items(run_id, ItemQuery(task=run_id, outcome=run_id)).items == ()
        assert store.reader.runs(RunQuery(status=run_id, workflow=run_id)).runs == ()


def test_a_definition_is_stored_once(store: Store) -> None:
    """A thousand runs of a workflow share its text, and as they are read, the object."""
    runs = [acceptance(), acceptance(workflow=probing()), acceptance(workflow=probing("tests.other"))]
    store.writer.write(runs)
    store.writer.write([acceptance()])
    assert rows_of(store, "definitions") == 2
    found = [store.reader.accepted(run.run_id) for run in runs]
    assert [each.workflow.ref for each in found if each] == ["tests.probe", "tests.probe", "tests.other"]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].workflow is found[1].workflow


# ---- idempotency


def keyed(key: str, fingerprint: str = "digest", **given: Any) -> RunAccepted:
    """Return that a run was accepted with a client's key."""
    return acceptance(idempotency=Idempotency(key, fingerprint), **given)


def test_a_key_stands_for_its_first_run(store: Store) -> None:
    """The same key gives the same run, and whether the request was the same; nothing of the later one is written."""
    first, again, other = keyed("k"), keyed("k"), keyed("k", "another digest")
    assert store.writer.write([first]) == []
    assert store.writer.write([again, happening(again.run_id, completed())]) == [
        AlreadyAccepted(again.run_id, first.run_id, same_request=True)
    ]
    assert store.writer.write([other]) == [AlreadyAccepted(other.run_id, first.run_id, same_request=False)]
    assert store.reader.find("k") == first.run_id
    assert store.reader.find("another") is None
    assert rows_of(store, "runs") == rows_of(store, "run_inputs") == 1
    assert rows_of(store, "entries") == 0


def test_a_key_counts_within_one_transaction(store: Store) -> None:
    """Two requests that arrive together are one run, and what else has gathered is written."""
    runs = [keyed("a"), keyed("b"), keyed("a"), acceptance()]
    assert store.writer.write([*runs, happening(runs[1].run_id, completed())]) == [
        AlreadyAccepted(runs[2].run_id, runs[0].run_id, same_request=True)
    ]
    assert [each.run_id for each in unfinished(store.reader)] == [runs[0].run_id, runs[1].run_id, runs[3].run_id]
    assert store.reader.entries(runs[1].run_id, 0, 10) == [completed()]


def test_the_fingerprint_of_a_secret_request_is_encrypted(store: Store) -> None:
    """It could be used to guess the request; that it is the same is known all the same."""
    first, again = (keyed("k", SECRET, secret=True) for _ in range(2))
    store.writer.write([first])
    assert store.writer.write([again]) == [AlreadyAccepted(again.run_id, first.run_id, same_request=True)]
    found = store.reader.accepted(first.run_id)
    assert found is not None
    assert found.idempotency == Idempotency("k", SECRET)
    assert SECRET.encode() not in everything_in(store)


# ---- entries


def test_entries_are_read_as_they_were_written(store: Store) -> None:
    """In their order, in portions, each as it was."""
    run, other = accepted(store), accepted(store)
    entries: list[Entry] = [
        ItemStarted("probe", 1, 0, 1, 1.5),
        completed(0, {"status": "ok"}),
        failed(1, attempt=2),
        PauseRequested(2.5),
        SecretsLearned((SECRET,)),
    ]
    store.writer.write([happening(run.run_id, *entries[:2]), happening(other.run_id, completed(7))])
    store.writer.write([happening(run.run_id, *entries[2:4], first=2), happening(run.run_id, entries[4], first=4)])
    assert store.reader.entries(run.run_id, 0, 100) == entries
    assert store.reader.entries(run.run_id, 1, 2) == entries[1:3]
    assert store.reader.entries(run.run_id, 5, 2) == []
    assert store.reader.entries(other.run_id, 0, 100) == [completed(7)]


@given(st.lists(st.lists(ENTRIES, max_size=3)), st.booleans(), st.integers(1, 4))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_any_entries_come_back(store: Store, turns: list[list[Entry]], secret: bool, portion: int) -> None:
    """However they were written and are read, secret or not."""
    run = accepted(store, secret=secret)
    writes = []
    first = 0
    for turn in turns:
        writes.append(happening(run.run_id, *turn, first=first, secret=secret))
        first += len(turn)
    store.writer.write(writes)
    found: list[Entry] = []
    while part := store.reader.entries(run.run_id, len(found), portion):
        found += part
    assert same(found, [entry for turn in turns for entry in turn])


def test_an_entry_is_written_once(store: Store) -> None:
    """Two entries with one number are refused, and their transaction is rolled back."""
    run, other = accepted(store), accepted(store)
    store.writer.write([happening(run.run_id, completed(0))])
    with pytest.raises(Unrecordable, match=run.run_id):
        store.writer.write([happening(run.run_id, completed(1))])
    with pytest.raises(Unrecordable):
        store.writer.write([happening(other.run_id, completed(0)), happening(run.run_id, completed(1))])
    assert store.reader.entries(run.run_id, 0, 10) == [completed(0)]
    assert store.reader.entries(other.run_id, 0, 10) == []
    store.writer.write([happening(run.run_id, completed(1), first=1)])
    assert store.reader.entries(run.run_id, 0, 10) == [completed(0), completed(1)]


def test_a_refused_record_is_reported_with_its_run(store: Store) -> None:
    """A text that is none, an unknown run, an id that is taken: the run is named, and nothing was written."""
    run = accepted(store)
    broken = completed(failure=Failure("exception", "\udcff"), outcome="failed")
    for write in (happening(run.run_id, broken), happening("missing", completed()), acceptance(run.run_id)):
        with pytest.raises(Unrecordable, match=f"the run {write.run_id} cannot be recorded"):
            store.writer.write([acceptance(), write])
    assert rows_of(store, "runs") == 1
    assert rows_of(store, "entries") == 0


# ---- reports


def test_the_state_of_a_run_is_kept(store: Store) -> None:
    """The latest status holds, and with the end its time, output and errors."""
    run = accepted(store)
    row = store.reader.run(run.run_id)
    assert row is not None
    assert (row.status, row.accepted_at, row.ended_at) == ("running", 1000.0, None)
    store.writer.write([happening(run.run_id, status="paused"), happening(run.run_id, status="cancelling")])
    row = store.reader.run(run.run_id)
    assert row is not None
    assert row.status == "cancelling"
    store.writer.write([happening(run.run_id, completed())])
    assert store.reader.run(run.run_id) == row
    assert store.reader.end(run.run_id) is None
    output, errors = data({"count": 2}), freeze([{"code": "cancelled"}])
    store.writer.write([happening(run.run_id, ending=Ending("cancelled", output, errors, 1009.5))])  # type: ignore[arg-type]
    assert store.reader.run(run.run_id) == RunRow(
        id=run.run_id,
        workflow="tests.probe",
        status="cancelled",
        accepted_at=1000.0,
        ended_at=1009.5,
        parent=None,
        rerun_of=None,
        rerun_scope=None,
        rerun_task=None,
        origin="owner",
        labels={},
        child_count=0,
    )
    end = store.reader.end(run.run_id)
    assert end is not None
    assert (end.output, end.errors) == (output, errors)


def test_a_run_without_output_has_none(store: Store) -> None:
    """None and an empty object differ."""
    run, other = accepted(store), accepted(store)
    store.writer.write([ended(run), happening(other.run_id, ending=Ending("failed", data({}), EMPTY_LIST, 1.0))])
    without, empty = store.reader.end(run.run_id), store.reader.end(other.run_id)
    assert without is not None
    assert without.output is None
    assert empty is not None
    assert empty.output == {}


def test_tasks_are_kept_as_they_stand(store: Store) -> None:
    """The latest state of each visit holds, within a transaction too, in the order of their start."""
    run = accepted(store)
    done = TaskState("probe", 1, "failed", 10.0, 12.0, 5, 3, 2)
    store.writer.write(
        [
            happening(
                run.run_id, tasks=(TaskState("tidy", 1, "running", 11.0), TaskState("probe", 1, "running", 10.0))
            ),
            happening(run.run_id, tasks=(TaskState("probe", 2, "running", 13.0), done)),
        ]
    )
    store.writer.write([happening(run.run_id, tasks=(TaskState("tidy", 1, "succeeded", 11.0, 14.0, 1, 1),))])
    rows = store.reader.tasks(run.run_id)
    assert [(row.task, row.visit, row.status, row.ended_at) for row in rows] == [
        ("probe", 1, "failed", 12.0),
        ("tidy", 1, "succeeded", 14.0),
        ("probe", 2, "running", None),
    ]
    assert (rows[0].items, rows[0].succeeded, rows[0].failed) == (5, 3, 2)


def test_unfinished_runs_are_listed_in_the_order_of_their_acceptance(store: Store) -> None:
    """All of them, more than are read at once; those that have ended are not among them."""
    runs = [acceptance() for _ in range(1103)]
    store.writer.write(runs)
    child = accepted(store, parent=ParentItem(runs[0].run_id, ItemKey("calls", 1, 0), 1, data({})), accepted_at=5.0)
    store.writer.write([ended(run) for run in runs[1::2]])
    assert unfinished(store.reader) == [
        *(Unfinished(run.run_id, "tests.probe", 1000.0, None) for run in runs[::2]),
        Unfinished(child.run_id, "tests.probe", 5.0, runs[0].run_id),
    ]


def test_a_slow_reader_holds_up_nothing(store: Store) -> None:
    """While somebody goes through the unfinished runs, others are read, accepted and ended."""
    runs = [accepted(store) for _ in range(3)]
    seen: list[str] = []
    for each in unfinished(store.reader):
        store.writer.write([ended(runs[len(seen)])])
        assert store.reader.accepted(each.run_id) is not None
        seen.append(each.run_id)
    assert seen == [run.run_id for run in runs]


def test_children_are_listed_with_their_items(store: Store) -> None:
    """Which item of the parent's each performs, in which try, and whether it has ended."""
    run = accepted(store)
    keys = [ItemKey("calls", 1, 3), ItemKey("calls", 1, 4)]
    children = [accepted(store, parent=ParentItem(run.run_id, key, 2, data({})), depth=1) for key in keys]
    store.writer.write([ended(children[0])])
    assert store.reader.children(run.run_id) == [
        Child(children[0].run_id, keys[0], 2, 1000.0, 2000.0),
        Child(children[1].run_id, keys[1], 2, 1000.0),
    ]
    assert store.reader.children(children[0].run_id) == []


def test_runs_are_paged_newest_first(store: Store) -> None:
    """A page follows the one before, whatever has been accepted meanwhile; no run is missing, none comes twice."""
    runs = [acceptance(workflow=probing(f"tests.{number % 2}"), accepted_at=float(-number)) for number in range(7)]
    store.writer.write(runs)
    store.writer.write([ended(run) for run in runs[:5]])
    newest_first = [run.run_id for run in reversed(runs)]
    page = store.reader.runs(RunQuery(limit=3))
    assert [row.id for row in page.runs] == newest_first[:3]
    accepted(store)
    found = [row.id for row in page.runs]
    while page.next is not None:
        page = store.reader.runs(RunQuery(limit=3, cursor=page.next))
        found += [row.id for row in page.runs]
    assert found == newest_first
    both = RunQuery(status="succeeded", workflow="tests.1")
    assert [row.id for row in store.reader.runs(both).runs] == newest_first[3:6:2]
    assert store.reader.runs(RunQuery(workflow="tests.none")).runs == ()
    assert store.reader.counts() == {"succeeded": 5, "running": 3}


def test_items_are_paged_in_the_order_of_their_end(store: Store) -> None:
    """Every try that has ended, of one task or all, all or those without success; results are not read."""
    run = accepted(store)
    outcomes = ["succeeded", "failed", "timed_out", "succeeded", "cancelled", "abandoned", "failed"]
    tries = [
        completed(index, "x" * 100, outcome=outcome, task=("probe", "tidy")[index % 2], at=float(index))
        for index, outcome in enumerate(outcomes)
    ]
    store.writer.write([happening(run.run_id, PauseRequested(0.5), *tries)])
    page = store.reader.items(run.run_id, ItemQuery(limit=5))
    rest = store.reader.items(run.run_id, ItemQuery(limit=5, cursor=page.next))
    rows = [*page.items, *rest.items]
    assert rest.next is None
    assert [(row.number, row.index, row.outcome, row.task, row.at) for row in rows] == [
        (index + 1, index, outcome, ("probe", "tidy")[index % 2], float(index))
        for index, outcome in enumerate(outcomes)
    ]
    failures = store.reader.items(run.run_id, ItemQuery(outcome="failed")).items
    assert [row.index for row in failures] == [1, 2, 4, 5, 6]
    assert [row.index for row in store.reader.items(run.run_id, ItemQuery(outcome="timed_out")).items] == [2]
    assert [row.index for row in store.reader.items(run.run_id, ItemQuery(outcome="succeeded")).items] == [0, 3]
    assert [row.index for row in store.reader.items(run.run_id, ItemQuery(outcome="failed", task="tidy")).items] == [
        1,
        5,
    ]
    assert store.reader.entries(run.run_id, failures[0].number, 1) == [tries[1]]


def test_an_attempt_is_found_by_its_key(store: Store) -> None:
    """The last attempt of an item is the last of its newest visit, or of the visit that is named."""
    run = accepted(store)
    tries = [
        completed(0, "a"),
        failed(1),
        completed(1, "b", attempt=2),
        completed(0, "c", visit=2),
        failed(0, task="x"),
    ]
    store.writer.write([happening(run.run_id, *tries)])

    def number(task: str, index: int, visit: int | None = None) -> int | None:
        row = store.reader.last_attempt(run.run_id, task, index, visit)
        return None if row is None else row.number

    assert [number("probe", 0), number("probe", 0, 1), number("probe", 1), number("x", 0)] == [3, 0, 2, 4]
    assert [number("probe", 2), number("probe", 1, 2), number("no such task", 0), number("probe", 2**64)] == [None] * 4
    assert dict(store.reader.completions(run.run_id, [1, 4, 99])) == {1: tries[1], 4: tries[4]}
    assert dict(store.reader.completions(run.run_id, [])) == {}
    assert not store.reader.has_children(run.run_id)


def test_a_page_is_bounded(store: Store) -> None:
    """A page has at most MAX_PAGE rows, and at least one."""
    run = accepted(store)
    store.writer.write([happening(run.run_id, *map(completed, range(MAX_PAGE + 1)))])
    assert len(store.reader.items(run.run_id, ItemQuery(limit=10**9)).items) == MAX_PAGE
    assert len(store.reader.items(run.run_id, ItemQuery(limit=-1)).items) == 1
    first = store.reader.items(run.run_id, ItemQuery(limit=1))
    exactly = store.reader.items(run.run_id, ItemQuery(limit=MAX_PAGE, cursor=first.next))
    assert (len(exactly.items), exactly.next) == (MAX_PAGE, None)


def test_a_cursor_of_something_else_is_refused(store: Store) -> None:
    """A made-up one, or one of other pages."""
    run = accepted(store)
    store.writer.write([acceptance(), happening(run.run_id, completed(0), completed(1))])
    of_items = store.reader.items(run.run_id, ItemQuery(limit=1)).next
    for cursor in ("", "1", "abc", "ä", "=" * 50, str(of_items)):
        with pytest.raises(InvalidCursor):
            store.reader.runs(RunQuery(cursor=cursor))
    with pytest.raises(InvalidCursor):
        store.reader.items(run.run_id, ItemQuery(cursor=store.reader.runs(RunQuery(limit=1)).next))


# ---- secrets


def surrounded(**given: Any) -> RunEnvironment:
    """Return what a run is given, with secrets."""
    config, keystore = data({"url": "http://api", "token": SECRET}), data({"key": f"{SECRET}-too"})
    return RunEnvironment(**{"config": config, "keystore": keystore, "secret_config": frozenset({"token"}), **given})


def test_secrets_never_stand_in_a_store_in_clear(store: Store) -> None:
    """Not in parameters, results, failures, what was learned, or what surrounds a run; all of it can be read again."""
    secret = data({"token": SECRET})
    parent = ParentItem("run-parent", ItemKey("calls", 1, 0), 1, secret)
    run = accepted(store, parameters=secret, parent=parent, secret=True, surroundings=surrounded())
    open_run = accepted(store)
    entries = (completed(0, SECRET), failed(1, result=secret), completed(2), SecretsLearned((SECRET,)))
    store.writer.write([happening(run.run_id, *entries, secret=True)])
    store.writer.write([happening(open_run.run_id, SecretsLearned((SECRET,)), completed(1, "clear"))])
    assert SECRET.encode() not in everything_in(store)
    assert b'"clear"' in everything_in(store)
    found = store.reader.accepted(run.run_id)
    assert found is not None
    assert (found.secret, found.parameters, found.parent) == (True, secret, parent)
    assert store.reader.entries(run.run_id, 0, 10) == list(entries)
    assert store.reader.entries(open_run.run_id, 0, 10) == [SecretsLearned((SECRET,)), completed(1, "clear")]
    assert len(store.reader.items(run.run_id).items) == 3


def test_surroundings_are_stored_once_and_mask_again(store: Store) -> None:
    """Runs share what they are given; its mask is made again from what is secret in it."""
    runs = [acceptance(surroundings=surrounded()) for _ in range(3)]
    store.writer.write(runs)
    store.writer.write([acceptance(surroundings=surrounded(mask=Mask(["other"])))])
    assert rows_of(store, "surroundings") == 1
    first, second = (store.reader.accepted(run.run_id) for run in runs[:2])
    assert first is not None
    assert second is not None
    assert first.surroundings is second.surroundings
    given = first.surroundings
    expected = surrounded()
    assert (given.config, given.keystore, given.secret_config) == (
        expected.config,
        expected.keystore,
        expected.secret_config,
    )
    assert given.mask.text(f"GET http://api {SECRET}") == "GET http://api ******"
    assert given.mask.text(f"{SECRET}-too") == "******"


def test_without_a_key_nothing_secret_is_written(keyless: Store) -> None:
    """The run is refused by name with what is missing, and nothing was written; all else works."""
    run = accepted(keyless)
    for write in (
        acceptance(secret=True),
        acceptance(surroundings=surrounded()),
        happening(run.run_id, completed(0, 1), secret=True),
        happening(run.run_id, SecretsLearned((SECRET,))),
    ):
        with pytest.raises(StoreKeyMissing, match=f"{write.run_id} cannot be recorded: .*set the store's key file"):
            keyless.writer.write([write])
    keyless.writer.write([happening(run.run_id, completed())])
    assert keyless.reader.entries(run.run_id, 0, 10) == [completed()]
    assert rows_of(keyless, "runs") == 1


def test_the_wrong_key_is_reported(store: Store, store_url: str) -> None:
    """Encrypted records need their key, and others can be read without it."""
    run = accepted(store, secret=True)
    store.writer.write([happening(run.run_id, completed(0, 1), secret=True)])
    for keyring, error in ((Keyring([new_key()]), WrongStoreKey), (None, StoreKeyMissing)):
        reader = type(store.reader)(store.reader._engine, keyring, store.url)
        with pytest.raises(error):
            reader.accepted(run.run_id)
        with pytest.raises(error):
            reader.entries(run.run_id, 0, 10)
        assert reader.run(run.run_id) is not None


# ---- many at once


def test_readers_see_whole_turns_only(store: Store) -> None:
    """A reader beside the writer sees a prefix of the written records, and never half a transaction."""
    run = accepted(store)
    turns = 40
    torn: list[int] = []
    over = threading.Event()

    def read() -> None:
        last = 0
        while not over.is_set():
            count = len(store.reader.entries(run.run_id, 0, 1000))
            if count % 5 or count < last:
                torn.append(count)
            last = count

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(turns):
        store.writer.write([happening(run.run_id, *map(completed, range(5)), first=turn * 5)])
    over.set()
    for reader in readers:
        reader.join()
    assert torn == []
    assert len(store.reader.entries(run.run_id, 0, 1000)) == turns * 5


@pytest.mark.parametrize("store_url", ["file", "postgres"], indirect=True)
def test_a_store_that_is_opened_again_goes_on(store_url: str) -> None:
    """All that was written is there, and runs that had begun go on being written."""
    with open_store(store_url, KEYRING) as before:
        run = accepted(before, secret=True)
        before.writer.write([happening(run.run_id, completed(0, "a"), secret=True)])
    with open_store(store_url, KEYRING) as after:
        after.writer.write([happening(run.run_id, completed(1, "b"), first=1, secret=True)])
        assert after.reader.entries(run.run_id, 0, 10) == [completed(0, "a"), completed(1, "b")]
        assert [each.run_id for each in unfinished(after.reader)] == [run.run_id]
