"""Evaluations that their own limits do not end: they are broken off, their runs fail, and everything else goes on."""

import gc
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from stretto.actors.dispatch import TimeGuard
from stretto.actors.engine import startup
from stretto.actors.engine.recovery import RunRestarting
from stretto.actors.history.replay import replay
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.sql.backup import check
from stretto.actors.outcome import RunWasParked
from stretto.definitions.conductor import EvaluationStopped, ResumeRequested
from stretto.definitions.expressions import evaluation_of, scope
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from tests.support.harness import PATIENCE, Bed, Inbox, opened_gate, running_engine, write_workflow
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from stretto.actors import Outcome

LIMIT = 0.1
OTHERS = "tasks: [{name: echo, action: core.echo, input: {message: fine}}]"

AT_THE_BEGIN = """
vars: {never: "{{ now() }}"}
tasks: [{name: echo, action: core.noop}]
"""
IN_AN_INPUT = """
tasks: [{name: echo, action: core.echo, input: {message: "{{ now() }}"}}]
"""
IN_A_HANDLED_INPUT = """
tasks:
  - {name: echo, action: core.echo, input: {message: "{{ now() }}"}, next: [{when: failed(), do: after}]}
  - {name: after, action: core.echo, input: {message: "handled"}}
output_map: {said: "{{ task.after.result }}"}
"""
IN_A_TRANSITION = """
tasks:
  - {name: echo, action: core.noop, next: [{when: "now() == 1", do: after}]}
  - {name: after, action: core.noop}
"""
IN_A_PUBLISH = """
tasks:
  - {name: echo, action: core.noop, next: [{publish: {x: "{{ now() }}"}, do: after}]}
  - {name: after, action: core.noop}
"""
IN_THE_ITEMS = """
tasks:
  - {name: echo, action: core.noop, next: [{do: after}]}
  - {name: after, action: core.noop, with_items: "{{ [now()] }}"}
"""
IN_THE_OUTPUT = """
tasks: [{name: echo, action: core.noop}]
output_map: {said: "{{ now() }}"}
"""
IN_A_STATEMENT = """
tasks: [{name: echo, action: core.noop}]
output_map: {said: "{% for i in [1] %}{{ now() }}{% endfor %}"}
"""


BESIDE_OTHERS = """
tasks:
  - {name: quick, action: core.noop, next: [{when: "now() == 1", do: after}]}
  - {name: slow, action: gate.pass, with_items: [1, 2], concurrency: 2, input: {gate: GATE, number: "{{ item }}"}}
  - {name: child, action: tests.child}
  - {name: after, action: core.noop}
"""
CHILD = """
version: "1.0.0"
ref: tests.child
cancellation_policy: cancel_running
tasks: [{name: slow, action: gate.pass, input: {gate: GATE, number: 3}}]
"""
AFTER_A_RESUME = """
tasks:
  - {name: first, action: gate.pass, input: {gate: GATE, number: 1}, next: [{do: after}]}
  - {name: after, action: core.noop, with_items: "{{ [now()] }}"}
"""
AFTER_A_GATE = """
vars: {when: "{{ now() }}"}
tasks: [{name: wait, action: gate.pass, input: {gate: GATE, number: 1}}]
"""
ORQUESTA = """
version: "1.0"
vars: [{x: 1}]
tasks:
  one:
    action: core.noop
    next: [{when: "<% succeeded() %>", publish: [{x: "<% ctx().x + 1 %>"}], do: two}]
  two: {action: core.noop}
output: [{x: "<% ctx().x %>"}]
"""


class Endless:
    """A function of the language, in place of `now`, which never returns and pays for nothing."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _context: Any) -> Any:
        self.calls += 1
        while True:
            pass


@contextmanager
def endless_now() -> Iterator[Endless]:
    """Let `now()` never return, so that the limits of an evaluation do not end it."""
    endless = Endless()
    with mock.patch.object(scope._RESOLVABLE["now"], "call", endless):
        yield endless


@pytest.fixture(autouse=True)
def _short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "EVALUATION_SECONDS", LIMIT)


@pytest.fixture(autouse=True)
def _without_finalizers() -> Iterator[None]:
    """Let no finalizer of an earlier test's garbage run in an evaluation, where it would swallow what breaks it off."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a store."""
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.fixture(params=["memory", "store"])
def bed(request: pytest.FixtureRequest, url: str) -> Iterator[Bed]:
    """Run an engine without and with a store."""
    with running_engine(store=None if request.param == "memory" else url) as running:
        yield running


def replayed(url: str, run_id: str) -> tuple[Any, list[Any]]:
    """Return a stored run's end as a replay finds it, and its entries."""
    with closing(open_reader(url, None)) as reader:
        accepted = reader.accepted(run_id)
        assert accepted is not None
        return replay(reader, accepted)[1].finish, reader.entries(run_id, 0, 1000)


FAILING = {
    "at the begin": AT_THE_BEGIN,
    "in a transition": IN_A_TRANSITION,
    "in a publish": IN_A_PUBLISH,
    "in the items": IN_THE_ITEMS,
    "in the output": IN_THE_OUTPUT,
    "in a statement": IN_A_STATEMENT,
}


@pytest.mark.parametrize("definition", FAILING.values(), ids=FAILING.keys())
def test_the_run_fails_and_others_go_on(bed: Bed, tmp_path: Path, definition: str) -> None:
    """The error names the limit, the expression and its place. The metric counts it."""
    others = write_workflow(tmp_path, "others", OTHERS)
    file = write_workflow(tmp_path, "endless", definition)
    with endless_now() as endless:
        run = bed.submit(file)
        other = bed.submit(others)
        outcome: Outcome = run.outcome.get(timeout=PATIENCE)
        assert other.outcome.get(timeout=PATIENCE).status == "succeeded"
    assert (outcome.status, outcome.output) == ("failed", None)
    (error,) = outcome.errors
    assert error["code"] == "limit_exceeded"
    assert error["message"] == "the evaluation was stopped because it took longer than its limit of 0.1 s"
    assert "now()" in error["expression"]
    assert (error["where"]["file"], error["where"]["line"] > 1) == (str(file), True)
    assert endless.calls == 1
    assert bed.metrics().value("evaluations_stopped_total") == 1
    assert bed.metrics().value("supervisor_restarts_total") == 0


@pytest.mark.parametrize("definition", FAILING.values(), ids=FAILING.keys())
def test_a_replay_ends_in_the_same_state_without_evaluating(url: str, tmp_path: Path, definition: str) -> None:
    """The entry precedes the event that led to the evaluation, so that nothing is evaluated for it again."""
    file = write_workflow(tmp_path, "endless", definition)
    with endless_now() as endless:
        with running_engine(store=url) as bed:
            run = bed.submit(file)
            outcome = run.outcome.get(timeout=PATIENCE)
            shown = bed.engine.run(run.id).get(timeout=PATIENCE)
        finish, entries = replayed(url, run.id)
        assert endless.calls == 1
    assert (finish.status, finish.output, finish.errors) == (outcome.status, outcome.output, outcome.errors)
    stops = [entry for entry in entries if isinstance(entry, EvaluationStopped)]
    assert [stop.begun for stop in stops] == [definition is not AT_THE_BEGIN]
    assert shown["status"] == "failed"
    assert check(url, None) == []


def test_an_item_fails_and_its_run_may_handle_that(bed: Bed, tmp_path: Path) -> None:
    """It is not retried, and a transition on `failed()` is taken."""
    with endless_now() as endless:
        failed = bed.run(write_workflow(tmp_path, "failed", IN_AN_INPUT))
        handled = bed.run(write_workflow(tmp_path, "handled", IN_A_HANDLED_INPUT))
    assert [error["code"] for error in failed.errors] == ["limit_exceeded"]
    assert failed.errors[0]["expression"] == "now()"
    assert (handled.status, handled.output) == ("succeeded", {"said": "handled"})
    assert endless.calls == 2
    assert bed.metrics().value("evaluations_stopped_total") == 2


def test_items_in_flight_and_sub_workflows_are_stopped(url: str, tmp_path: Path) -> None:
    """The run that is broken off starts none of them again."""
    (tmp_path / "definitions").mkdir()
    with opened_gate(tmp_path / "gate") as gate:
        (tmp_path / "definitions" / "child.yaml").write_text(CHILD.replace("GATE", gate.name))
        file = write_workflow(tmp_path, "beside", BESIDE_OTHERS.replace("GATE", gate.name))
        with endless_now(), running_engine(store=url, definitions=str(tmp_path / "definitions")) as bed:
            run = bed.submit(file)
            outcome = run.outcome.get(timeout=PATIENCE)
            assert outcome.status == "failed"
            assert "limit_exceeded" in {error["code"] for error in outcome.errors}
            bed.census.wait_until_gone("RunSupervisor", "ItemActor")
    assert gate.cancelled.qsize() <= 3
    assert replayed(url, run.id)[0].errors == outcome.errors
    assert check(url, None) == []


def test_a_workflow_of_orquesta_fails_as_well(bed: Bed, tmp_path: Path) -> None:
    """Although its transitions and its output are evaluated after other failures."""
    file = tmp_path / "orquesta.yaml"
    file.write_text(ORQUESTA)
    calls = 0

    def endless(_evaluation: Evaluation) -> Any:
        nonlocal calls
        calls += 1
        while True:
            pass

    with mock.patch.object(Evaluation, "variables", endless):
        outcome = bed.run(file)
    assert (outcome.status, outcome.output) == ("failed", None)
    assert [error["code"] for error in outcome.errors] == ["limit_exceeded"]
    assert outcome.errors[0]["expression"] == "ctx().x + 1"
    assert calls == 1


def test_a_request_that_is_broken_off_is_answered(url: str, tmp_path: Path) -> None:
    """Its caller is told to look at the run, which fails. A replay drops the request: the run no longer allows it."""
    progress: queue.SimpleQueue[Any] = queue.SimpleQueue()
    watcher = Inbox.start(progress)
    with opened_gate(tmp_path / "gate") as gate, endless_now(), running_engine(store=url) as bed:
        file = write_workflow(tmp_path, "held", AFTER_A_RESUME.replace("GATE", gate.name))
        run = bed.submit(file, watcher=watcher)
        gate.arrivals(1)
        bed.engine.pause(run.id).get(timeout=PATIENCE)
        gate.let_go(1)
        while progress.get(timeout=PATIENCE).tasks["first"]["status"] != "succeeded":
            pass
        with pytest.raises(RunRestarting):
            bed.engine.resume(run.id).get(timeout=PATIENCE)
        outcome = run.outcome.get(timeout=PATIENCE)
    watcher.stop()
    assert [error["code"] for error in outcome.errors] == ["limit_exceeded"]
    finish, entries = replayed(url, run.id)
    assert finish.errors == outcome.errors
    assert isinstance(entries[-1], ResumeRequested)


def test_a_break_in_recovery_fails_nothing(url: str, tmp_path: Path) -> None:
    """The run is parked, and the engine is ready. The next engine, whose replay is quick, finishes the run."""
    with opened_gate(tmp_path / "gate") as gate:
        with running_engine(store=url) as bed:
            run = bed.submit(write_workflow(tmp_path, "recovered", AFTER_A_GATE.replace("GATE", gate.name)))
            gate.arrivals(1)
        with endless_now(), running_engine(store=url) as bed:
            handle = bed.engine.handle(run.id).get(timeout=PATIENCE)
            bed.engine.host.recovered().get(timeout=PATIENCE)
            with pytest.raises(RunWasParked, match=r"its replay was broken off: .*recovered\.yaml:.*took longer"):
                handle.outcome.get(timeout=PATIENCE)
            assert bed.metrics().value("evaluations_stopped_total") == 1
            assert bed.engine.runs_in_progress().get(timeout=PATIENCE) == 0
        gate.let_go(1)
        with running_engine(store=url) as bed:
            handle = bed.engine.handle(run.id).get(timeout=PATIENCE)
            assert handle.outcome.get(timeout=PATIENCE).status == "succeeded"


def test_a_reader_is_broken_off_and_reads_on(url: str, tmp_path: Path) -> None:
    """A report that replays a run gets an error; the reader's thread serves others."""
    with running_engine(store=url) as bed:
        run = bed.submit(write_workflow(tmp_path, "fine", 'vars: {at: "{{ now() }}"}' + chr(10) + OTHERS))
        assert run.outcome.get(timeout=PATIENCE).status == "succeeded"
        for _ in range(2):
            with endless_now(), pytest.raises(Exception, match="an evaluation was stopped, because it still ran"):
                bed.engine.rerun(run.id, "failed_tasks").get(timeout=PATIENCE)
        assert bed.engine.run(run.id).get(timeout=PATIENCE)["status"] == "succeeded"


KILLED = """
import os, signal, sys
from stretto.actors.dispatch import unbound_handlers
from stretto.actors.engine import startup
from stretto.actors.engine.recovery import RunRecovery
from stretto.actors.history import RunLoaded
from tests.robustness.test_evaluation_guard import LIMIT, PATIENCE, endless_now
from tests.support.harness import running_engine

startup.EVALUATION_SECONDS = LIMIT
instant = sys.argv[3]

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if instant == "before it is durable":
    RunRecovery._leave_supervisor = kill
else:
    unbound_handlers(RunRecovery)[RunLoaded] = kill

with endless_now(), running_engine(store=sys.argv[1]) as bed:
    run = bed.submit(sys.argv[2])
    print(run.id, flush=True)
    run.outcome.get(timeout=PATIENCE)
"""


@pytest.mark.parametrize("instant", ["before it is durable", "after it is durable"])
def test_a_kill_right_after_the_break(url: str, tmp_path: Path, instant: str) -> None:
    """The next engine ends the run: from the stop if that is durable, else as if nothing had been evaluated."""
    file = write_workflow(tmp_path, "killed", IN_A_TRANSITION)
    command = [sys.executable, "-c", KILLED, url, str(file), instant]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run_id = killed.stdout.strip()
    with endless_now() as endless, running_engine(store=url) as bed:
        if bed.engine.runs_in_progress().get(timeout=PATIENCE):
            handle = bed.engine.handle(run_id).get(timeout=PATIENCE)
            handle.outcome.get(timeout=PATIENCE)
        shown = bed.engine.run(run_id).get(timeout=PATIENCE)
        if instant == "after it is durable":
            assert endless.calls == 0
    assert shown["status"] == "failed"
    assert [error["code"] for error in shown["errors"]] == ["limit_exceeded"]
    assert check(url, None) == []


LOOP = "{% for i in range(300) %}{{ i % 7 }}{% endfor %}"
BUSY = f"""
vars: {{text: "{LOOP}"}}
tasks:
  - name: fan
    action: core.echo
    with_items: "{{{{ range(8) }}}}"
    input: {{message: "{LOOP}"}}
    next: [{{when: succeeded(), publish: {{text: "{LOOP}"}}, do: after}}]
  - {{name: after, action: core.noop}}
output_map: {{length: "{{{{ workflow.text | length }}}}", text: "{LOOP}"}}
"""


class RandomBreaks:
    """Breaks off evaluations of some runs at any instant, each run's once."""

    def __init__(self, guard: TimeGuard, file: Path) -> None:
        self.broken: set[str] = set()
        self._guard = guard
        self._file = str(file)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._break_off)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Break evaluations off in the `with` block."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join(PATIENCE)

    def _break_off(self) -> None:
        while not self._over.is_set():
            with self._guard._lock:
                for thread in list(self._guard._threads.values()):
                    thread.seen = thread.calls
                    if thread.armed and thread.broken is None:
                        self._consider(thread)

    def _consider(self, thread: Any) -> None:
        work = evaluation_of(thread.ident)
        moment = None if work is None else getattr(work[1], "moment", None)
        if work is None or moment is None or work[0].place.file != self._file:
            return
        run_id = moment.seed[0]
        if run_id not in self.broken:
            self._guard._break_off(thread, work)
            if thread.broken is work:
                self.broken.add(run_id)


@pytest.fixture
def _switching_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_switching_often")
def test_breaks_at_any_instant_beside_many_runs(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other run succeeds, each that was broken off fails with the limit, and the store is in order."""
    monkeypatch.setattr(startup, "EVALUATION_SECONDS", PATIENCE)
    others, victims = write_workflow(tmp_path, "others", BUSY), write_workflow(tmp_path, "victims", BUSY)
    with running_engine(store=url) as bed:
        breaks = RandomBreaks(bed.engine.host.services().get(timeout=PATIENCE).guard, victims)
        with breaks.going_on():
            outcomes: list[tuple[Path, str, Outcome]] = []
            # How many are broken off in a round depends on the machine.
            while len(breaks.broken) <= 10:
                runs = [(file, bed.submit(file)) for _ in range(40) for file in (others, victims)]
                outcomes += [(file, run.id, run.outcome.get(timeout=PATIENCE)) for file, run in runs]
        stopped = bed.metrics().value("evaluations_stopped_total")
    for file, run_id, outcome in outcomes:
        if file == victims and run_id in breaks.broken:
            assert outcome.status == "failed", outcome
            assert "limit_exceeded" in {error["code"] for error in outcome.errors}, outcome
        else:
            assert outcome.status == "succeeded", outcome
        finish, _ = replayed(url, run_id)
        assert (finish.status, finish.output, finish.errors) == (outcome.status, outcome.output, outcome.errors)
    assert len(breaks.broken) == stopped
    assert check(url, None) == []
