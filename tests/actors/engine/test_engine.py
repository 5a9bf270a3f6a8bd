"""The engine: its public API, its permits, its start and its end."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pykka
import pytest

from stretto.actors import Engine, RunProgressed, action
from stretto.actors.actions import CannotLoadActions
from stretto.actors.engine.run_table import MAX_REMEMBERED_RUNS
from stretto.actors.journal.store import CannotOpenStore
from stretto.actors.outcome import EngineStopping, UnknownRun
from stretto.definitions.conductor import Conductor, IllegalTransition
from stretto.definitions.errors import InvalidDefinition, InvalidInput, UnknownWorkflow
from stretto.metrics import CannotExpose
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

ECHO = """
parameters: {message: {default: hello}}
tasks:
  - name: say
    action: core.echo
    input: {message: "{{ parameters.message }}"}
output_map: {said: "{{ task.say.result }}"}
"""

GATES: dict[str, threading.Event] = {}
ARRIVED: dict[str, threading.Semaphore] = {}


@action("test.gate")
def gate(name: str) -> str:
    """Wait until the test opens the gate."""
    ARRIVED[name].release()
    assert GATES[name].wait(PATIENCE)
    return name


@pytest.fixture
def gates() -> Any:
    def make(name: str) -> threading.Event:
        GATES[name] = threading.Event()
        ARRIVED[name] = threading.Semaphore(0)
        return GATES[name]

    yield make
    for event in GATES.values():
        event.set()
    GATES.clear()
    ARRIVED.clear()


def arrived(name: str, times: int = 1) -> None:
    for _ in range(times):
        assert ARRIVED[name].acquire(timeout=PATIENCE)


NATIVE_FAILING = """
version: "1.0.0"
fail_fast: true
tasks:
  - {name: broken, action: core.fail, input: {message: "no luck"}}
  - {name: waiting, action: test.gate, input: {name: g}}
"""
ORQUESTA_FAILING = """version: 1.0
tasks:
  broken: {action: core.fail message="no luck"}
  waiting: {action: test.gate name="g"}
"""
GATED = """
parameters: {name: {type: string}, items: {type: array, default: [1]}, window: {default: 1}}
tasks:
  - name: wait
    action: test.gate
    with_items: "{{ parameters.items }}"
    concurrency: "{{ parameters.window }}"
    input: {name: "{{ parameters.name }}"}
    next: [{do: [after]}]
  - name: after
    action: core.echo
    input: {message: done}
output_map: {waited: "{{ task.wait.result }}", after: "{{ task.after.result }}"}
"""


def test_a_run_is_submitted_and_its_outcome_comes_through_a_future(bench: Bench) -> None:
    """submit gives a handle, whose outcome has status, output and errors."""
    handle = bench.submit(ECHO, {"message": {"deep": [1, 2.5, None, True]}})
    outcome = outcome_of(handle)
    assert (outcome.status, outcome.errors) == ("succeeded", [])
    assert outcome.output == {"said": {"deep": [1, 2.5, None, True]}}
    assert handle.workflow == "workflow_1"


def test_a_workflow_is_found_by_ref_in_the_definitions(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """A folder of definitions makes its workflows known by ref and by file name."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "greet.yaml").write_text("ref: ops.greet\n" + ECHO)
    bench = start_bench(definitions=str(folder))
    assert bench.proxy.workflows().get() == ("ops.greet",)
    for name in ("ops.greet", "greet"):
        assert outcome_of(bench.proxy.submit(name).get(timeout=PATIENCE)).output == {"said": "hello"}


def test_what_cannot_run_is_refused_by_submit(bench: Bench) -> None:
    """Unknown workflows, invalid definitions and inputs that do not fit are errors of submit, and leave no run."""
    with pytest.raises(UnknownWorkflow):
        bench.proxy.submit("nope").get(timeout=PATIENCE)
    with pytest.raises(InvalidDefinition, match="must have at least one task"):
        bench.submit("tasks: []\n")
    with pytest.raises(InvalidInput) as raised:
        bench.submit(
            "parameters: {n: {type: integer, required: true}}\ntasks: [{name: a, action: core.noop}]\n", {"m": 1}
        )
    assert raised.value.problems == ("there is no parameter 'm'", "the parameter 'n' is required")
    assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) == 0


def test_status_tells_tasks_and_items_while_and_after_a_run(bench: Bench, gates: Any) -> None:
    """The status counts items by what became of them, live, and is remembered after the end."""
    opened = gates("g")
    handle = bench.submit(GATED, {"name": "g", "items": [1, 2, 3], "window": 2})
    arrived("g", 2)
    status = bench.proxy.status(handle.id).get(timeout=PATIENCE)
    assert (status["id"], status["status"]) == (handle.id, "running")
    assert status["tasks"]["wait"]["items"] == {"total": 3, "succeeded": 0, "failed": 0, "running": 2}
    assert status["tasks"]["after"]["status"] == "not_started"
    opened.set()
    assert outcome_of(handle).output == {"waited": ["g", "g", "g"], "after": "done"}
    status = bench.proxy.status(handle.id).get(timeout=PATIENCE)
    assert status["status"] == "succeeded"
    assert status["tasks"]["wait"]["items"] == {"total": 3, "succeeded": 3, "failed": 0, "running": 0}


def test_requests_for_runs_that_do_not_exist_or_have_ended_are_refused(bench: Bench) -> None:
    """The error says which run, and what has become of it."""
    with pytest.raises(UnknownRun, match="no run 'nope'"):
        bench.proxy.status("nope").get(timeout=PATIENCE)
    handle = bench.submit(ECHO)
    outcome_of(handle)
    for verb in ("cancel", "pause", "resume"):
        with pytest.raises(IllegalTransition, match=f"cannot {verb} the run {handle.id}: it has ended \\(succeeded\\)"):
            getattr(bench.proxy, verb)(handle.id).get(timeout=PATIENCE)


def test_a_paused_run_starts_nothing_new_until_it_is_resumed(bench: Bench, gates: Any) -> None:
    """Running items finish; what would follow is held."""
    opened = gates("g")
    handle = bench.submit(GATED, {"name": "g", "items": [1, 2]})
    arrived("g")
    bench.proxy.pause(handle.id).get(timeout=PATIENCE)
    opened.set()
    watcher = Inbox.start()
    bench.proxy.watch(handle.id, watcher).get(timeout=PATIENCE)
    seen = messages_of(watcher)
    while (progress := seen.get(timeout=PATIENCE)).tasks["wait"]["items"]["succeeded"] < 1:
        assert progress.status in {"pausing", "paused"}
    assert progress.tasks["wait"]["items"] == {"total": 2, "succeeded": 1, "failed": 0, "running": 0}
    bench.proxy.resume(handle.id).get(timeout=PATIENCE)
    assert outcome_of(handle).status == "succeeded"
    watcher.stop()


def test_cancel_lets_finish_what_runs_and_starts_nothing_more(bench: Bench, gates: Any) -> None:
    """By the default policy running items finish and are recorded; the rest never starts."""
    opened = gates("g")
    handle = bench.submit(GATED, {"name": "g", "items": [1, 2, 3]})
    arrived("g")
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    opened.set()
    outcome = outcome_of(handle)
    assert outcome.status == "cancelled"
    assert outcome.output == {"waited": ["g", None, None]}


def test_a_question_that_a_run_ends_before_answering_is_answered_all_the_same(bench: Bench) -> None:
    """Status and cancel race with the end of a run: each is answered, in any order."""
    for _ in range(50):
        handle = bench.submit(ECHO)
        status, cancelled = bench.proxy.status(handle.id), bench.proxy.cancel(handle.id)
        assert status.get(timeout=PATIENCE)["status"] in {"accepted", "running", "succeeded", "cancelled"}
        with contextlib.suppress(IllegalTransition):
            cancelled.get(timeout=PATIENCE)
        assert outcome_of(handle).status in {"succeeded", "cancelled"}


def test_a_watcher_gets_progress_to_the_end(bench: Bench) -> None:
    """Its last message has the run's final status and all tasks."""
    watcher = Inbox.start()
    handle = bench.submit(ECHO, watcher=watcher)
    seen = messages_of(watcher)
    progress = seen.get(timeout=PATIENCE)
    while progress.status == "running":
        progress = seen.get(timeout=PATIENCE)
    assert isinstance(progress, RunProgressed)
    assert (progress.run_id, progress.status) == (handle.id, "succeeded")
    assert progress.tasks["say"]["items"]["succeeded"] == 1
    watcher.stop()


def test_a_watcher_that_dies_harms_no_run(bench: Bench) -> None:
    """A watcher that is gone gets nothing more."""
    watcher = Inbox.start()
    watcher.stop()
    assert outcome_of(bench.submit(ECHO, watcher=watcher)).status == "succeeded"


def test_a_supervisor_that_crashes_fails_its_run_and_nothing_else(bench: Bench) -> None:
    """Its run ends failed with the reason recorded, its permits come back, and other runs go on."""
    begin = Conductor.begin

    def broken(self: Conductor) -> Any:
        if self.workflow.label == "cursed":
            raise SystemExit("the conductor is broken")
        return begin(self)

    with patch.object(Conductor, "begin", broken):
        doomed = bench.submit("label: cursed\n" + ECHO)
        fine = bench.submit(ECHO)
        outcome = outcome_of(doomed)
        assert outcome_of(fine).status == "succeeded"
    assert outcome.status == "failed"
    assert outcome.errors[0]["code"] == "supervisor_crashed"
    assert "SystemExit: the conductor is broken" in outcome.errors[0]["message"]
    assert bench.proxy.status(doomed.id).get(timeout=PATIENCE)["status"] == "failed"
    assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) == 0
    assert outcome_of(bench.submit(ECHO)).status == "succeeded"


def test_no_more_items_are_in_flight_than_the_engine_allows(start_bench: Callable[..., Bench], gates: Any) -> None:
    """Two runs with wide windows share three permits; both get on, and never more than three items run."""
    opened = gates("g")
    bench = start_bench(max_items_in_flight=3)
    runs = [bench.submit(GATED, {"name": "g", "items": list(range(10)), "window": 10}) for _ in range(2)]
    arrived("g", 3)
    running = [bench.proxy.status(run.id).get(timeout=PATIENCE)["tasks"]["wait"]["items"]["running"] for run in runs]
    assert max(running) == 10, "the conductor's window does not know of permits"
    assert bench.proxy.items_in_flight().get(timeout=PATIENCE) <= 3
    opened.set()
    assert [outcome_of(run).status for run in runs] == ["succeeded", "succeeded"]
    assert bench.proxy.host.services().get(timeout=PATIENCE).permits.free == 3


def test_items_that_wait_for_permits_do_not_start_after_a_cancel(start_bench: Callable[..., Bench], gates: Any) -> None:
    """Commanded items that no permit had let start is withdrawn."""
    opened = gates("g")
    bench = start_bench(max_items_in_flight=1)
    handle = bench.submit(GATED, {"name": "g", "items": [1, 2, 3], "window": 3})
    arrived("g")
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    opened.set()
    assert outcome_of(handle).output == {"waited": ["g", None, None]}
    assert not ARRIVED["g"].acquire(blocking=False)


@pytest.mark.parametrize(("text", "performed"), [(NATIVE_FAILING, False), (ORQUESTA_FAILING, True)])
def test_items_that_wait_for_permits_as_the_run_fails(
    start_bench: Callable[..., Bench], gates: Any, tmp_path: Path, text: str, performed: bool
) -> None:
    """Commanded items that could not start yet are withdrawn; in Orquesta's definitions it is performed."""
    gates("g").set()
    bench = start_bench(max_items_in_flight=1)
    path = tmp_path / "failing.yaml"
    path.write_text(text)
    assert outcome_of(bench.proxy.submit(path).get(timeout=PATIENCE)).status == "failed"
    assert ARRIVED["g"].acquire(blocking=False) is performed


def test_nothing_starts_in_a_run_that_was_given_up(start_bench: Callable[..., Bench], gates: Any) -> None:
    """Not even with the permits that its own end has freed."""
    opened = gates("g")
    bench = start_bench(max_items_in_flight=2)
    handle = bench.submit(GATED, {"name": "g", "items": list(range(8)), "window": 8})
    arrived("g", 2)
    stopped = bench.proxy.stop(grace=0)
    assert outcome_of(handle).status == "failed"
    opened.set()
    stopped.get(timeout=PATIENCE)
    assert not ARRIVED["g"].acquire(blocking=False)


def test_what_waits_is_withdrawn_before_what_runs_is_stopped(start_bench: Callable[..., Bench], gates: Any) -> None:
    """It was never performed: it has not failed, and is no error."""
    opened = gates("g")
    bench = start_bench(max_items_in_flight=2)
    text = f"cancellation_policy: cancel_running\n{GATED}"
    handle = bench.submit(text, {"name": "g", "items": list(range(8)), "window": 8})
    arrived("g", 2)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    opened.set()
    outcome = outcome_of(handle)
    items = bench.proxy.status(handle.id).get(timeout=PATIENCE)["tasks"]["wait"]["items"]
    assert (outcome.status, items["failed"]) == ("cancelled", 2)
    assert not ARRIVED["g"].acquire(blocking=False)


def test_stop_drains_the_runs_in_progress(bench: Bench, gates: Any) -> None:
    """stop takes no more runs, waits for those that run, and is answered when nothing is left."""
    opened = gates("g")
    handle = bench.submit(GATED, {"name": "g"})
    arrived("g")
    first, second = bench.proxy.stop(), bench.proxy.stop()
    with pytest.raises(EngineStopping):
        bench.submit(ECHO)
    opened.set()
    first.get(timeout=PATIENCE)
    second.get(timeout=PATIENCE)
    assert outcome_of(handle).status == "succeeded"
    assert not bench.proxy.actor_ref.is_alive()


def test_stop_with_no_grace_abandons_what_runs(bench: Bench) -> None:
    """Runs that are left fail with engine_stopped, and their actions are cancelled."""
    handle = bench.submit("tasks: [{name: nap, action: core.sleep, input: {seconds: 1000}}]\n")
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)
    outcome = outcome_of(handle)
    assert (outcome.status, outcome.errors[0]["code"]) == ("failed", "engine_stopped")


def test_an_engine_that_is_stopped_as_an_actor_ends_its_runs_and_threads(bench: Bench) -> None:
    """Pykka's own stop (stop_all at the end of a program) does not hang, and leaves nothing."""
    handle = bench.submit("tasks: [{name: nap, action: core.sleep, input: {seconds: 1000}}]\n")
    bench.proxy.actor_ref.stop()
    for thread in threading.enumerate():
        if thread.name == "stretto-stop":
            thread.join(PATIENCE)
    assert outcome_of(handle).errors[0]["code"] == "engine_stopped"


def test_two_engines_live_side_by_side(start_bench: Callable[..., Bench]) -> None:
    """Each has its own dispatcher, clock, runners and metrics."""
    one, two = start_bench(metrics_port=0), start_bench(metrics_port=0)
    assert one.proxy.metrics_url.get() != two.proxy.metrics_url.get()
    assert one.run(ECHO).status == two.run(ECHO).status == "succeeded"
    one.proxy.stop().get(timeout=PATIENCE)
    assert two.run(ECHO).status == "succeeded"


def test_an_engine_that_cannot_start_leaves_nothing(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Every setting that cannot be met is an error of start itself."""
    with pytest.raises(UnknownWorkflow, match="no folder"):
        Engine.start(definitions=str(tmp_path / "nope"))
    with pytest.raises(CannotLoadActions):
        Engine.start(actions=["no_such_module_anywhere"])
    with pytest.raises(CannotOpenStore, match=r"expected sqlite:///FILE\.db"):
        Engine.start(store="mysql://x")
    with pytest.raises(ValueError, match="at least 1"):
        Engine.start(max_items_in_flight=0)
    with pytest.raises(ValueError, match="dispatchers must be at least 1"):
        Engine.start(dispatchers=0, metrics_port=0)
    taken = start_bench(metrics_port=0)
    port = int(taken.proxy.metrics_url.get().rsplit(":", 1)[1].split("/")[0])
    with pytest.raises(CannotExpose, match=str(port)):
        Engine.start(metrics_port=port)


def test_ended_runs_are_remembered_up_to_a_bound(bench: Bench) -> None:
    """The engine's memory of runs does not grow for ever."""
    with patch("stretto.actors.engine.run_table.MAX_REMEMBERED_RUNS", 3):
        handles = [bench.submit(ECHO) for _ in range(5)]
        for handle in handles:
            outcome_of(handle)
        bench.proxy.runs_in_progress().get(timeout=PATIENCE)
        known = []
        for handle in handles:
            try:
                known.append(bench.proxy.status(handle.id).get(timeout=PATIENCE)["status"])
            except UnknownRun:
                known.append("forgotten")
    assert known.count("succeeded") == 3
    assert MAX_REMEMBERED_RUNS >= 1000


def test_many_runs_at_once_all_end(bench: Bench) -> None:
    """A hundred runs submitted without waiting are all conducted to their own ends."""
    path = bench.write(ECHO)
    futures = [bench.proxy.submit(path, {"message": number}) for number in range(100)]
    outcomes = [outcome_of(future.get(timeout=PATIENCE)) for future in futures]
    assert [outcome.output["said"] for outcome in outcomes if outcome.output] == list(range(100))


def test_the_registry_knows_neither_supervisors_nor_items(bench: Bench, gates: Any) -> None:
    """They opt out of Pykka's registry, whose removal scans a list."""
    opened = gates("g")
    handle = bench.submit(GATED, {"name": "g"})
    arrived("g")
    names = {each.actor_class.__name__ for each in pykka.ActorRegistry.get_all()}
    assert {"Engine", "Clock"} <= names
    assert not {"RunSupervisor", "ItemActor"} & names
    opened.set()
    outcome_of(handle)


def test_waiting_runs_add_nothing_to_the_registry(bench: Bench) -> None:
    """A small run takes the same time beside many of them."""
    entries = len(pykka.ActorRegistry.get_all())
    path = bench.write("tasks: [{name: wait, action: core.noop, delay: 1000}]\n")
    for accepted in [bench.proxy.submit(path) for _ in range(100)]:
        accepted.get(timeout=PATIENCE)
    assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) == 100
    assert len(pykka.ActorRegistry.get_all()) == entries
