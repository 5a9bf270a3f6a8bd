"""Runs in progress as their engine has them: how they begin or do not, call each other, and end."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stretto.actors import action
from stretto.actors.catalogue.catalogue import Catalogue
from stretto.actors.dispatch import Dispatcher, Lane
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.store import StoreUnavailable, Unrecordable
from stretto.actors.outcome import RunWasParked
from stretto.actors.runs.idempotency import IdempotencyConflict
from stretto.actors.runs.messages import RunEnded, RunParked
from stretto.definitions.errors import InvalidInput, UnknownWorkflow
from tests.support.conducted import Conducted
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox, drain, messages_of

if TYPE_CHECKING:
    import pykka

CHILD = """
ref: supervised.child
parameters: {value: {type: integer}}
tasks:
  - {name: one, action: core.echo, input: {message: "{{ parameters.value }}"}}
output_map: {got: "{{ task.one.result }}"}
"""
CALL = """
ref: supervised.call
parameters: {value: {default: 1}}
tasks:
  - name: call
    action: supervised.child
    input: {value: "{{ parameters.value }}"}
    next: [{when: "{{ failed() }}", publish: [{why: "{{ task.call.errors[0].error }}"}], do: [noted]}]
  - {name: noted, action: core.noop}
output_map: {got: "{{ task.call.outcome }}", why: "{{ workflow.why.kind }}"}
"""
GATED = """
ref: supervised.gated
parameters: {size: {default: 1}}
tasks:
  - {name: wait, action: supervised.gate, next: [{do: [large]}]}
  - {name: large, action: supervised.large, input: {size: "{{ parameters.size }}"}}
"""
BEGUN = threading.Semaphore(0)
GATE = threading.Semaphore(0)


@action("supervised.gate")
def gate() -> None:
    """Wait to be let through."""
    BEGUN.release()
    assert GATE.acquire(timeout=PATIENCE)


@action("supervised.large")
def large(size: int) -> str:
    """Give a text of that size."""
    return "x" * size


@pytest.fixture(autouse=True)
def gates() -> Iterator[None]:
    drain(BEGUN, GATE)
    yield
    GATE.release(100)


@pytest.fixture
def start(start_bench: Callable[..., Bench], tmp_path: Path) -> Callable[..., Bench]:
    """Start an engine that knows a sub-workflow."""
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "child.yaml").write_text(f'version: "1.0.0"\n{CHILD}')
    return lambda **settings: start_bench(definitions=tmp_path / "definitions", **settings)


@pytest.fixture(params=["in memory", "in a store"])
def bench(request: pytest.FixtureRequest, start: Callable[..., Bench], sqlite_url: str) -> Bench:
    """Return an engine without and with a store."""
    return start(store=None if request.param == "in memory" else sqlite_url)


def test_a_run_whose_inputs_do_not_fit_never_was(bench: Bench) -> None:
    """Neither of a client's, nor of an item's: that one fails, and its run goes on."""
    with pytest.raises(InvalidInput, match="'value' must be of type"):
        bench.proxy.submit("supervised.child", {"value": "one"}).get(timeout=PATIENCE)
    assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) == 0
    outcome = bench.run(CALL, {"value": "one"})
    assert outcome.output == {"got": "failed", "why": "invalid_input"}
    assert bench.run(CALL, {"value": 1}).output == {"got": "succeeded"}


def test_a_workflow_that_cannot_be_found_fails_its_item(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the code of what is wrong."""

    def gone(_catalogue: Catalogue, name: str) -> Any:
        raise UnknownWorkflow(f"{name} is gone")

    workflow = bench.proxy.workflow(bench.write(CALL)).get(timeout=PATIENCE)
    monkeypatch.setattr(Catalogue, "find_ref", gone)
    run = bench.proxy.submit(workflow).get(timeout=PATIENCE)
    assert outcome_of(run).output == {"got": "failed", "why": "unknown_workflow"}


def submitted(bench: Bench, path: str, value: int) -> "pykka.Future[Any]":
    answer: pykka.Future[Any] = bench.proxy.submit(path, {"value": value}, idempotency_key="k")
    return answer


def test_of_requests_with_one_key_that_come_at_once_one_is_performed(bench: Bench) -> None:
    """All are answered with it; the one that is for something else is refused."""
    path = bench.write(CHILD)
    answers = [submitted(bench, path, 1) for _ in range(5)]
    other = submitted(bench, path, 2)
    handles = [answer.get(timeout=PATIENCE) for answer in answers]
    assert len({handle.id for handle in handles}) == 1
    with pytest.raises(IdempotencyConflict, match=handles[0].id):
        other.get(timeout=PATIENCE)
    outcomes = [outcome_of(handle) for handle in handles]
    assert outcomes == [outcomes[0]] * 5
    assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) == 0


def test_a_run_that_can_never_be_written_is_refused(
    start: Callable[..., Bench], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason; the others go on."""
    bench = start(store=sqlite_url)
    monkeypatch.setattr("stretto.actors.journal.sql.transaction.MAX_BODY_BYTES", 5000)
    held = bench.submit(GATED)
    assert BEGUN.acquire(timeout=PATIENCE)
    with pytest.raises(Unrecordable, match="must have at most 5,000 bytes"):
        bench.submit("parameters: {text: {}}\ntasks: [{name: a, action: core.noop}]\n", {"text": "x" * 6000})
    GATE.release()
    assert outcome_of(held).status == "succeeded"


def test_a_sub_workflow_that_can_never_be_written_fails_its_item(
    start: Callable[..., Bench], sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the run that calls it goes on."""
    many = "value: {type: integer, description: " + "many words " * 1000 + "}"
    workflow = tmp_path / "definitions" / "child.yaml"
    workflow.write_text(workflow.read_text().replace("value: {type: integer}", many))
    bench = start(store=sqlite_url)
    monkeypatch.setattr("stretto.actors.journal.sql.transaction.MAX_BODY_BYTES", 5000)
    assert bench.run(CALL).output == {"got": "failed", "why": "unrecordable"}


def test_a_run_of_which_something_can_never_be_written_fails_and_says_so(
    start: Callable[..., Bench], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the result of an item is too large."""
    bench = start(store=sqlite_url)
    monkeypatch.setattr("stretto.actors.journal.sql.transaction.MAX_BODY_BYTES", 5000)
    run, other = bench.submit(GATED, {"size": 10_000}), bench.submit(GATED)
    GATE.release(2)
    (error,) = outcome_of(run).errors
    assert error["code"] == "unrecordable"
    assert "must have at most 5,000 bytes" in error["message"]
    assert outcome_of(other).status == "succeeded"
    assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) == 0


def test_how_a_sub_workflow_ended_is_read_when_it_can_be(
    start: Callable[..., Bench], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item whose workflow has ended does not fail as a store is away for a while."""
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as store:
        parent = Conducted(store, CALL)
        child = Conducted(store, CHILD, {"value": 1}, parent=parent, of_item=("call", 0))
        child.succeed("one", result=1)
    failures = [StoreUnavailable("the disk is away")] * 2
    end = SqlReader.end

    def away(reader: SqlReader, run_id: str) -> Any:
        if failures:
            raise failures.pop()
        return end(reader, run_id)

    monkeypatch.setattr("stretto.actors.engine.children.READ_AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(SqlReader, "end", away)
    bench = start(store=sqlite_url)
    run = bench.proxy.handle(parent.id).get(timeout=PATIENCE)
    assert outcome_of(run).output == {"got": "succeeded"}
    assert failures == []


def test_a_sub_workflow_whose_end_cannot_be_read_fails_its_item(
    start: Callable[..., Bench], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason: it will not be there another time either."""
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as store:
        parent = Conducted(store, CALL)
        child = Conducted(store, CHILD, {"value": 1}, parent=parent, of_item=("call", 0))
        child.succeed("one", result=1)

    end = SqlReader.end

    def odd(reader: SqlReader, run_id: str) -> Any:
        if run_id == child.id:
            raise KeyError("odd")
        return end(reader, run_id)

    monkeypatch.setattr(SqlReader, "end", odd)
    bench = start(store=sqlite_url)
    run = bench.proxy.handle(parent.id).get(timeout=PATIENCE)
    assert outcome_of(run).output == {"got": "failed", "why": "internal"}


@pytest.fixture
def listeners(bench: Bench) -> Iterator[list["pykka.ActorRef[Inbox]"]]:
    started = [Inbox.start() for _ in range(2)]
    for each in started:
        bench.proxy.host.subscribe_to_ends(each).get(timeout=PATIENCE)
    yield started
    for each in started:
        each.stop()


def test_listeners_get_every_end(bench: Bench, listeners: list["pykka.ActorRef[Inbox]"]) -> None:
    """Those of sub-workflows, too; one that is gone is no hindrance."""
    listeners[0].stop()
    run = bench.submit(CALL)
    received = [messages_of(listeners[1]).get(timeout=PATIENCE) for _ in range(2)]
    assert all(isinstance(each, RunEnded) for each in received)
    assert received[1].run_id == run.id
    assert received[0].run_id != run.id


def test_runs_that_are_left_at_the_end_are_sent_too(bench: Bench, listeners: list["pykka.ActorRef[Inbox]"]) -> None:
    """As ended without a store, as parked with one."""
    run = bench.submit(GATED)
    assert BEGUN.acquire(timeout=PATIENCE)
    stop = bench.proxy.stop(grace=0)
    message = messages_of(listeners[1]).get(timeout=PATIENCE)
    assert message.run_id == run.id
    if isinstance(message, RunParked):
        with pytest.raises(RunWasParked):
            outcome_of(run)
    else:
        assert outcome_of(run).errors[0]["code"] == "engine_stopped"
    GATE.release()
    stop.get(timeout=PATIENCE)


def test_a_run_and_its_sub_workflows_share_a_lane(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many children get no more turns than one run, and another run has a lane of its own."""
    lanes: list[Lane] = []
    make = Dispatcher.lane

    def counted(dispatcher: Dispatcher) -> Lane:
        lanes.append(make(dispatcher))
        return lanes[-1]

    monkeypatch.setattr(Dispatcher, "lane", counted)
    dispatcher = bench.proxy.host.services().get(timeout=PATIENCE).dispatcher
    for number in (1, 2):
        bench.run(CALL)
        assert dispatcher.started()["RunSupervisor"] == 2 * number
        assert len(lanes) == number
