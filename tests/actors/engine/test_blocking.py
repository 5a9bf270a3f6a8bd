"""The engine without futures: its methods are the engine's, and it stops with its block."""

import inspect
import threading
from pathlib import Path
from typing import Any

import pykka
import pytest

from stretto.actors import BlockingEngine, Engine, Outcome, RunHandle, RunNotEnded, RunWasParked, UnknownRun, action
from stretto.definitions import IllegalTransition, InvalidInput, UnknownWorkflow, read_workflow
from tests.support.waiting import PATIENCE

GREET = read_workflow(
    """
ref: test.greet
version: "1.0.0"
parameters: {name: {type: string, required: true}}
tasks:
  - {name: say, action: core.echo, input: {message: "Hello, {{ parameters.name }}!"}}
output_map: {said: "{{ task.say.result }}"}
""",
    "greet.yaml",
)
WAIT = read_workflow(
    """
ref: test.wait
version: "1.0.0"
cancellation_policy: cancel_running
tasks:
  - {name: wait, action: core.sleep, input: {seconds: 3600}}
""",
    "wait.yaml",
)
FAN_OUT = read_workflow(
    """
ref: test.fan_out
version: "1.0.0"
tasks:
  - name: wait
    action: test.blocking_gate
    with_items: [1, 2, 3]
    concurrency: 1
""",
    "fan_out.yaml",
)
GATE = threading.Event()


@action("test.blocking_gate")
def gate() -> bool:
    """Wait until the test opens the gate."""
    return GATE.wait(PATIENCE)


class InterruptedEngine(BlockingEngine):
    """Is interrupted by Ctrl-C as often as given while it waits for an outcome."""

    interrupts = 1

    def wait(self, run: RunHandle, timeout: float | None = None) -> Outcome:
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        return super().wait(run, timeout)


def public_methods(owner: type) -> dict[str, inspect.Signature]:
    """Return the methods that a class, or one of its bases in the engine's room, has for its users."""
    return {
        name: inspect.signature(method)
        for each in reversed(owner.__mro__)
        if each.__module__.startswith("stretto.actors.engine")
        for name, method in vars(each).items()
        if inspect.isfunction(method) and not name.startswith(("_", "on_"))
    }


def parameters_of(signature: inspect.Signature) -> list[tuple[str, Any, Any]]:
    return [(each.name, each.kind, each.default) for each in signature.parameters.values()]


def test_it_has_every_method_of_the_engine_with_the_same_arguments() -> None:
    """`run` is the exception: it runs a workflow, and `show_run` is the engine's `run`."""
    ours, engines = public_methods(BlockingEngine), public_methods(Engine)
    assert ours.keys() - engines.keys() == {"wait", "show_run"}
    assert engines.keys() <= ours.keys()
    engines["show_run"] = engines.pop("run")
    for name, signature in engines.items():
        assert parameters_of(ours[name]) == parameters_of(signature), name


def test_a_workflow_runs_to_its_outcome() -> None:
    """`run` returns the outcome itself, and every thread has ended after the block."""
    threads = set(threading.enumerate())
    with Engine.open() as engine:
        outcome = engine.run(GREET, {"name": "Ada"}, timeout=PATIENCE)
        assert (outcome.status, outcome.output) == ("succeeded", {"said": "Hello, Ada!"})
    assert set(threading.enumerate()) <= threads


def test_errors_are_those_of_the_engine() -> None:
    """They are raised by the call, without a `get`."""
    with Engine.open() as engine:
        with pytest.raises(UnknownWorkflow):
            engine.run("no.such")
        with pytest.raises(InvalidInput):
            engine.run(GREET)
        with pytest.raises(UnknownRun):
            engine.status("no such")
        run = engine.submit(GREET, {"name": "Ada"})
        engine.wait(run, PATIENCE)
        with pytest.raises(IllegalTransition):
            engine.pause(run.id)


def test_a_wait_that_is_too_short_leaves_the_run() -> None:
    """The error is a TimeoutError with the run's handle."""
    with Engine.open() as engine:
        with pytest.raises(RunNotEnded, match=r"the run \S+ of test\.wait has not ended after 0\.01 seconds") as late:
            engine.run(WAIT, timeout=0.01)
        assert isinstance(late.value, TimeoutError)
        assert engine.status(late.value.run.id)["status"] == "running"
        engine.cancel(late.value.run.id)
        assert engine.wait(late.value.run, PATIENCE).status == "cancelled"


def test_requests_answer_directly() -> None:
    """A run is paused, changed, resumed and looked at without a future."""
    GATE.clear()
    with Engine.open() as engine:
        run = engine.submit(FAN_OUT)
        assert engine.run_ids() == (run.id,)
        assert engine.runs_in_progress() == 1
        assert engine.handle(run.id).id == run.id
        engine.set_concurrency(run.id, "wait", 3)
        engine.pause(run.id)
        assert engine.status(run.id)["status"] in {"pausing", "paused"}
        assert engine.why(run.id)
        engine.resume(run.id)
        GATE.set()
        assert engine.wait(run, PATIENCE).status == "succeeded"
        assert (engine.items_in_flight(), engine.late_results(), engine.metrics_url) == (0, 0, None)
        assert engine.workflows() == ()


def test_stored_runs_are_reports(tmp_path: Path) -> None:
    """The pages, reports and reruns of a store."""
    with Engine.open(store=f"sqlite:///{tmp_path}/runs.db", metrics_port=0) as engine:
        assert engine.metrics_url is not None
        run = engine.submit(GREET, {"name": "Ada"}, idempotency_key="once")
        engine.wait(run, PATIENCE)
        assert engine.run(GREET, {"name": "Ada"}, idempotency_key="once").status == "succeeded"
        assert [each["id"] for each in engine.runs()["runs"]] == [run.id]
        assert engine.show_run(run.id)["output"] == {"said": "Hello, Ada!"}
        assert [each["outcome"] for each in engine.items(run.id)["items"]] == ["succeeded"]
        assert engine.item(run.id, "say", 0)["result"] == "Hello, Ada!"
        assert engine.export(run.id)["entries"]
        assert engine.wait(engine.rerun(run.id), PATIENCE).status == "succeeded"
        assert engine.prune(keep=0) == 2


def test_the_block_waits_for_runs_in_progress() -> None:
    """A submitted run ends before the engine does."""
    with Engine.open() as engine:
        run = engine.submit(GREET, {"name": "Ada"})
    assert run.outcome.get(timeout=0).status == "succeeded"


def test_a_block_that_raises_parks_its_runs(tmp_path: Path) -> None:
    """They continue when an engine opens the store again."""
    store = f"sqlite:///{tmp_path}/runs.db"
    with pytest.raises(ZeroDivisionError), Engine.open(store=store) as engine:  # noqa: PT012 - what raises is the block
        run = engine.submit(WAIT)
        raise ZeroDivisionError
    with pytest.raises(RunWasParked):
        run.outcome.get(timeout=0)
    with Engine.open(store=store) as engine:
        engine.cancel(run.id)
        assert engine.wait(engine.handle(run.id), PATIENCE).status == "cancelled"


def test_an_engine_that_has_stopped_can_leave_its_block() -> None:
    """A second stop has nothing to do."""
    with Engine.open() as engine:
        engine.stop()
        with pytest.raises(pykka.ActorDeadError):
            engine.workflows()


def test_an_interrupt_cancels_the_run() -> None:
    """Ctrl-C in `run` cancels by the workflow's policy, waits for the end, and is raised."""
    with InterruptedEngine(Engine.start()) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.run(WAIT)
        assert engine.runs_in_progress() == 0


def test_a_second_interrupt_does_not_wait() -> None:
    """The run is cancelled, and may still be on its way."""
    GATE.clear()
    with InterruptedEngine(Engine.start()) as engine:
        engine.interrupts = 2
        with pytest.raises(KeyboardInterrupt):
            engine.run(FAN_OUT)
        (run_id,) = engine.run_ids()
        assert engine.status(run_id)["status"] == "cancelling"
        GATE.set()


def test_the_states_of_a_run(tmp_path: Path) -> None:
    """Whole ones, until its end, which has the outcome; also of a run that has ended."""
    with Engine.open(store=f"sqlite:///{tmp_path}/runs.db") as engine:
        GATE.clear()
        run = engine.submit(FAN_OUT)
        states = run.watch()
        first = next(states)
        assert (first["run"], first["workflow"], first["status"]) == (run.id, "test.fan_out", "running")
        GATE.set()
        *_, last = states
        assert (last["status"], last["output"], last["errors"]) == ("succeeded", None, [])
        assert last["tasks"]["wait"]["items"]["succeeded"] == 3
        (again,) = engine.handle(run.id).watch()
        assert again["tasks"] == last["tasks"]
        with pytest.raises(TypeError, match="watch its run with the proxy's"):
            engine.proxy.submit(GREET, {"name": "Ada"}).get(timeout=PATIENCE).watch()


def test_the_states_of_a_run_that_is_parked(tmp_path: Path) -> None:
    """They end as its outcome does. A reader that leaves early leaves nothing."""
    engine = Engine.open(store=f"sqlite:///{tmp_path}/runs.db")
    run = engine.submit(WAIT)
    for _ in range(2):
        states = run.watch()
        assert next(states)["status"] == "running"
        states.close()  # type: ignore[attr-defined]  # of a generator
    states = run.watch()
    assert next(states)["status"] == "running"
    engine.stop(0)
    with pytest.raises(RunWasParked):
        list(states)
