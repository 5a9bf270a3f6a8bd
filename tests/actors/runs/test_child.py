"""Workflows that call workflows."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import action
from stretto.actors.journal.records import ItemKey
from stretto.actors.journal.store import Child
from stretto.actors.runners import Began
from stretto.actors.runs.child import MAX_DEPTH, begin_of_child
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

OPEN = threading.Event()
ARRIVED = threading.Semaphore(0)


@action("child.gate")
def gate(number: int) -> int:
    """Wait until the test opens the gate."""
    ARRIVED.release()
    assert OPEN.wait(PATIENCE)
    return number


CHILD = """
ref: test.child
version: "1.0.0"
parameters: {number: {type: integer, required: true}}
tasks:
  - {name: double, action: core.echo, input: {message: "{{ parameters.number * 2 }}"}, next: [{do: judge}]}
  - name: judge
    action: core.echo
    input: {message: "{{ system.parent.task }}"}
    next: [{when: "{{ parameters.number == 13 }}", do: unlucky}]
  - {name: unlucky, action: core.fail, input: {message: "no {{ parameters.number }}"}}
output_map: {doubled: "{{ task.double.result }}", parent: "{{ task.judge.result }}"}
"""
GATED = """
ref: test.gated
version: "1.0.0"
tasks:
  - {name: wait, action: child.gate, input: {number: 1}, next: [{do: after}]}
  - {name: after, action: core.echo, input: {message: after}}
output_map: {after: "{{ task.after.result }}"}
"""
RECURSIVE = """
ref: test.recursive
version: "1.0.0"
parameters: {level: {type: integer, default: 1}}
tasks: [{name: deeper, action: test.recursive, input: {level: "{{ parameters.level + 1 }}"}}]
"""


@pytest.fixture
def nested(start_bench: Callable[..., Bench], tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    OPEN.clear()
    while ARRIVED.acquire(blocking=False):
        pass
    folder = tmp_path / "definitions"
    folder.mkdir()
    for name, text in (("child", CHILD), ("gated", GATED), ("recursive", RECURSIVE)):
        (folder / f"{name}.yaml").write_text(text)
    yield lambda **settings: start_bench(definitions=str(folder), **settings)
    OPEN.set()


FAN = """
tasks:
  - name: each
    action: test.child
    with_items: [1, 2, 3]
    concurrency: 3
    input: {number: "{{ item }}"}
output_map: {all: "{{ task.each.result }}"}
"""


@pytest.mark.parametrize("permits", [1, 1000])
def test_a_sub_workflows_result_is_its_output(nested: Callable[..., Bench], permits: int) -> None:
    """Also with a single permit: an item that a workflow performs takes none, its own items do."""
    outcome = nested(max_items_in_flight=permits).run(FAN)
    expected = [{"doubled": number * 2, "parent": "each"} for number in (1, 2, 3)]
    assert (outcome.status, outcome.output, outcome.errors) == ("succeeded", {"all": expected}, [])


def test_a_failed_sub_workflow_fails_its_item_with_its_errors(nested: Callable[..., Bench]) -> None:
    """The error has the kind workflow, the child's id and its errors; the record tells the first of them."""
    bench = nested()
    outcome = bench.run(
        "tasks:\n  - {name: call, action: test.child, input: {number: 13}, next: [{when: '{{ failed() }}', do: end}]}\n"
        "  - {name: end, action: core.noop}\noutput_map: {error: '{{ task.call.errors[0].error }}'}\n"
    )
    assert outcome.status == "succeeded"
    assert outcome.errors[0]["code"] == "workflow_failed"
    assert "no 13" in outcome.errors[0]["message"]
    assert outcome.output is not None
    error = outcome.output["error"]
    assert error["kind"] == "workflow"
    assert error["errors"][0]["task"] == "unlucky"
    assert bench.proxy.status(error["run"]).get(timeout=PATIENCE)["status"] == "failed"


def test_a_sub_workflows_inputs_are_checked(nested: Callable[..., Bench]) -> None:
    """An input that does not fit its parameters fails the item without a retry."""
    outcome = nested().run(
        "tasks: [{name: call, action: test.child, input: {number: \"{{ 'one' }}\"}, retry: {count: 3}}]\n"
    )
    assert outcome.errors[0]["code"] == "invalid_input"
    assert "'number' must be of type" in outcome.errors[0]["message"]
    assert outcome.errors[0]["attempt"] == 1


def test_a_workflow_that_calls_itself_ends_at_the_depth_that_is_allowed(nested: Callable[..., Bench]) -> None:
    """Recursion without end is an error that names the limit."""
    bench = nested()
    outcome = outcome_of(bench.proxy.submit("test.recursive").get(timeout=PATIENCE))
    assert outcome.status == "failed"
    assert f"at most {MAX_DEPTH} levels deep" in outcome.errors[0]["message"]


def test_cancelling_the_parent_cancels_the_child(nested: Callable[..., Bench]) -> None:
    """The child's running items finish by its policy, and nothing new starts in it."""
    bench = nested()
    handle = bench.submit("tasks: [{name: call, action: test.gated}]\noutput_map: {r: '{{ task.call.outcome }}'}\n")
    assert ARRIVED.acquire(timeout=PATIENCE)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    OPEN.set()
    outcome = outcome_of(handle)
    assert (outcome.status, outcome.output) == ("cancelled", {"r": "cancelled"})


def _until(watcher: Any, wanted: str) -> None:
    while messages_of(watcher).get(timeout=PATIENCE).status != wanted:
        pass


def _child_of(bench: Bench, parent: str) -> str:
    runs: list[str] = list(bench.proxy.run_ids().get(timeout=PATIENCE))
    return next(each for each in runs if each != parent)


@pytest.mark.parametrize("who", ["child", "parent"])
def test_a_parent_waits_with_its_only_child(nested: Callable[..., Bench], who: str) -> None:
    """Paused alone, the child pauses the parent, as nothing else goes on; resuming either has both go on."""
    bench = nested()
    handle = bench.submit("tasks: [{name: call, action: test.gated}]\noutput_map: {got: '{{ task.call.result }}'}\n")
    assert ARRIVED.acquire(timeout=PATIENCE)
    watcher = Inbox.start()
    bench.proxy.watch(handle.id, watcher).get(timeout=PATIENCE)
    child = _child_of(bench, handle.id)
    bench.proxy.pause(child).get(timeout=PATIENCE)
    statuses = [bench.proxy.status(each).get(timeout=PATIENCE)["status"] for each in (child, handle.id)]
    assert statuses == ["pausing", "running"], "the child's action still runs"
    OPEN.set()
    _until(watcher, "paused")
    assert bench.proxy.status(child).get(timeout=PATIENCE)["status"] == "paused"
    bench.proxy.resume(child if who == "child" else handle.id).get(timeout=PATIENCE)
    watcher.stop()
    assert outcome_of(handle).output == {"got": {"after": "after"}}


def test_pausing_the_parent_pauses_the_child(nested: Callable[..., Bench]) -> None:
    """The child goes on when the parent does."""
    bench = nested()
    handle = bench.submit("tasks: [{name: call, action: test.gated}]\noutput_map: {r: '{{ task.call.result }}'}\n")
    assert ARRIVED.acquire(timeout=PATIENCE)
    bench.proxy.pause(handle.id).get(timeout=PATIENCE)
    (child,) = [each for each in bench.proxy.run_ids().get(timeout=PATIENCE) if each != handle.id]
    watcher = Inbox.start()
    bench.proxy.watch(child, watcher).get(timeout=PATIENCE)
    _until(watcher, "pausing")  # the request is on its way through three mailboxes
    assert bench.proxy.status(handle.id).get(timeout=PATIENCE)["status"] == "pausing"
    OPEN.set()
    _until(watcher, "paused")
    watcher.stop()
    bench.proxy.resume(handle.id).get(timeout=PATIENCE)
    assert outcome_of(handle).output == {"r": {"after": "after"}}


def test_a_timeout_of_the_item_cancels_the_child(nested: Callable[..., Bench]) -> None:
    """The item times out at once; the child ends by its policy, and the engine drains."""
    bench = nested()
    outcome = bench.run("tasks: [{name: call, action: test.gated, timeout: 0.01}]\n")
    assert outcome.errors[0]["code"] == "timed_out"
    OPEN.set()
    bench.proxy.stop().get(timeout=PATIENCE)


def test_a_parent_that_crashes_takes_its_children_along(nested: Callable[..., Bench], monkeypatch: Any) -> None:
    """No child continues without a parent."""
    from stretto.definitions.conductor import Conductor

    bench = nested()
    handle = bench.submit("label: cursed\ntasks: [{name: call, action: test.gated}]\n")
    assert ARRIVED.acquire(timeout=PATIENCE)
    assert len(bench.proxy.run_ids().get(timeout=PATIENCE)) == 2

    def broken(conductor: Conductor) -> Any:
        if conductor.workflow.label:
            raise SystemExit("broken")
        return {}

    with monkeypatch.context() as patched:
        patched.setattr(Conductor, "tasks", broken)
        assert bench.proxy.status(handle.id).get(timeout=PATIENCE)["status"] == "failed"
    assert outcome_of(handle).errors[0]["code"] == "supervisor_crashed"
    OPEN.set()
    bench.proxy.stop().get(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("ended_at", "began"),
    [
        (None, Began(1000.0, 460.0)),
        (1010.0, Began(1000.0, 490.0)),
        (990.0, Began(1000.0, 500.0)),
    ],
)
def test_a_recovered_sub_workflow_began_with_its_acceptance(ended_at: float | None, began: Began) -> None:
    """One that has ended while nobody watched has taken what it took, and no clock that was set back makes it less."""
    child = Child("child", ItemKey("call", 1, 0), 1, 1000.0, ended_at)
    assert begin_of_child(child, 1040.0, 500.0) == began
    assert begin_of_child(None, 1040.0, 500.0) == Began(1040.0, 500.0)


def test_a_try_took_as_long_as_its_sub_workflows_run(nested: Callable[..., Bench], sqlite_url: str) -> None:
    """One that is refused has no run, so its item never began."""
    bench = nested(store=sqlite_url)
    handle = bench.submit("tasks: [{name: call, action: test.gated}]\n")
    assert ARRIVED.acquire(timeout=PATIENCE)
    OPEN.set()
    outcome_of(handle)
    call = bench.proxy.item(handle.id, "call", 0).get(timeout=PATIENCE)
    (child,) = bench.proxy.run(handle.id).get(timeout=PATIENCE)["children"]
    inner = bench.proxy.items(child).get(timeout=PATIENCE)["items"]
    assert len(inner) == 2
    assert call["seconds"] >= sum(each["seconds"] for each in inner)
    assert call["began_at"] <= inner[0]["began_at"]
    refused = bench.submit("tasks: [{name: call, action: test.child, input: {number: \"{{ 'one' }}\"}}]\n")
    assert outcome_of(refused).status == "failed"
    assert bench.proxy.item(refused.id, "call", 0).get(timeout=PATIENCE)["seconds"] is None
