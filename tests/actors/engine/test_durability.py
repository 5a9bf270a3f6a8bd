"""Engines with a store: what was accepted goes on in the next engine, with what was done done."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from stretto.actors import ActionFailed, RunHandle, action
from stretto.actors.outcome import RunWasParked, UnknownRun
from stretto.actors.runs.idempotency import IdempotencyConflict, InvalidIdempotencyKey
from stretto.definitions.conductor import IllegalTransition
from tests.support.engines import Bench, outcome_of
from tests.support.held_work import LEDGER, ledger
from tests.support.waiting import PATIENCE

__all__ = ["ledger"]

FAN = """
ref: test.fan
parameters: {values: {type: array}}
tasks:
  - name: fan
    action: held.work
    with_items: "{{ parameters.values }}"
    concurrency: 2
    input: {value: "{{ item }}"}
    next: [{publish: [{all: "{{ result() }}"}], do: [last]}]
  - {name: last, action: held.work, input: {value: "{{ workflow.all | length }}"}}
output_map: {all: "{{ workflow.all }}", last: "{{ task.last.result }}"}
"""


def stopped(bench: Bench, grace: float | None = 0) -> None:
    bench.proxy.stop(grace=grace).get(timeout=PATIENCE)


def park(bench: Bench, handle: RunHandle) -> None:
    """Stop an engine at once, and let what its run has in flight end only when the run has been left."""
    stop = bench.proxy.stop(grace=0)
    with pytest.raises(RunWasParked):
        outcome_of(handle)
    LEDGER.gate.set()
    stop.get(timeout=PATIENCE)


def recovered(start_bench: Callable[..., Bench], durable_url: str, **settings: Any) -> Bench:
    """Start an engine on a store and wait until it has rebuilt what there was."""
    bench = start_bench(store=durable_url, **settings)
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    return bench


def test_a_run_that_was_parked_goes_on_in_the_next_engine(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """Recorded work is not repeated; what was in flight is; the output is as if nothing had happened."""
    first = start_bench(store=durable_url)
    LEDGER.held = {3}
    handle = first.submit(FAN, {"values": [1, 2, 3, 4]})
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    park(first, handle)
    LEDGER.held = set()
    second = recovered(start_bench, durable_url)
    outcome = outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE))
    assert outcome.output == {"all": [1, 2, 3, 4], "last": 4}
    assert (LEDGER.done.count(1), LEDGER.done.count(2)) == (1, 1)
    assert second.proxy.status(handle.id).get(timeout=PATIENCE)["status"] == "succeeded"


def test_the_status_of_a_run_outlives_its_engine(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """As it was reported when the run ended."""
    first = start_bench(store=durable_url)
    handle = first.submit(FAN, {"values": [1, 2]})
    outcome_of(handle)
    expected = first.proxy.status(handle.id).get(timeout=PATIENCE)
    stopped(first, grace=None)
    second = start_bench(store=durable_url)
    assert second.proxy.status(handle.id).get(timeout=PATIENCE) == expected
    with pytest.raises(IllegalTransition, match="has ended"):
        second.proxy.cancel(handle.id).get(timeout=PATIENCE)
    with pytest.raises(UnknownRun):
        second.proxy.status("no-such-run").get(timeout=PATIENCE)


def test_a_paused_run_stays_paused_and_holds_up_no_end(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """An engine that waits for its runs does not wait for a resume that never comes."""
    first = start_bench(store=durable_url)
    LEDGER.held = {1, 2}
    handle = first.submit(FAN, {"values": [1, 2, 3]})
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    first.proxy.pause(handle.id).get(timeout=PATIENCE)
    LEDGER.gate.set()
    stopped(first, grace=None)
    assert sorted(LEDGER.done) == [1, 2]
    second = recovered(start_bench, durable_url)
    status = second.proxy.status(handle.id).get(timeout=PATIENCE)
    assert (status["status"], status["tasks"]["fan"]["items"]["succeeded"]) == ("paused", 2)
    second.proxy.resume(handle.id).get(timeout=PATIENCE)
    assert outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE)).status == "succeeded"
    assert sorted(LEDGER.done) == [1, 2, 3, 3]


def test_nothing_starts_after_a_cancel_not_even_what_was_in_flight(
    start_bench: Callable[..., Bench], durable_url: str
) -> None:
    """The next engine ends the run as cancelled."""
    first = start_bench(store=durable_url)
    LEDGER.held = {1, 2}
    handle = first.submit(FAN, {"values": [1, 2, 3]})
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    first.proxy.cancel(handle.id).get(timeout=PATIENCE)
    park(first, handle)
    second = recovered(start_bench, durable_url)
    assert second.proxy.status(handle.id).get(timeout=PATIENCE)["status"] == "cancelled"
    assert sorted(LEDGER.done) == [1, 2]


WAITS = """
ref: test.waits
tasks:
  - name: flaky
    action: held.work
    input: {value: flaky, fails: true}
    retry: {count: 1, delay: 0.2}
    next: [{when: "{{ failed() }}", do: [late]}]
  - {name: late, action: held.work, delay: 0.2, input: {value: late}}
"""


def test_waits_come_back_with_their_deadlines(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """A retry's and a delay's; the run needs no more tries than it may have."""
    first = start_bench(store=durable_url)
    handle = first.submit(WAITS)
    park(first, handle)
    second = recovered(start_bench, durable_url)
    assert outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE)).status == "succeeded"
    assert LEDGER.done in (["flaky", "flaky", "late"], ["flaky", "flaky", "flaky", "late"])


PARENT = """
ref: test.parent
tasks:
  - name: call
    action: test.child
    with_items: [1, 2]
    concurrency: 2
    input: {value: "{{ item }}"}
output_map: {all: "{{ task.call.result }}"}
"""
CHILD = """
ref: test.child
version: "1.0.0"
parameters: {value: {}}
tasks:
  - {name: one, action: held.work, input: {value: "{{ parameters.value }}"}, next: [{do: [two]}]}
  - {name: two, action: held.work, input: {value: "{{ parameters.value * 10 }}"}}
output_map: {value: "{{ task.two.result }}"}
"""


def test_sub_workflows_and_their_parents_find_each_other_again(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> None:
    """A child that has ended is not performed again, one in the middle goes on where it was."""
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "child.yaml").write_text(CHILD)
    settings = {"definitions": str(tmp_path / "definitions")}
    first = start_bench(store=durable_url, **settings)
    LEDGER.held = {20}
    handle = first.submit(PARENT)
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    park(first, handle)
    LEDGER.held = set()
    second = recovered(start_bench, durable_url, **settings)
    outcome = outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE))
    assert outcome.output == {"all": [{"value": 10}, {"value": 20}]}
    assert sorted(LEDGER.done) == [1, 2, 10, 20, 20]


def test_the_definition_that_a_run_was_accepted_with_is_the_one_it_ends_with(
    start_bench: Callable[..., Bench], durable_url: str
) -> None:
    """Whatever becomes of the file."""
    first = start_bench(store=durable_url)
    LEDGER.held = {1}
    path = Path(first.write(FAN))
    handle = first.proxy.submit(str(path), {"values": [1, 2]}).get(timeout=PATIENCE)
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    park(first, handle)
    path.unlink()
    second = recovered(start_bench, durable_url)
    assert outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE)).output == {"all": [1, 2], "last": 2}


ONCE = """
ref: test.once
tasks:
  - name: once
    action: held.work
    delivery: at_most_once
    input: {value: once}
    next: [{when: "{{ failed() }}", publish: [{why: "{{ task.once.errors[0].error }}"}], do: [noted]}]
  - {name: noted, action: core.noop}
output_map: {why: "{{ workflow.why.kind }}"}
"""


def test_what_is_delivered_at_most_once_is_not_performed_again(
    start_bench: Callable[..., Bench], durable_url: str
) -> None:
    """It has failed: it may have run."""
    first = start_bench(store=durable_url)
    LEDGER.held = {"once"}
    handle = first.submit(ONCE)
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    park(first, handle)
    second = recovered(start_bench, durable_url)
    outcome = outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE))
    assert outcome.output == {"why": "may_have_run"}
    assert LEDGER.done == ["once"]


@pytest.mark.parametrize("with_store", [True, False])
def test_the_same_key_gives_the_same_run(start_bench: Callable[..., Bench], durable_url: str, with_store: bool) -> None:
    """Whether it runs or has ended; for other inputs the key is taken."""
    bench = start_bench(store=durable_url if with_store else None)
    path = bench.write(FAN)

    def submit(key: str, *values: int) -> RunHandle:
        handle: RunHandle = bench.proxy.submit(path, {"values": list(values)}, idempotency_key=key).get(
            timeout=PATIENCE
        )
        return handle

    LEDGER.held = {1}
    one = submit("a", 1)
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    assert submit("a", 1).id == one.id
    assert submit("b", 2).id != one.id
    LEDGER.gate.set()
    outcome = outcome_of(one)
    again = submit("a", 1)
    assert (again.id, outcome_of(again)) == (one.id, outcome)
    with pytest.raises(IdempotencyConflict, match=one.id):
        submit("a", 2)
    with pytest.raises(InvalidIdempotencyKey):
        submit("", 1)
    assert LEDGER.done.count(1) == 3, "one item of one run, and the last task of both"


def test_a_key_outlives_its_engine(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """A client that does not know whether its request was taken asks again."""
    first = start_bench(store=durable_url)
    path = first.write(FAN)
    one = first.proxy.submit(path, {"values": [5]}, idempotency_key="k").get(timeout=PATIENCE)
    outcome = outcome_of(one)
    stopped(first, grace=None)
    second = start_bench(store=durable_url)
    again = second.proxy.submit(path, {"values": [5]}, idempotency_key="k").get(timeout=PATIENCE)
    assert (again.id, outcome_of(again)) == (one.id, outcome)


@pytest.mark.parametrize("with_store", [True, False])
def test_a_run_is_done_again_as_a_whole(start_bench: Callable[..., Bench], durable_url: str, with_store: bool) -> None:
    """With its own definition and inputs; the old one stays as it was."""
    bench = start_bench(store=durable_url if with_store else None)
    one = bench.submit(FAN, {"values": [1]})
    outcome_of(one)
    two = bench.proxy.rerun(one.id).get(timeout=PATIENCE)
    assert two.id != one.id
    assert outcome_of(two) == outcome_of(one)
    assert LEDGER.done == [1, 1, 1, 1]
    with pytest.raises(UnknownRun):
        bench.proxy.rerun("no-such-run").get(timeout=PATIENCE)


FAILING = """
ref: test.failing
tasks:
  - {name: before, action: held.work, input: {value: before}, next: [{do: [fan]}]}
  - name: fan
    action: durability.flaky
    with_items: [1, 2, 3]
    concurrency: 3
    input: {value: "{{ item }}"}
    next: [{when: "{{ succeeded() }}", do: [after]}]
  - {name: after, action: held.work, input: {value: after}}
output_map: {fan: "{{ task.fan.result }}"}
"""
BAD: set[int] = set()


@action("durability.flaky")
def flaky(value: int) -> int:
    """Fail for bad values."""
    LEDGER.done.append(value)
    if value in BAD:
        raise ActionFailed(f"{value} is bad today")
    return value


@pytest.mark.parametrize(("scope", "done"), [("failed_tasks", [1, 2, 3, "after"]), ("failed_items", [2, "after"])])
def test_only_what_failed_is_done_again(
    start_bench: Callable[..., Bench], durable_url: str, scope: str, done: list[Any]
) -> None:
    """And what follows on it; what is kept is in the new run as if it had been performed there."""
    BAD.add(2)
    bench = start_bench(store=durable_url)
    one = bench.submit(FAILING)
    assert outcome_of(one).status == "failed"
    BAD.clear()
    LEDGER.done.clear()
    two = bench.proxy.rerun(one.id, scope).get(timeout=PATIENCE)
    outcome = outcome_of(two)
    assert (outcome.status, outcome.output) == ("succeeded", {"fan": [1, 2, 3]})
    assert sorted(map(str, LEDGER.done)) == sorted(map(str, done))
    assert bench.proxy.status(one.id).get(timeout=PATIENCE)["status"] == "failed"


def test_a_supervisor_that_crashes_is_rebuilt_a_few_times(
    start_bench: Callable[..., Bench], durable_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passing fault costs nothing but time."""
    from stretto.actors.runs.execution import RunExecution

    bench = start_bench(store=durable_url)
    crashes: Iterator[bool] = iter([True, True, False])
    original = RunExecution.carry_out

    def carry_out(self: Any, *given: Any) -> None:
        crashes_now = next(crashes, False) if LEDGER.done else False
        if crashes_now:
            raise ZeroDivisionError("a passing fault")
        original(self, *given)

    monkeypatch.setattr(RunExecution, "carry_out", carry_out)
    outcome = bench.run(FAN, {"values": [1, 2, 3]})
    assert outcome.output == {"all": [1, 2, 3], "last": 3}


def test_a_supervisor_that_goes_on_crashing_fails_its_run_and_says_why(
    start_bench: Callable[..., Bench], durable_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is in the store, too."""
    from stretto.actors.runs.execution import EXECUTION_HANDLERS
    from stretto.actors.runs.messages import ItemEnded

    monkeypatch.setattr("stretto.actors.engine.recovery.FIRST_RESTART_SECONDS", 0.001)
    bench = start_bench(store=durable_url)
    original = EXECUTION_HANDLERS[ItemEnded]

    def broken(self: Any, message: Any) -> None:
        raise ZeroDivisionError("a lasting fault")

    monkeypatch.setitem(EXECUTION_HANDLERS, ItemEnded, broken)
    handle = bench.submit(FAN, {"values": [1]})
    outcome = outcome_of(handle)
    assert outcome.status == "failed"
    assert "a lasting fault" in outcome.errors[0]["message"]
    monkeypatch.setitem(EXECUTION_HANDLERS, ItemEnded, original)
    stopped(bench, grace=None)
    second = start_bench(store=durable_url)
    assert second.proxy.status(handle.id).get(timeout=PATIENCE)["status"] == "failed"


HELD_CHILD = """
ref: test.held_child
tasks:
  - {name: one, action: held.work, input: {value: one}, next: [{do: [two]}]}
  - {name: two, action: held.work, input: {value: two}}
"""
CURSED = """
ref: test.cursed
tasks: [{name: call, action: test.held_child}]
"""


def test_a_run_that_fails_of_its_supervisor_takes_its_children_along(
    start_bench: Callable[..., Bench], durable_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They were not rebuilt themselves, and start nothing more all the same."""
    from stretto.actors.runs.messages import ReportStatus
    from stretto.actors.runs.supervisor import RunSupervisor

    monkeypatch.setattr("stretto.actors.engine.recovery.MAX_RESTARTS", 0)
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "child.yaml").write_text(f'version: "1.0.0"{HELD_CHILD}')
    bench = start_bench(store=durable_url, definitions=tmp_path / "definitions")
    LEDGER.held = {"one"}
    parent = bench.submit(CURSED)
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    (child_id,) = set(bench.proxy.run_ids().get(timeout=PATIENCE)) - {parent.id}
    child = bench.proxy.handle(child_id).get(timeout=PATIENCE)
    original = RunSupervisor._status

    def broken(self: Any, message: ReportStatus) -> dict[str, Any]:
        if self._run.run_id == parent.id:
            raise ZeroDivisionError("a lasting fault")
        return original(self, message)

    monkeypatch.setitem(RunSupervisor._message_handlers, ReportStatus, broken)
    assert bench.proxy.status(parent.id).get(timeout=PATIENCE)["status"] == "failed"
    LEDGER.gate.set()
    assert outcome_of(child).status == "cancelled"
    assert LEDGER.done == ["one"]


def test_how_a_sub_workflow_ended_is_read_when_the_store_can_be(
    start_bench: Callable[..., Bench], durable_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its parent's item waits for that; it does not fail of it."""
    from stretto.actors.history.offline import OfflineRuns
    from stretto.actors.history.replay import outcome_for_parent
    from stretto.actors.journal.opening import open_store
    from stretto.actors.journal.store import StoreUnavailable
    from stretto.definitions.conductor import CancelRequested

    (tmp_path / "definitions").mkdir()
    waits = HELD_CHILD.replace("input: {value: one}", "delay: 3600, input: {value: one}")
    (tmp_path / "definitions" / "child.yaml").write_text(f'version: "1.0.0"{waits}')
    first = start_bench(store=durable_url, definitions=tmp_path / "definitions")
    parent = first.submit(CURSED)
    while not (children := set(first.proxy.run_ids().get(timeout=PATIENCE)) - {parent.id}):
        pass
    (child_id,) = children
    first.proxy.pause(child_id).get(timeout=PATIENCE)
    stopped(first)
    with open_store(durable_url, None) as store:
        OfflineRuns(store).request(child_id, CancelRequested)
    failures = [StoreUnavailable("the server is gone")]

    def read(*given: Any) -> Any:
        if failures:
            raise failures.pop()
        return outcome_for_parent(*given)

    monkeypatch.setattr("stretto.actors.engine.children.READ_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr("stretto.actors.engine.children.outcome_for_parent", read)
    second = start_bench(store=durable_url, definitions=tmp_path / "definitions")
    outcome = outcome_of(second.proxy.handle(parent.id).get(timeout=PATIENCE))
    assert not failures
    assert [error["message"] for error in outcome.errors] == [f"the run {child_id} was cancelled"]


def test_a_store_is_one_engines_at_a_time(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """And free as soon as that has ended."""
    from stretto.actors import Engine
    from stretto.actors.journal.store import StoreInUse

    first = start_bench(store=durable_url)
    with pytest.raises(StoreInUse):
        Engine.start(store=durable_url)
    stopped(first)
    start_bench(store=durable_url)


def test_an_engine_with_a_store_that_is_stopped_as_an_actor_parks_its_runs(
    start_bench: Callable[..., Bench], durable_url: str
) -> None:
    """They go on in the next one."""
    first = start_bench(store=durable_url)
    LEDGER.held = {1}
    handle = first.submit(FAN, {"values": [1]})
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    first.proxy.actor_ref.stop()
    with pytest.raises((RunWasParked, pykka.ActorDeadError)):
        outcome_of(handle)
    LEDGER.gate.set()
    for thread in threading.enumerate():
        if thread.name == "stretto-stop":
            thread.join(PATIENCE)
    second = recovered(start_bench, durable_url)
    assert outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE)).status == "succeeded"


def test_another_default_makes_no_other_request(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """A client that asks again with its key gets its run, whatever has become of the workflow's defaults."""
    bench = start_bench(store=durable_url)
    text = "ref: test.default\nparameters: {n: {default: 1}}\ntasks: [{name: a, action: core.noop}]\n"
    first = bench.proxy.submit(bench.write(text), {}, idempotency_key="d").get(timeout=PATIENCE)
    changed = bench.write(text.replace("default: 1", "default: 2"))
    assert bench.proxy.submit(changed, {}, idempotency_key="d").get(timeout=PATIENCE).id == first.id


def test_watchers_get_progress_from_the_supervisor_after_a_crash(
    start_bench: Callable[..., Bench], durable_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows a run need not know of it."""
    from stretto.actors.runs.execution import EXECUTION_HANDLERS
    from stretto.actors.runs.messages import ItemEnded
    from tests.support.waiting import Inbox, messages_of

    bench, inbox = start_bench(store=durable_url), Inbox.start()
    crashes = iter([True])
    original = EXECUTION_HANDLERS[ItemEnded]

    def item_ended(self: Any, message: Any) -> None:
        if next(crashes, False):
            raise ZeroDivisionError("a passing fault")
        original(self, message)

    monkeypatch.setitem(EXECUTION_HANDLERS, ItemEnded, item_ended)
    handle = bench.submit(FAN, {"values": [1, 2]}, inbox)
    assert outcome_of(handle).status == "succeeded"
    while messages_of(inbox).get(timeout=PATIENCE).status != "succeeded":
        pass
    inbox.stop()
