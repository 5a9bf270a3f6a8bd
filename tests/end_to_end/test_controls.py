"""Pausing, resuming and cancelling real runs; time limits; actions that crash."""

import queue
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pykka
import pytest

from stretto.actors import RunProgressed, action
from stretto.actors.runs.item import ItemActor
from stretto.actors.runs.messages import AttemptTimedOut
from tests.support.harness import PATIENCE, Inbox, fifo, opened_gate, running_engine, watched, write_workflow

GATED = """
parameters: {{gate: {{type: string}}, numbers: {{type: array}}}}
cancellation_policy: {policy}
tasks:
  - name: pass
    action: gate.pass
    with_items: "{{{{ parameters.numbers }}}}"
    concurrency: 2
    input: {{gate: "{{{{ parameters.gate }}}}", number: "{{{{ item }}}}"}}
    next: [{{do: [after]}}]
  - name: after
    action: core.noop
output_map: {{numbers: "{{{{ task.pass.result }}}}"}}
"""

SLEEPERS = """
parameters: {{fifo: {{type: string}}}}
cancellation_policy: {policy}
tasks:
  - name: sleep
    action: core.local
    with_items: [0, 1, 2, 3, 4, 5]
    concurrency: 3
    timeout: {timeout}
    input:
      cmd: 'echo $$ > "$TOLD"; sleep 1000; echo woken'
      env: {{TOLD: "{{{{ parameters.fifo }}}}"}}
"""


@pytest.fixture
def told() -> queue.SimpleQueue[Any]:
    """What the test's watcher is told."""
    return queue.SimpleQueue()


@pytest.fixture
def watcher(told: queue.SimpleQueue[Any]) -> Iterator[pykka.ActorRef[Inbox]]:
    """An actor that keeps what it is told."""
    reference = Inbox.start(told)
    yield reference
    reference.stop()


def until(told: queue.SimpleQueue[Any], succeeded: int) -> RunProgressed:
    """Return the progress that tells of so many succeeded items."""
    while True:
        progress: RunProgressed = told.get(timeout=PATIENCE)
        if progress.tasks["pass"]["items"]["succeeded"] == succeeded:
            return progress


def test_a_paused_run_starts_nothing(
    tmp_path: Path, watcher: pykka.ActorRef[Inbox], told: queue.SimpleQueue[Any]
) -> None:
    """While a run is paused what runs ends, nothing starts; resumed, it goes on to its end, all results in order."""
    workflow = write_workflow(tmp_path, "gated", GATED.format(policy="allow_finish"))
    with opened_gate(tmp_path / "gate") as gate, running_engine() as bed:
        run = bed.submit(workflow, {"gate": gate.name, "numbers": [0, 1, 2, 3, 4, 5]}, watcher)
        assert gate.arrivals(2) == {0, 1}
        bed.engine.pause(run.id).get(timeout=PATIENCE)
        gate.let_go(0, 1)
        progress = until(told, 2)
        assert progress.status == "paused"
        assert progress.tasks["pass"]["items"] == {"total": 6, "succeeded": 2, "failed": 0, "running": 0}
        assert bed.engine.status(run.id).get(timeout=PATIENCE)["status"] == "paused"
        assert gate.nobody_waits
        bed.engine.resume(run.id).get(timeout=PATIENCE)
        assert gate.arrivals(2) == {2, 3}
        gate.let_go(2, 3, 4, 5)
        outcome = run.outcome.get(timeout=PATIENCE)
        assert outcome.status == "succeeded"
        assert outcome.output == {"numbers": [0, 1, 2, 3, 4, 5]}


def test_cancel_lets_what_runs_finish(tmp_path: Path) -> None:
    """With allow_finish, the items in flight of a cancelled run end as they would, and no other item or task starts."""
    workflow = write_workflow(tmp_path, "gated", GATED.format(policy="allow_finish"))
    with opened_gate(tmp_path / "gate") as gate, running_engine() as bed:
        run = bed.submit(workflow, {"gate": gate.name, "numbers": [0, 1, 2, 3, 4, 5]})
        assert gate.arrivals(2) == {0, 1}
        bed.engine.cancel(run.id).get(timeout=PATIENCE)
        assert bed.engine.status(run.id).get(timeout=PATIENCE)["status"] == "cancelling"
        gate.let_go(0, 1)
        outcome = run.outcome.get(timeout=PATIENCE)
        assert outcome.status == "cancelled"
        assert outcome.output == {"numbers": [0, 1, None, None, None, None]}
        assert gate.nobody_waits
        assert gate.cancelled.empty()
        status = bed.engine.status(run.id).get(timeout=PATIENCE)
        assert status["status"] == "cancelled"
        assert {name: task["status"] for name, task in status["tasks"].items()} == {
            "pass": "cancelled",
            "after": "not_started",
        }
        bed.census.wait_until_gone("RunSupervisor", "ItemActor")
        metrics = bed.metrics()
        assert metrics.by("items_total", "task", "status") == {("pass", "succeeded"): 2}
        assert metrics.by("runs_total", "status") == {"cancelled": 1}


def test_cancel_stops_what_runs(tmp_path: Path) -> None:
    """With cancel_running, the items in flight of a cancelled run are cancelled where they wait."""
    workflow = write_workflow(tmp_path, "gated", GATED.format(policy="cancel_running"))
    with opened_gate(tmp_path / "gate") as gate, running_engine() as bed:
        run = bed.submit(workflow, {"gate": gate.name, "numbers": [0, 1, 2, 3, 4, 5]})
        assert gate.arrivals(2) == {0, 1}
        bed.engine.cancel(run.id).get(timeout=PATIENCE)
        assert run.outcome.get(timeout=PATIENCE).status == "cancelled"
        assert {gate.cancelled.get(timeout=PATIENCE) for _ in range(2)} == {0, 1}
        assert gate.nobody_waits
        bed.census.wait_until_gone("RunSupervisor", "ItemActor")
        assert bed.metrics().by("items_total", "task", "status") == {("pass", "cancelled"): 2}


def test_cancel_ends_processes(tmp_path: Path) -> None:
    """With cancel_running, the commands of a cancelled run are dead when the run says that it is cancelled."""
    workflow = write_workflow(tmp_path, "sleepers", SLEEPERS.format(policy="cancel_running", timeout=1000))
    with running_engine() as bed, fifo(tmp_path / "told") as told, ExitStack() as stack:
        run = bed.submit(workflow, {"fifo": str(told.path)})
        ended = [stack.enter_context(watched(int(line))) for line in told.lines(3)]
        assert not any(each(0) for each in ended)
        bed.engine.cancel(run.id).get(timeout=PATIENCE)
        assert run.outcome.get(timeout=PATIENCE).status == "cancelled"
        assert all(each(0) for each in ended)


def test_cancel_lets_processes_finish(tmp_path: Path) -> None:
    """With allow_finish, a command in flight of a cancelled run ends by itself, and its result is the item's."""
    text = """
parameters: {told: {type: string}, go: {type: string}}
tasks:
  - name: wait
    action: core.local
    input:
      cmd: 'echo $$ > "$TOLD"; read line < "$GO"; echo "$line"'
      env: {TOLD: "{{ parameters.told }}", GO: "{{ parameters.go }}"}
output_map: {stdout: "{{ task.wait.stdout }}"}
"""
    workflow = write_workflow(tmp_path, "waiter", text)
    with running_engine() as bed, fifo(tmp_path / "told") as told, fifo(tmp_path / "go") as go:
        run = bed.submit(workflow, {"told": str(told.path), "go": str(go.path)})
        told.lines(1)
        bed.engine.cancel(run.id).get(timeout=PATIENCE)
        go.path.write_text("go on\n")
        outcome = run.outcome.get(timeout=PATIENCE)
        assert outcome.status == "cancelled"
        assert outcome.output == {"stdout": "go on\n"}


def processes_of(variable: str) -> list[int]:
    """Return the processes that have this in their environment, such as `NAME=value`."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is another user's
            if variable.encode() in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
    return found


def test_commands_out_of_time_die(tmp_path: Path) -> None:
    """A command that takes longer than its task's timeout is ended, its item timed out, and the next one starts."""
    workflow = write_workflow(tmp_path, "sleepers", SLEEPERS.format(policy="allow_finish", timeout=0.2))
    with running_engine() as bed, fifo(tmp_path / "told") as told:
        outcome = bed.run(workflow, {"fifo": str(told.path)})
        assert outcome.status == "failed"
        assert [error["code"] for error in outcome.errors] == ["items_failed", *["timed_out"] * 6]
        for process in processes_of(f"TOLD={told.path}"):
            with suppress(ProcessLookupError), watched(process) as ended:
                assert ended(PATIENCE)
        bed.census.wait_until_gone("RunSupervisor", "ItemActor")
        assert bed.metrics().by("items_total", "status") == {"timed_out": 6}


def test_async_actions_out_of_time_are_cancelled(tmp_path: Path) -> None:
    """An async action that takes longer than its task's timeout is cancelled, and `timed_out()` leads on."""
    text = """
tasks:
  - name: wait
    action: gate.pass
    timeout: 0.05
    input: {gate: GATE, number: 7}
    next:
      - when: "{{ timed_out() }}"
        publish: [{outcome: "{{ task.wait.outcome }}"}]
        do: [after]
  - name: after
    action: core.noop
output_map: {outcome: "{{ workflow.outcome }}"}
"""
    with opened_gate(tmp_path / "gate") as gate, running_engine() as bed:
        workflow = write_workflow(tmp_path, "timeout", text.replace("GATE", gate.name))
        outcome = bed.run(workflow)
        assert (outcome.status, outcome.output) == ("succeeded", {"outcome": "timed_out"})
        assert gate.cancelled.get(timeout=PATIENCE) == 7


def test_an_action_that_ends_just_in_time_has_succeeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When an action's end and the end of its time come together, the first of the two counts, and nothing breaks."""
    finish = ItemActor._finish

    def both(item: ItemActor, finished: Any, at: float) -> None:
        item.actor_ref.tell(AttemptTimedOut())  # it waits in the mailbox while the item reports
        finish(item, finished, at)

    monkeypatch.setattr(ItemActor, "_finish", both)
    workflow = write_workflow(tmp_path, "in_time", "tasks: [{name: only, action: crash.plain, input: {how: fine}}]\n")
    with running_engine() as bed:
        assert bed.run(workflow).status == "succeeded"


class Catastrophe(BaseException):
    """What no `except Exception` catches."""


ENDS: dict[str, type[BaseException]] = {
    each.__name__: each for each in (SystemExit, KeyboardInterrupt, GeneratorExit, Catastrophe, MemoryError)
}


@action("crash.plain")
def crash(how: str) -> str:
    """Raise what stands in ENDS."""
    if how in ENDS:
        raise ENDS[how]("on purpose")
    return how


@action("crash.async")
async def crash_async(how: str) -> str:
    """Raise what stands in ENDS."""
    return crash(how)


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_an_action_that_crashes_fails_its_item_only(tmp_path: Path, kind: str) -> None:
    """Whatever an action raises is its item's failure: all other items succeed, and the engine takes more runs."""
    text = f"""
parameters: {{how: {{type: array}}}}
tasks:
  - name: crash
    action: crash.{kind}
    with_items: "{{{{ parameters.how }}}}"
    concurrency: 4
    input: {{how: "{{{{ item }}}}"}}
output_map: {{results: "{{{{ task.crash.result }}}}", errors: "{{{{ task.crash.errors }}}}"}}
"""
    workflow = write_workflow(tmp_path, "crash", text)
    how = [each for end in ENDS for each in ("fine", end, "fine")]
    with running_engine() as bed:
        outcome = bed.run(workflow, {"how": how})
        assert outcome.status == "failed"
        assert outcome.output is not None
        assert outcome.output["results"] == [None if each in ENDS else each for each in how]
        messages = [each["error"]["message"] for each in outcome.output["errors"]]
        assert messages == [f"{name}: on purpose" for name in ENDS]
        assert bed.run(workflow, {"how": ["fine"]}).status == "succeeded"
