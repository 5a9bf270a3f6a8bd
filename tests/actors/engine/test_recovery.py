"""Runs that an engine takes up again: hundreds at its start, those that it cannot, crashed ones, and reruns."""

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest
from sqlalchemy import Engine

from stretto.actors import action
from stretto.actors.engine.recovery import RunRestarting
from stretto.actors.engine.recovery_queue import MAX_RESTARTS, RECOVERED_AT_ONCE, RecoveryQueue
from stretto.actors.history.offline import OfflineRuns
from stretto.actors.history.replay import READ_AT_ONCE
from stretto.actors.journal.encryption import new_key
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Ending
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import StoreUnavailable
from stretto.actors.outcome import EngineStopping, Outcome, RunWasParked, UnknownRun
from stretto.actors.runs.messages import ExplainWaits
from stretto.actors.runs.recovering import RecoveringSupervisor
from stretto.actors.runs.supervisor import RunSupervisor
from stretto.definitions.conductor import CancelRequested, IllegalTransition, NothingToRerun, PauseRequested
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.conducted import Conducted
from tests.support.counted_sql import counting
from tests.support.engines import Bench, outcome_of
from tests.support.recording import completed, happening
from tests.support.waiting import PATIENCE, Inbox, drain, messages_of

PARENT = """
ref: recovered.parent
tasks:
  - {name: call, action: recovered.child, with_items: [1, 2], concurrency: 2, input: {value: "{{ item }}"}}
output_map: {all: "{{ task.call.result }}"}
"""
CHILD = """
ref: recovered.child
parameters: {value: {}}
tasks:
  - {name: one, action: recovered.work, input: {value: "{{ parameters.value }}"}, next: [{do: [two]}]}
  - {name: two, action: recovered.work, input: {value: "{{ parameters.value * 10 }}"}}
output_map: {value: "{{ task.two.result }}"}
"""
GATED = """
ref: recovered.gated
tasks: [{name: wait, action: recovered.gate, input: {value: 1}, next: [{do: [more]}]}, {name: more, action: core.noop}]
output_map: {value: "{{ task.wait.result }}"}
"""
CALL = """
ref: recovered.call
tasks: [{name: call, action: recovered.gated}]
output_map: {got: "{{ task.call.result }}"}
"""
DONE: Counter[Any] = Counter()
BEGUN = threading.Semaphore(0)
GATE = threading.Semaphore(0)


@action("recovered.work")
def work(value: Any) -> Any:
    """Count what was done."""
    DONE[value] += 1
    return value


@action("recovered.gate")
def gate(value: Any) -> Any:
    """Wait to be let through."""
    BEGUN.release()
    assert GATE.acquire(timeout=PATIENCE)
    return value


@pytest.fixture(autouse=True)
def gates() -> Iterator[None]:
    DONE.clear()
    drain(BEGUN, GATE)
    yield
    GATE.release(100)


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """Return a store to be filled as an earlier engine has; to be closed before one is started."""
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as opened:
        yield opened


@pytest.fixture
def start(start_bench: Callable[..., Bench], tmp_path: Path, sqlite_url: str) -> Callable[..., Bench]:
    """Start an engine on the store, with definitions of sub-workflows."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    for name, definition in (("child", CHILD), ("gated", GATED)):
        (folder / f"{name}.yaml").write_text(f'version: "1.0.0"\n{definition}')
    return lambda **settings: start_bench(store=sqlite_url, definitions=str(folder), **settings)


def ended(bench: Bench, run_id: str) -> Outcome:
    return outcome_of(bench.proxy.handle(run_id).get(timeout=PATIENCE))


def counted(bench: Bench, counter: str) -> int:
    """Return how often an engine has counted something."""
    instruments = bench.proxy.host.services().get(timeout=PATIENCE).instruments
    return int(getattr(instruments, counter).value)


class Watched:
    """How a recovery went: the most runs at work, and what was read of entries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = 0
        self.reads: list[tuple[str, int, int]] = []
        load_next, entries = RecoveryQueue._load_next, SqlReader.entries

        def watched_load_next(queue: RecoveryQueue) -> None:
            load_next(queue)
            self.most = max(self.most, len(queue._loading))

        def watched_entries(reader: SqlReader, run_id: str, first: int, most: int) -> Any:
            self.reads.append((run_id, first, most))
            return entries(reader, run_id, first, most)

        monkeypatch.setattr(RecoveryQueue, "_load_next", watched_load_next)
        monkeypatch.setattr(SqlReader, "entries", watched_entries)


LONG = 2 * READ_AT_ONCE + 3
READS_A_RUN = 5
"""Its acceptance, its children, its open inquiries, its entries, the last version of its context's names."""
MANY = f"""
ref: recovered.many
tasks: [{{name: many, action: recovered.work, with_items: "{{{{ range({LONG}) | list }}}}", concurrency: {LONG},
          input: {{value: "{{{{ item }}}}"}}}}]
output_map: {{sum: "{{{{ task.many.result | sum }}}}"}}
"""


def left_behind(store: Store, families: int) -> list[str]:
    """Write parents into the store, each with two children of which one has done half of its work; return their ids."""
    parents = []
    for _ in range(families):
        parent = Conducted(store, PARENT)
        Conducted(store, CHILD, {"value": 1}, parent=parent, of_item=("call", 0)).succeed("one", result=1)
        Conducted(store, CHILD, {"value": 2}, parent=parent, of_item=("call", 1))
        parents.append(parent.id)
    return parents


def test_hundreds_of_runs_are_rebuilt_a_few_at_a_time(
    store: Store, start: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parents and children among them; entries are read in portions, and what was done is not done again."""
    parents = left_behind(store, 100)
    run = Conducted(store, MANY)
    entries = [completed(index, index, task="many") for index in range(LONG - 1)]
    store.writer.write([happening(run.id, *entries)])
    store.close()
    watched = Watched(monkeypatch)
    bench = start()
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    assert watched.most == RECOVERED_AT_ONCE
    of_many = [(first, most) for run_id, first, most in watched.reads if run_id == run.id]
    assert of_many == [(first, READ_AT_ONCE) for first in (0, READ_AT_ONCE, 2 * READ_AT_ONCE)]
    assert len(watched.reads) == 3 * len(parents) + len(of_many), "each other run's entries are one portion"
    for parent in parents:
        assert ended(bench, parent).output == {"all": [{"value": 10}, {"value": 20}]}
    assert ended(bench, run.id).output == {"sum": sum(range(LONG))}
    assert DONE == {10: 100, 2: 100, 20: 100, LONG - 1: 1}


WAITS = "ref: recovered.waits\ntasks: [{name: wait, action: core.noop, delay: 1000}]\n"


def test_what_is_read_of_a_recovered_run_does_not_grow_with_the_number_of_runs(
    tmp_path: Path, start_bench: Callable[..., Bench]
) -> None:
    """Recovery is linear: of each run it reads the same few rows, and searches no table."""
    costs = []
    for count in (20, 40, 120):
        url = f"sqlite:///{tmp_path}/{count}.db"
        with open_store(url, keyring_for(url, None)) as store:
            for _ in range(count):
                Conducted(store, WAITS, at=time.time())
        with counting(Engine) as counted:
            bench = start_bench(store=url)
            bench.proxy.host.recovered().get(timeout=PATIENCE)
        assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) == count
        reads = [each for each in counted.statements if each.startswith("SELECT")]
        definitions = [each for each in reads if each.startswith("SELECT definitions.")]
        assert 1 <= len(definitions) <= RECOVERED_AT_ONCE  # one, unless others ask for it before it is known
        # A group of runs is noted together, which reads their numbers once. Its size depends on who is quicker.
        groups = [each for each in reads if "runs.id IN (" in each]
        costs.append((len(reads) - len(definitions) - len(groups), counted.steps))
    (first_reads, first_steps), (second_reads, second_steps), (third_reads, third_steps) = costs
    assert second_reads - first_reads == 20 * READS_A_RUN
    assert third_reads - second_reads == 80 * READS_A_RUN
    assert third_steps - second_steps <= 1.5 * 4 * (second_steps - first_steps)


def test_runs_are_accepted_and_end_while_others_are_recovered(
    store: Store, start: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request waits for no run that is still to be recovered."""
    for _ in range(2 * RECOVERED_AT_ONCE):
        Conducted(store, WAITS, at=time.time())
    store.close()
    go, accepted = threading.Event(), SqlReader.accepted

    def held(reader: SqlReader, run_id: str) -> Any:
        assert go.wait(PATIENCE)
        return accepted(reader, run_id)

    monkeypatch.setattr(SqlReader, "accepted", held)
    bench = start()
    recovered = bench.proxy.host.recovered()
    assert outcome_of(bench.submit(CHILD, {"value": 1})).output == {"value": 10}
    with pytest.raises(pykka.Timeout):
        recovered.get(timeout=0)
    go.set()
    recovered.get(timeout=PATIENCE)
    assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) == 2 * RECOVERED_AT_ONCE


DAMAGE = {
    "definition": (
        "UPDATE definitions SET body = x'7b' WHERE digest = (SELECT definition FROM runs WHERE id = :id)",
        "a stored definition:1:1: error: cannot read the stored definition",
    ),
    "inputs": ("DELETE FROM run_inputs WHERE run = (SELECT number FROM runs WHERE id = :id)", "there is no run "),
    "entry": (
        "UPDATE entries SET body = x'7b' WHERE run = (SELECT number FROM runs WHERE id = :id)",
        "an entry (item_completed) in the store is damaged",
    ),
    "gap": (
        "UPDATE entries SET number = 7 WHERE run = (SELECT number FROM runs WHERE id = :id)",
        "the entry 0 of the run ",
    ),
    "kind": (
        "UPDATE entries SET kind = 'news' WHERE run = (SELECT number FROM runs WHERE id = :id)",
        "an entry in the store has the unknown kind 'news'",
    ),
    "rerun": (
        "UPDATE runs SET rerun_of = 'gone', rerun_scope = 'failed_items' WHERE id = :id",
        "the run 'gone', which this run repeats, is not in the store",
    ),
}


def test_a_run_that_cannot_be_rebuilt_fails_with_the_reason_and_harms_no_other(
    store: Store, start: Callable[..., Bench], tmp_path: Path
) -> None:
    """Whatever is wrong with its rows: definition, inputs, entries, or the run that it does again."""
    runs = {}
    for name in (*DAMAGE, "nothing"):
        runs[name] = Conducted(store, CHILD.replace("child", name), {"value": 1})
        runs[name].succeed("one", result=1)
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as connection:
        for name, (statement, _) in DAMAGE.items():
            assert connection.execute(statement, {"id": runs[name].id}).rowcount == 1
    bench = start()
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    for name, (_, reason) in DAMAGE.items():
        outcome = ended(bench, runs[name].id)
        assert (outcome.status, outcome.errors[0]["code"]) == ("failed", "recovery_failed"), name
        assert outcome.errors[0]["message"].startswith(f"the run cannot be recovered: {reason}")
    assert ended(bench, runs["nothing"].id).output == {"value": 10}
    assert DONE == {10: 1}


def test_the_children_of_a_run_that_cannot_be_rebuilt_end_before_recovery_is_over(
    store: Store, start: Callable[..., Bench], tmp_path: Path
) -> None:
    """No item waits for them."""
    parent = Conducted(store, PARENT)
    child = Conducted(store, CHILD, {"value": 1}, parent=parent, of_item=("call", 0))
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM run_inputs WHERE run = (SELECT number FROM runs WHERE id = ?)", (parent.id,))
    bench = start()
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    assert counted(bench, "runs_recovered") == 1
    assert ended(bench, child.id).status == "cancelled"
    assert not DONE


def end(store: Store, run: Conducted, status: str = "failed") -> None:
    """Write a run's end, whatever it was doing."""
    store.writer.write([happening(run.id, ending=Ending(status, None, EMPTY_LIST, run.at), status=status)])


def test_a_sub_workflow_whose_parent_has_ended_or_does_not_wait_for_it_ends(
    store: Store, start: Callable[..., Bench]
) -> None:
    """As if it had been cancelled: its item ended without it, as the last engine did."""
    gone, waiting = Conducted(store, PARENT), Conducted(store, PARENT)
    of_gone = Conducted(store, CHILD, {"value": 1}, parent=gone, of_item=("call", 0))
    late = Conducted(store, CHILD, {"value": 1}, parent=waiting, of_item=("call", 0))
    awaited = Conducted(store, CHILD, {"value": 2}, parent=waiting, of_item=("call", 1))
    end(store, gone)
    waiting.fail("call", 0, "it took longer than 1 s")
    store.close()
    bench = start()
    assert [ended(bench, run.id).status for run in (of_gone, late, awaited)] == ["cancelled", "cancelled", "succeeded"]
    assert DONE == {2: 1, 20: 1}
    assert ended(bench, waiting.id).output == {"all": [None, {"value": 20}]}


class Crashes:
    """Has supervisors crash when they are asked why, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        waits = RunSupervisor._waits

        def crashing(supervisor: RunSupervisor, message: Any) -> Any:
            if self.left:
                self.left -= 1
                raise ZeroDivisionError("a fault of the supervisor's")
            return waits(supervisor, message)

        for kind in (RunSupervisor, RecoveringSupervisor):
            monkeypatch.setitem(kind._message_handlers, ExplainWaits, crashing)
        monkeypatch.setattr("stretto.actors.engine.recovery.FIRST_RESTART_SECONDS", 0.001)


@pytest.fixture
def crashes(monkeypatch: pytest.MonkeyPatch) -> Crashes:
    return Crashes(monkeypatch)


def test_a_request_that_crashes_its_supervisor_is_answered(start: Callable[..., Bench], crashes: Crashes) -> None:
    """With what to do; the run is rebuilt and answers the next one, and goes on."""
    bench = start()
    run = bench.submit(GATED)
    assert BEGUN.acquire(timeout=PATIENCE)
    crashes.left = 1
    with pytest.raises(RunRestarting, match="the request may have taken effect"):
        bench.proxy.why(run.id).get(timeout=PATIENCE)
    assert BEGUN.acquire(timeout=PATIENCE), "the item runs again"
    (reason,) = bench.proxy.why(run.id, "wait").get(timeout=PATIENCE)
    assert reason["kind"] == "item_in_flight"
    GATE.release(2)
    assert outcome_of(run).output == {"value": 1}
    assert counted(bench, "supervisor_restarts") == 1


def test_questions_that_wait_when_a_supervisor_crashes_are_answered_too(
    start: Callable[..., Bench], crashes: Crashes
) -> None:
    """All of them were asked of it."""
    bench = start()
    run = bench.submit(GATED)
    crashes.left = 1
    asked = [bench.proxy.why(run.id), *(bench.proxy.status(run.id) for _ in range(3))]
    for question in asked:
        with contextlib.suppress(RunRestarting):  # those behind it may have been asked of the next one
            question.get(timeout=PATIENCE)
    GATE.release(2)
    assert outcome_of(run).status == "succeeded"


def test_a_run_that_crashes_for_good_ends_with_its_children(start: Callable[..., Bench], crashes: Crashes) -> None:
    """Questions are answered from its end, and requests get its error; the run of its item is cancelled."""
    bench = start()
    run = bench.submit(CALL)
    assert BEGUN.acquire(timeout=PATIENCE)
    (child_id,) = set(bench.proxy.run_ids().get(timeout=PATIENCE)) - {run.id}
    child = bench.proxy.handle(child_id).get(timeout=PATIENCE)
    crashes.left = MAX_RESTARTS + 1
    for _ in range(MAX_RESTARTS):
        with pytest.raises(RunRestarting):
            bench.proxy.why(run.id).get(timeout=PATIENCE)
    assert [each["kind"] for each in bench.proxy.why(run.id).get(timeout=PATIENCE)] == ["ended", "error"]
    with pytest.raises(IllegalTransition, match=r"it has ended \(failed\)"):
        bench.proxy.pause(run.id).get(timeout=PATIENCE)
    (error,) = outcome_of(run).errors
    assert (error["code"], error["message"]) == ("supervisor_crashed", "ZeroDivisionError: a fault of the supervisor's")
    GATE.release()
    assert outcome_of(child).status == "cancelled"


def test_a_supervisor_that_is_rebuilt_has_its_children_again(start: Callable[..., Bench], crashes: Crashes) -> None:
    """They have gone on meanwhile."""
    bench = start()
    run = bench.submit(CALL)
    assert BEGUN.acquire(timeout=PATIENCE)
    crashes.left = 1
    with pytest.raises(RunRestarting):
        bench.proxy.why(run.id).get(timeout=PATIENCE)
    (reason,) = bench.proxy.why(run.id, "call").get(timeout=PATIENCE)
    assert reason["kind"] == "sub_workflow"
    GATE.release()
    assert outcome_of(run).output == {"got": {"value": 1}}


def test_a_run_that_crashes_whenever_it_is_rebuilt_fails_before_recovery_is_over(
    store: Store, start: Callable[..., Bench], crashes: Crashes
) -> None:
    """Here its entries are not what can happen to a run."""
    run = Conducted(store, CHILD, {"value": 1})
    store.writer.write([happening(run.id, CancelRequested(1001.0), PauseRequested(1002.0))])
    store.close()
    bench = start()
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    (error,) = ended(bench, run.id).errors
    assert (error["code"], error["message"]) == (
        "supervisor_crashed",
        "IllegalTransition: cannot pause what is cancelling",
    )
    assert bench.proxy.host.services().get().instruments.supervisor_restarts.value == MAX_RESTARTS


class Unreadable:
    """Has a reader's method say so many times that the store cannot be read; `asked` before it does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        self.times = 2
        self.asked = threading.Semaphore(0)
        self.goes_on = threading.Semaphore(100)
        original = getattr(SqlReader, method)

        def unreadable(reader: SqlReader, *given: Any) -> Any:
            if not self.times:
                return original(reader, *given)
            self.times -= 1
            self.asked.release()
            assert self.goes_on.acquire(timeout=PATIENCE)
            raise StoreUnavailable("the disk is away")

        monkeypatch.setattr(SqlReader, method, unreadable)
        monkeypatch.setattr("stretto.actors.engine.recovery.FIRST_RESTART_SECONDS", 0.001)


@pytest.mark.parametrize("method", ["accepted", "entries"])
def test_a_run_that_cannot_be_read_now_is_rebuilt_when_it_can(
    store: Store, start: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Recovery is over only then."""
    run = Conducted(store, CHILD, {"value": 1})
    store.close()
    unreadable = Unreadable(monkeypatch, method)
    bench = start()
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    assert not unreadable.times
    assert counted(bench, "runs_recovered") == 1
    assert ended(bench, run.id).output == {"value": 10}


def test_who_asks_a_run_that_cannot_be_read_gets_an_error(
    store: Store, start: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was to answer is gone."""
    run = Conducted(store, CHILD, {"value": 1})
    store.close()
    unreadable = Unreadable(monkeypatch, "entries")
    unreadable.times = 1
    unreadable.goes_on = threading.Semaphore(0)
    bench = start()
    assert unreadable.asked.acquire(timeout=PATIENCE)
    question = bench.proxy.status(run.id)
    bench.proxy.runs_in_progress().get(timeout=PATIENCE)  # answered behind it: the question is with the supervisor
    unreadable.goes_on.release()
    with pytest.raises(StoreUnavailable, match="cannot be read now: the disk is away"):
        question.get(timeout=PATIENCE)
    assert ended(bench, run.id).output == {"value": 10}


def test_an_engine_that_stops_leaves_what_waits_to_be_rebuilt(
    store: Store, start: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the next one, however it was read."""
    runs = [Conducted(store, CHILD, {"value": value}) for value in (1, 2)]
    store.close()
    unreadable = Unreadable(monkeypatch, "accepted")
    unreadable.goes_on = threading.Semaphore(0)
    bench = start()
    handles = [bench.proxy.handle(run.id).get(timeout=PATIENCE) for run in runs]
    for _ in runs:
        assert unreadable.asked.acquire(timeout=PATIENCE)
    stop = bench.proxy.stop()
    for handle in handles:
        with pytest.raises(RunWasParked):
            outcome_of(handle)
    unreadable.goes_on.release(2)
    stop.get(timeout=PATIENCE)
    second = start()
    assert [ended(second, run.id).output for run in runs] == [{"value": 10}, {"value": 20}]


def test_a_run_is_done_again_only_if_there_is_something_to_do(start: Callable[..., Bench]) -> None:
    """The error says why."""
    bench = start()
    running = bench.submit(GATED)
    ended_well = bench.submit(CHILD, {"value": 1})
    outcome_of(ended_well)
    for run_id, scope, error, expected in (
        (running.id, "everything", IllegalTransition, "it has not ended; cancel it first"),
        (ended_well.id, "failed_tasks", NothingToRerun, "nothing to rerun: no task failed"),
        (ended_well.id, "some", ValueError, "everything, failed_tasks, failed_items, items, got 'some'"),
        ("no-such-run", "everything", UnknownRun, "no-such-run"),
    ):
        with pytest.raises(error, match=expected):
            bench.proxy.rerun(run_id, scope).get(timeout=PATIENCE)
    GATE.release()
    outcome_of(running)


def test_a_rerun_that_is_read_as_the_engine_stops_is_refused(
    start: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no more runs."""
    bench = start()
    run = bench.submit(CHILD, {"value": 1})
    outcome_of(run)
    begun, goes_on = threading.Semaphore(0), threading.Semaphore(0)
    accepted = SqlReader.accepted

    def slow(reader: SqlReader, run_id: str) -> Any:
        begun.release()
        assert goes_on.acquire(timeout=PATIENCE)
        return accepted(reader, run_id)

    held = bench.submit(GATED)  # the engine does not end before it
    assert BEGUN.acquire(timeout=PATIENCE)
    monkeypatch.setattr(SqlReader, "accepted", slow)
    rerun = bench.proxy.rerun(run.id)
    assert begun.acquire(timeout=PATIENCE)
    stop = bench.proxy.stop()
    bench.proxy.runs_in_progress().get(timeout=PATIENCE)
    goes_on.release()
    with pytest.raises(EngineStopping):
        rerun.get(timeout=PATIENCE)
    GATE.release()
    outcome_of(held)
    stop.get(timeout=PATIENCE)


def test_a_supervisor_that_crashes_while_its_engine_drains_leaves_its_run(
    start: Callable[..., Bench], crashes: Crashes
) -> None:
    """Nothing is rebuilt any more; the next engine has it."""
    bench = start()
    run = bench.submit(GATED)
    assert BEGUN.acquire(timeout=PATIENCE)
    stop = bench.proxy.stop()
    crashes.left = 1
    with pytest.raises((RunRestarting, RunWasParked)):
        bench.proxy.why(run.id).get(timeout=PATIENCE)
    with pytest.raises(RunWasParked):
        outcome_of(run)
    GATE.release()
    stop.get(timeout=PATIENCE)
    GATE.release()
    assert ended(start(), run.id).output == {"value": 1}


def test_a_supervisor_that_is_rebuilt_learns_that_its_sub_workflow_is_paused(
    start: Callable[..., Bench], crashes: Crashes
) -> None:
    """The run that performs the item then hears it from the engine."""
    bench = start()
    run = bench.submit(CALL)
    assert BEGUN.acquire(timeout=PATIENCE)
    (child_id,) = set(bench.proxy.run_ids().get(timeout=PATIENCE)) - {run.id}
    watcher = Inbox.start()
    bench.proxy.watch(run.id, watcher).get(timeout=PATIENCE)
    bench.proxy.pause(child_id).get(timeout=PATIENCE)
    GATE.release()  # it is paused when nothing of it runs any more
    while messages_of(watcher).get(timeout=PATIENCE).status != "paused":
        pass
    watcher.stop()
    crashes.left = 1
    with pytest.raises(RunRestarting):
        bench.proxy.why(run.id).get(timeout=PATIENCE)
    assert bench.proxy.status(run.id).get(timeout=PATIENCE)["status"] == "paused"
    bench.proxy.resume(run.id).get(timeout=PATIENCE)
    assert outcome_of(run).output == {"got": {"value": 1}}


SECRETIVE = "parameters: {password: {secret: true}}\n" + PARENT


def test_runs_of_which_the_key_is_missing_wait_with_their_sub_workflows(
    store: Store, start: Callable[..., Bench], tmp_path: Path
) -> None:
    """They go on when an engine has it; those without secrets do at once."""
    parent = Conducted(store, SECRETIVE, {"password": "sesame"})
    child = Conducted(store, CHILD, {"value": 1}, parent=parent, of_item=("call", 0))
    other = Conducted(store, CHILD, {"value": 3})
    store.close()
    key = tmp_path / "store.db.key"
    kept = key.read_text()
    key.write_text(new_key())
    bench = start()
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    assert ended(bench, other.id).output == {"value": 30}
    statuses = [bench.proxy.status(run.id).get(timeout=PATIENCE)["status"] for run in (parent, child)]
    assert statuses == ["running", "running"]
    bench.proxy.stop().get(timeout=PATIENCE)
    key.write_text(kept)
    assert ended(start(), parent.id).output == {"all": [{"value": 10}, {"value": 20}]}


MANY_WAIT = """
ref: recovered.waits
tasks:
  - {name: late, delay: 100000, action: recovered.work, input: {value: late}, next: [{do: [fan]}]}
  - {name: fan, action: recovered.work, with_items: "{{ range(200) | list }}", concurrency: 200,
     input: {value: "{{ item }}"}, retry: {count: 1, delay: 100000}}
output_map: {sum: "{{ task.fan.result | sum }}"}
"""


def test_a_rerun_settles_what_it_keeps_without_waiting_and_performs_the_rest(
    store: Store, start: Callable[..., Bench]
) -> None:
    """Hundreds of items, some at a time; delays and retries of what is kept were waited for in the old run."""
    old = Conducted(store, MANY_WAIT)
    (delay,) = old.conductor.timers()
    old.on(delay.then)
    old.succeed("late", result="late")
    for index in range(200):
        old.succeed("fan", index, index) if index != 77 else old.fail("fan", index)
    (retry,) = old.conductor.timers()
    old.on(retry.then)
    old.fail("fan", 77)
    assert old.conductor.status == "failed"
    store.close()
    bench = start()
    run = bench.proxy.rerun(old.id, "failed_items").get(timeout=PATIENCE)
    assert outcome_of(run).output == {"sum": sum(range(200))}
    assert DONE == {77: 1}
    assert bench.proxy.status(old.id).get(timeout=PATIENCE)["status"] == "failed"
    shown = bench.proxy.runs().get(timeout=PATIENCE)["runs"][0]
    assert (shown["id"], shown["rerun_of"], shown["rerun_scope"]) == (run.id, old.id, "failed_items")


def test_a_rerun_of_chosen_items_that_no_engine_has_finished_goes_on(store: Store, start: Callable[..., Bench]) -> None:
    """With the items of its acceptance, and the failures that it has taken over; some are journaled, some are not."""
    old = Conducted(store, MANY_WAIT)
    (delay,) = old.conductor.timers()
    old.on(delay.then)
    old.succeed("late", result="late")
    for index in range(200):
        old.succeed("fan", index, index) if index not in {7, 77, 177} else old.fail("fan", index)
    for retry in old.conductor.timers():
        old.on(retry.then)
    for index in (7, 77, 177):
        old.fail("fan", index)
    assert old.conductor.status == "failed"
    new = OfflineRuns(store).rerun(old.id, "items", items={"fan": [[76, 77], 150]})
    store.close()
    bench = start()
    assert outcome_of(bench.proxy.handle(new).get(timeout=PATIENCE)).status == "failed"
    assert {index: count for index, count in DONE.items() if index != "late"} == {76: 1, 77: 1, 150: 1}
    failed = bench.proxy.items(new, "fan", "failed").get(timeout=PATIENCE)["items"]
    assert [each["index"] for each in failed] == [7, 177]


RETRIED = """
ref: recovered.retried
tasks: [{name: once, action: recovered.work, input: {value: 1}, retry: {count: 1, delay: 0.1}}]
"""
DELAYED = """
ref: recovered.delayed
tasks: [{name: late, delay: 0.1, action: recovered.work, input: {value: 2}}]
"""
TIMED = """
ref: recovered.timed
timeout: 0.1
tasks: [{name: late, delay: 100000, action: recovered.work, input: {value: 3}}]
"""


def test_a_wait_takes_no_longer_than_it_was_set_to_if_the_clock_was_set_back(
    store: Store, start: Callable[..., Bench]
) -> None:
    """Three hours between two engines: retries, delays and deadlines come after their duration at the latest."""
    ahead = time.time() + 3 * 3600
    retried = Conducted(store, RETRIED, at=ahead)
    retried.fail("once")
    delayed, timed = Conducted(store, DELAYED, at=ahead), Conducted(store, TIMED, at=ahead)
    for run in (retried, delayed, timed):
        assert all(each.then.at > time.time() + 3 * 3600 - 60 for each in run.conductor.timers())
    store.close()
    bench = start()
    assert [ended(bench, run.id).status for run in (retried, delayed, timed)] == ["succeeded", "succeeded", "failed"]
    assert DONE == {1: 1, 2: 1}
