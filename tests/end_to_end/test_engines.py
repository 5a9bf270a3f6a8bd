"""An engine with many runs, with runs that break, as it stops, and beside another one."""

import asyncio
import queue
from pathlib import Path
from typing import Any

import pykka
import pytest

from stretto.actors import action
from stretto.actors.outcome import EngineStopping, UnknownRun
from stretto.definitions.conductor import Conductor, IllegalTransition
from stretto.definitions.errors import InvalidDefinition, InvalidInput, UnknownWorkflow
from tests.support.harness import (
    PATIENCE,
    examples_engine,
    fifo,
    opened_gate,
    running_engine,
    scrape,
    watched,
    write_workflow,
)

DOUBLE = """
parameters: {numbers: {type: array}}
tasks:
  - name: double
    action: core.echo
    with_items: "{{ parameters.numbers }}"
    concurrency: 5
    input: {message: "{{ item * 2 }}"}
output_map: {numbers: "{{ task.double.result }}"}
"""

ONE_GATE = """
parameters: {gate: {type: string}, number: {type: integer}}
tasks:
  - name: pass
    action: gate.pass
    input: {gate: "{{ parameters.gate }}", number: "{{ parameters.number }}"}
output_map: {number: "{{ task.pass.result }}"}
"""


def test_50_runs_at_once(tmp_path: Path) -> None:
    """Fifty runs in progress together each get their own items' results, and are all counted."""
    workflow = write_workflow(tmp_path, "double", DOUBLE)
    with running_engine() as bed:
        runs = [bed.submit(workflow, {"numbers": list(range(first, first + 40))}) for first in range(50)]
        assert len({run.id for run in runs}) == 50
        for first, run in enumerate(runs):
            outcome = run.outcome.get(timeout=PATIENCE)
            assert outcome.output == {"numbers": [2 * number for number in range(first, first + 40)]}
        bed.census.wait_until_gone("RunSupervisor", "ItemActor")
        metrics = bed.metrics()
        assert metrics.by("runs_total", "status") == {"succeeded": 50}
        assert metrics.by("items_total", "status") == {"succeeded": 2000}
        assert metrics.value("runs_in_progress") == 0


class Crowd:
    """Counts who is inside; it lets nobody out before `size` have been inside together. For one event loop."""

    def __init__(self, size: int) -> None:
        self.most = 0
        self._size = size
        self._inside = 0
        self._together = asyncio.Event()

    async def visit(self) -> None:
        """Go in and out."""
        self._inside += 1
        self.most = max(self.most, self._inside)
        if self._inside == self._size:
            self._together.set()
        await self._together.wait()
        self._inside -= 1


crowds: list[Crowd] = []


@action("crowd.visit")
async def visit(number: int) -> int:
    """Be one of the crowd."""
    await crowds[-1].visit()
    return number


@pytest.mark.own_process("max_items_in_flight bounds the items of the engine itself; each pool has permits of its own")
def test_items_in_flight_are_bounded_over_all_runs(tmp_path: Path) -> None:
    """With max_items_in_flight=10, six runs that want 48 at once have exactly 10 in flight, and never one more.

    Counted where the items are performed; their actors may be one more, as long as the turn lasts in which an item
    has reported on one dispatcher, and its successor starts on the other.
    """
    crowds.append(Crowd(10))
    text = DOUBLE.replace("core.echo", "crowd.visit").replace("message: ", "number: ").replace("5", "8")
    workflow = write_workflow(tmp_path, "crowd", text)
    with running_engine(max_items_in_flight=10, dispatchers=2) as bed:
        runs = [bed.submit(workflow, {"numbers": list(range(100))}) for _ in range(6)]
        for run in runs:
            outcome = run.outcome.get(timeout=PATIENCE)
            assert outcome.output == {"numbers": [2 * number for number in range(100)]}
        assert crowds.pop().most == 10
        assert bed.census.peak["ItemActor"] <= 10 + 1


@pytest.mark.parametrize(
    "error", [RuntimeError("injected"), SystemExit("injected")], ids=["Exception", "BaseException"]
)
def test_a_supervisor_that_crashes_fails_its_run_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """A run whose supervisor crashes fails with supervisor_crashed, its items are stopped, and the engine lives on."""
    conduct = Conductor.on

    def crashing(conductor: Conductor, event: Any, *call: Any) -> Any:
        if conductor.workflow.ref == "crashing":
            raise error
        return conduct(conductor, event, *call)

    monkeypatch.setattr(Conductor, "on", crashing)
    text = """
parameters: {gate: {type: string}}
tasks:
  - name: pass
    action: gate.pass
    with_items: [0, 1, 2]
    concurrency: 2
    input: {gate: "{{ parameters.gate }}", number: "{{ item }}"}
"""
    crashing_workflow = write_workflow(tmp_path, "crashing", text)
    other_workflow = write_workflow(tmp_path, "other", text)
    with (
        opened_gate(tmp_path / "gate") as gate,
        opened_gate(tmp_path / "other_gate") as other_gate,
        running_engine(crashes=1) as bed,
    ):
        run = bed.submit(crashing_workflow, {"gate": gate.name})
        other = bed.submit(other_workflow, {"gate": other_gate.name})
        assert gate.arrivals(2) == other_gate.arrivals(2) == {0, 1}
        gate.let_go(0)
        outcome = run.outcome.get(timeout=PATIENCE)
        assert outcome.status == "failed"
        assert [each["code"] for each in outcome.errors] == ["supervisor_crashed"]
        assert "injected" in outcome.errors[0]["message"]
        assert gate.cancelled.get(timeout=PATIENCE) == 1
        assert bed.engine.status(run.id).get(timeout=PATIENCE)["status"] == "failed"
        other_gate.let_go(0, 1, 2)
        assert other.outcome.get(timeout=PATIENCE).status == "succeeded"
        assert bed.run(write_workflow(tmp_path, "double", DOUBLE), {"numbers": [1]}).output == {"numbers": [2]}
        assert bed.metrics().by("runs_total", "workflow", "status") == {
            ("crashing", "failed"): 1,
            ("other", "succeeded"): 1,
            ("double", "succeeded"): 1,
        }


def test_stop_drains(tmp_path: Path) -> None:
    """A stopping engine takes no more runs, waits for those in progress, and answers when nothing is left of it."""
    workflow = write_workflow(tmp_path, "pass", ONE_GATE)
    with opened_gate(tmp_path / "gate") as gate, running_engine() as bed:
        run = bed.submit(workflow, {"gate": gate.name, "number": 1})
        gate.arrivals(1)
        stopped = bed.engine.stop()
        with pytest.raises(EngineStopping):
            bed.engine.submit(str(workflow), {"gate": gate.name, "number": 2}).get(timeout=PATIENCE)
        assert bed.engine.status(run.id).get(timeout=PATIENCE)["status"] == "running"
        gate.let_go(1)
        stopped.get(timeout=PATIENCE)
        assert run.outcome.get(timeout=0).output == {"number": 1}
        with pytest.raises(pykka.ActorDeadError):
            bed.engine.workflows().get(timeout=PATIENCE)


def test_stop_without_grace_abandons(tmp_path: Path) -> None:
    """An engine that is stopped with grace=0 ends what runs, processes too, and its runs fail with engine_stopped."""
    text = """
parameters: {fifo: {type: string}}
tasks:
  - name: sleep
    action: core.local
    input: {cmd: 'echo $$ > "$TOLD"; sleep 1000', env: {TOLD: "{{ parameters.fifo }}"}}
"""
    sleeper, passer = write_workflow(tmp_path, "sleeper", text), write_workflow(tmp_path, "pass", ONE_GATE)
    with opened_gate(tmp_path / "gate") as gate, running_engine() as bed, fifo(tmp_path / "told") as told:
        runs = [
            bed.submit(sleeper, {"fifo": str(told.path)}),
            bed.submit(passer, {"gate": gate.name, "number": 1}),
        ]
        gate.arrivals(1)
        with watched(int(told.lines(1)[0])) as ended:
            bed.engine.stop(grace=0).get(timeout=PATIENCE)
            assert ended(0)
        for run in runs:
            outcome = run.outcome.get(timeout=0)
            assert outcome.status == "failed"
            assert [error["code"] for error in outcome.errors] == ["engine_stopped"]
        assert gate.cancelled.get(timeout=PATIENCE) == 1


def test_two_engines_in_one_process(tmp_path: Path) -> None:
    """Two engines share nothing but the table of actions: definitions, counts and ends are each one's own."""
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        write_workflow(folder, name, DOUBLE)
    begin = write_workflow(tmp_path, "begin", "tasks: [{name: only, action: core.local, input: {cmd: 'true'}}]\n")
    with running_engine(definitions=str(tmp_path / "first")) as first:
        assert first.run(begin).status == "succeeded"  # if it has a pool, that has all its threads now
        with running_engine(definitions=str(tmp_path / "second")) as second:
            assert first.engine.workflows().get(timeout=PATIENCE) == ("first",)
            assert second.engine.workflows().get(timeout=PATIENCE) == ("second",)
            assert second.run("second", {"numbers": [1, 2]}).output == {"numbers": [2, 4]}
            url = second.engine.metrics_url.get(timeout=PATIENCE)
            assert scrape(url).by("runs_total", "workflow") == {"second": 1}
            assert first.metrics().by("runs_total", "workflow") == {"begin": 1}
            second.engine.stop().get(timeout=PATIENCE)
        assert first.run("first", {"numbers": [3]}).output == {"numbers": [6]}
        assert first.metrics().by("runs_total", "workflow") == {"begin": 1, "first": 1}


def test_an_unknown_workflow_is_refused() -> None:
    """A name that is nearly right is refused with the right one."""
    with examples_engine() as bed, pytest.raises(UnknownWorkflow, match=r"did you mean '(ops\.)?health_checks'"):
        bed.submit("ops.helth_checks", {})


def test_inputs_that_do_not_fit_are_refused_with_all_problems(tmp_path: Path) -> None:
    """What is missing, unknown or of a wrong type is told at once, and no run exists."""
    text = """
parameters: {host: {type: string, required: true}, port: {type: integer}, tags: {type: array}}
tasks: [{name: only, action: core.noop}]
"""
    workflow = write_workflow(tmp_path, "strict", text)
    with running_engine() as bed:
        with pytest.raises(InvalidInput) as refused:
            bed.submit(workflow, {"prt": 1, "port": "80", "tags": {}})
        problems = "\n".join(refused.value.problems)
        assert len(refused.value.problems) == 4
        for word in ("'host' is required", "'prt'; did you mean 'port'?", "'port' must be of type", "'tags'"):
            assert word in problems
        with pytest.raises(InvalidInput, match="object"):
            bed.submit(workflow, {"host": "a", "tags": [object()]})
        bed.census.wait_until_gone("RunSupervisor")
        assert bed.metrics().by("runs_total", "status") == {}
        assert bed.metrics().value("runs_in_progress") == 0


def test_an_invalid_definition_is_refused_with_all_findings(tmp_path: Path) -> None:
    """Everything that is wrong with a definition is told at once, each with its line."""
    text = """
tasks:
  - name: one
    action: core.ecko
    next: [{do: [tow]}]
  - name: two
    acton: core.noop
"""
    workflow = write_workflow(tmp_path, "wrong", text)
    with running_engine() as bed:
        with pytest.raises(InvalidDefinition) as refused:
            bed.submit(workflow)
        assert {(finding.code, finding.place.line) for finding in refused.value.findings} >= {
            ("unknown_field", 8),
            ("unknown_task", 6),
        }
        with pytest.raises(UnknownRun):
            bed.engine.status("no-such-run").get(timeout=PATIENCE)


def test_a_run_that_has_ended_cannot_be_changed(tmp_path: Path) -> None:
    """To pause, resume or cancel a run that has ended is refused; its status is still known."""
    workflow = write_workflow(tmp_path, "double", DOUBLE)
    with running_engine() as bed:
        run = bed.submit(workflow, {"numbers": [1, 2, 3]})
        run.outcome.get(timeout=PATIENCE)
        for request in (bed.engine.pause, bed.engine.resume, bed.engine.cancel):
            with pytest.raises(IllegalTransition):
                request(run.id).get(timeout=PATIENCE)
        status = bed.engine.status(run.id).get(timeout=PATIENCE)
        assert status["id"] == run.id
        assert status["tasks"]["double"]["items"] == {"total": 3, "succeeded": 3, "failed": 0, "running": 0}


@pytest.mark.own_process("it waits for a thread of the engine, in a function that is made by the test")
def test_a_plain_function_in_flight_is_waited_for(tmp_path: Path) -> None:
    """An engine that is stopped while a plain function runs waits for the function's end, and leaves no thread."""
    entered: queue.SimpleQueue[None] = queue.SimpleQueue()
    leave: queue.SimpleQueue[None] = queue.SimpleQueue()

    @action("plain.wait")
    def wait() -> str:
        entered.put(None)
        leave.get(timeout=PATIENCE)
        return "done"

    workflow = write_workflow(tmp_path, "plain", "tasks: [{name: only, action: plain.wait}]\n")
    with running_engine() as bed:
        run = bed.submit(workflow)
        entered.get(timeout=PATIENCE)
        stopped = bed.engine.stop(grace=0)
        assert run.outcome.get(timeout=PATIENCE).status == "failed"
        leave.put(None)
        stopped.get(timeout=PATIENCE)
