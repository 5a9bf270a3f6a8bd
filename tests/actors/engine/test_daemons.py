"""The daemons of a store are listed, and drained by any of them."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.engine import giving_up
from stretto.actors.engine.daemons import UnknownDaemon
from stretto.actors.engine.giving_up import BeginDrain
from stretto.actors.journal import EngineDrains, Happened, NoStore, Requester
from stretto.actors.journal.sql.writer import SqlWriter
from stretto.actors.outcome import EngineStopping
from stretto.actors.runs.ending import RunEnding
from stretto.definitions.conductor import IllegalTransition
from tests.support.engines import Bench
from tests.support.events import answer_of
from tests.support.waiting import PATIENCE

TREE = """
cancellation_policy: cancel_running
tasks: [{name: a, action: core.sleep, input: {seconds: 1000}, next: [{do: b}]}, {name: b, action: core.noop}]
"""

PARENT = "tasks: [{name: below, action: test.child, next: [{do: after}]}, {name: after, action: core.noop}]\n"
CHILD = "tasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n"


@pytest.fixture
def shared(start_bench: Callable[..., Bench], postgres_url: str) -> Callable[..., Bench]:
    """Return what starts one more engine of a store."""
    return lambda **settings: start_bench(store=postgres_url, store_lease=30, **settings)


def ask(bench: Bench, method: str, *arguments: Any, **keywords: Any) -> Any:
    return getattr(bench.proxy, method)(*arguments, **keywords).get(timeout=PATIENCE)


def number_of(bench: Bench) -> int:
    """Return the number of an engine in its store."""
    (number,) = [each["daemon"] for each in ask(bench, "daemons") if each["here"]]
    return int(number)


def wait_for_runs(bench: Bench, number: int) -> None:
    """Wait until an engine has claimed so many runs: it is notified, and answers in the order of its messages."""
    while ask(bench, "runs_in_progress") < number:
        pass


def test_all_daemons_of_a_store_are_listed(shared: Callable[..., Bench]) -> None:
    """With their runs, in the order of their starts."""
    first, second = shared(), shared()
    first.submit(TREE)
    found = ask(second, "daemons")
    assert [(each["daemon"], each["state"], each["runs"], each["here"]) for each in found] == [
        (number_of(first), "active", 1, False),
        (number_of(second), "active", 0, True),
    ]
    assert all(0 < each["lease_left"] < 31 for each in found), found
    one = ask(first, "daemon", number_of(second))
    assert (one["daemon"], one["here"]) == (number_of(second), False)
    with pytest.raises(UnknownDaemon, match=f"there is no daemon 1000; there are: {number_of(first)}, "):
        ask(first, "daemon", 1000)


def test_the_only_daemon_of_a_file_has_no_lease(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    bench = start_bench(store=sqlite_url)
    (only,) = ask(bench, "daemons")
    assert (only["state"], only["lease_left"], only["here"]) == ("active", None, True)
    with pytest.raises(IllegalTransition, match="no other active daemon is there to take its runs"):
        ask(bench, "drain_daemon", only["daemon"])


def test_an_engine_without_a_store_knows_no_daemons(bench: Bench) -> None:
    with pytest.raises(NoStore):
        ask(bench, "daemons")


@pytest.mark.parametrize("asked", [0, 1], ids=["itself", "by another"])
def test_a_drained_daemon_gives_its_runs_to_the_others(shared: Callable[..., Bench], asked: int) -> None:
    """At once, by a notification. It accepts no more, and still answers."""
    first, second = benches = shared(), shared()
    run, number = first.submit(TREE), number_of(first)
    ask(benches[asked], "drain_daemon", number, by=Requester(who="ann", via="cli", source="local"))
    wait_for_runs(second, 1)
    assert ask(first, "runs_in_progress") == 0
    assert [(each["state"], each["runs"]) for each in ask(first, "daemons")] == [("draining", 0), ("active", 1)]
    with pytest.raises(EngineStopping, match="the daemon is being drained"):
        first.submit(TREE)
    ask(first, "cancel", run.id)
    entries = ask(second, "audit")["entries"]
    assert ("ann", "drain_daemon", str(number)) in {
        (each["who"], each["operation"], each["target"]) for each in entries
    }
    ask(first, "drain_daemon", number)  # once more
    with pytest.raises(IllegalTransition, match="no other active daemon"):
        ask(first, "drain_daemon", number_of(second))


def test_of_two_daemons_that_are_drained_at_once_one_goes_on(shared: Callable[..., Bench]) -> None:
    """Each one saw the other one active when it was asked."""
    first, second = benches = shared(), shared()
    run = first.submit(TREE)
    answers: list[Deferred] = []
    for bench in benches:
        answers.append(Deferred())
        bench.proxy.actor_ref.tell(BeginDrain(answers[-1], None))
    refused = []
    for answer in answers:
        try:
            answer_of(answer)
        except IllegalTransition as error:
            refused.append(str(error))
    assert len(refused) == 1
    assert "no other active daemon is there to take its runs" in refused[0]
    states = [each["state"] for each in ask(first, "daemons")]
    assert sorted(states) == ["active", "draining"]
    active = benches[states.index("active")]
    wait_for_runs(active, 1)
    ask(second, "cancel", run.id)


def test_a_daemon_that_stops_gives_up_each_run_when_it_is_parked(shared: Callable[..., Bench]) -> None:
    """Not only at its end, which waits for the last one."""
    first, second = shared(), shared()
    first.submit(TREE)
    paused = first.submit("tasks: [{name: a, action: core.noop, delay: 1000}]\n")
    ask(first, "pause", paused.id)
    stopped = first.proxy.stop(grace=None)
    wait_for_runs(second, 1)
    assert ask(second, "run_ids") == (paused.id,)
    first.proxy.stop(grace=0).get(timeout=PATIENCE)
    stopped.get(timeout=PATIENCE)
    wait_for_runs(second, 2)


def test_a_tree_is_given_up_when_its_last_run_ends(
    shared: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a sub-workflow was being written as the runs were abandoned."""
    begun, may_go, write = threading.Event(), threading.Event(), SqlWriter.write

    def held(writer: SqlWriter, writes: Any, more: Any = ()) -> Any:
        if any(isinstance(each, Happened) and each.ending is not None for each in writes):
            begun.set()
            assert may_go.wait(PATIENCE)
        return write(writer, writes, more)

    (tmp_path / "workflows").mkdir()
    for name, text in {"parent": PARENT, "child": CHILD}.items():
        (tmp_path / "workflows" / f"{name}.yaml").write_text(f'ref: test.{name}\nversion: "1.0.0"\n{text}')
    settings = {"definitions": str(tmp_path / "workflows")}
    first, second = shared(**settings), shared(**settings)
    run = ask(first, "submit", "test.parent")
    wait_for_runs(first, 2)
    (child,) = {*ask(first, "run_ids")} - {run.id}
    monkeypatch.setattr(SqlWriter, "write", held)
    try:
        first.proxy.skip_item(child, "a", 0)
        assert begun.wait(PATIENCE)
        first.proxy.actor_ref.tell(giving_up._DrainRecorded(Deferred()))
        while ask(first, "run_ids") != (child,):  # its parent is parked soon
            pass
    finally:
        may_go.set()
    wait_for_runs(second, 1)
    assert ask(second, "run_ids") == (run.id,)


def test_a_run_whose_supervisor_crashes_in_a_drain_is_given_away(
    shared: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = shared(), shared()
    run, park = first.submit(TREE), RunEnding.park

    def broken(self: RunEnding, *given: Any) -> None:
        monkeypatch.setattr(RunEnding, "park", park)
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(RunEnding, "park", broken)
    ask(first, "drain_daemon", number_of(first))
    wait_for_runs(second, 1)
    assert ask(first, "run_ids") == ()
    ask(second, "cancel", run.id)


def test_a_drain_that_is_recorded_behind_the_end_of_an_engine_harms_no_record(
    shared: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is there to be notified."""
    begun, may_go, write = threading.Event(), threading.Event(), SqlWriter.write

    def held(writer: SqlWriter, writes: Any, more: Any = ()) -> Any:
        if any(isinstance(each, EngineDrains) for each in writes):
            begun.set()
            assert may_go.wait(PATIENCE)
        return write(writer, writes, more)

    first, _second = shared(), shared()
    monkeypatch.setattr(SqlWriter, "write", held)
    drained, engine = Deferred(), first.proxy.actor_ref
    engine.tell(BeginDrain(drained, None))
    assert begun.wait(PATIENCE)
    stopped = first.proxy.stop(grace=0)
    while engine.is_alive():  # its journal is stopped behind it
        pass
    may_go.set()
    stopped.get(timeout=PATIENCE)
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []


def test_runs_that_were_claimed_as_a_drain_began_are_given_away(shared: Callable[..., Bench]) -> None:
    """The claim is committed, and its message comes behind the drain."""
    first, second = shared(), shared()
    run = second.submit(TREE)
    ask(first, "drain_daemon", number_of(first))
    first.proxy.host.services().get(timeout=PATIENCE).journal._claims_stopped = False
    ask(second, "stop", grace=0)
    third = shared()
    wait_for_runs(third, 1)
    assert ask(first, "runs_in_progress") == 0
    ask(third, "cancel", run.id)
