"""The output so far of an item in flight, asked of a real engine, with real processes."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import RunHandle
from stretto.actors.actions.output import WINDOW_BYTES
from stretto.actors.history.reports import UnknownItem
from stretto.actors.outcome import UnknownRun
from stretto.actors.runs.item import ItemActor
from stretto.actors.runs.item_output import ItemNotInFlight, find_item_in_flight
from stretto.actors.runs.messages import ReportOutput
from stretto.definitions.context.masking import MASK
from tests.support.engines import Bench, outcome_of
from tests.support.evaluating import reading
from tests.support.waiting import PATIENCE, Fifo


class Stage:
    """An engine, and commands that write, tell so, and wait until the test lets them go on."""

    def __init__(self, bench: Bench, tell: Fifo, go: Fifo) -> None:
        self.bench = bench
        self.tell = tell
        self.go = go

    @property
    def env(self) -> dict[str, str]:
        return {"TELL": self.tell.path, "GO": self.go.path}

    def command(self, cmd: str, **env: str) -> str:
        """Return a task's action and input: a command in which `wait` tells that it is there and waits."""
        return f"action: core.local, input: {{cmd: {json.dumps(WAIT + cmd)}, env: {json.dumps({**self.env, **env})}}}"

    def wait(self, commands: int = 1) -> None:
        """Wait until so many commands wait, and what they have written by then has been read."""
        for _ in range(commands):
            assert self.tell.line() == "here"
        # On the same loop: when this has ended, the loop has looked at all that could be read before it.
        assert self.bench.run("tasks: [{name: t, action: core.sleep, input: {seconds: 0}}]\n").status == "succeeded"

    def output(self, run: RunHandle, task: str, index: int = 0) -> dict[str, Any]:
        output: dict[str, Any] = self.bench.proxy.item_output(run.id, task, index).get(timeout=PATIENCE)
        return output

    def refused(self, run: RunHandle, task: str, index: int = 0) -> str:
        with pytest.raises(ItemNotInFlight) as caught:
            self.output(run, task, index)
        return str(caught.value)


WAIT = 'wait() { echo here > "$TELL"; read line < "$GO"; }; '


@pytest.fixture
def stage(start_bench: Callable[..., Bench], tmp_path: Path) -> Iterator[Stage]:
    tell, go = Fifo(tmp_path / "tell"), Fifo(tmp_path / "go")
    with closing(tell.file), closing(go.file):
        yield Stage(start_bench(), tell, go)


def test_the_output_so_far_of_a_running_item_can_be_asked_for(stage: Stage) -> None:
    """While it runs, the answer names the try and gives what it has written; the run ends as ever."""
    run = stage.bench.submit(f"tasks: [{{name: build, {stage.command('echo compiling; echo hm >&2; wait')}}}]\n")
    stage.wait()
    assert stage.output(run, "build") == {
        "task": "build",
        "visit": 1,
        "index": 0,
        "attempt": 1,
        "outcome": None,
        "stdout": "compiling\n",
        "stderr": "hm\n",
        "truncated": False,
        "cut": 0,
    }
    proxy = stage.bench.proxy
    assert proxy.item_output(run.id, "build", 0, 1).get(timeout=PATIENCE) == stage.output(run, "build")
    with pytest.raises(ItemNotInFlight, match="attempt 2 of item 0 of the task 'build' is not in flight; attempt 1 is"):
        proxy.item_output(run.id, "build", 0, 2).get(timeout=PATIENCE)
    stage.go.give("on")
    assert outcome_of(run).status == "succeeded"


def test_the_index_names_one_item_of_a_fan_out(stage: Stage) -> None:
    """Items in flight beside each other answer each for itself."""
    command = stage.command('echo "I am $WHO"; wait', WHO="{{ item }}")
    run = stage.bench.submit(f"tasks: [{{name: each, with_items: [a, b], concurrency: 2, {command}}}]\n")
    stage.wait(2)
    report = [stage.output(run, "each", index) for index in (0, 1)]
    assert [(each["index"], each["stdout"]) for each in report] == [(0, "I am a\n"), (1, "I am b\n")]


def test_the_output_is_of_the_running_attempt(stage: Stage, tmp_path: Path) -> None:
    """After a retry it is the second try that answers, with what that one has written."""
    flag = tmp_path / "tried"
    command = stage.command('if [ -e "$FLAG" ]; then echo again; wait; else touch "$FLAG"; exit 1; fi', FLAG=str(flag))
    run = stage.bench.submit(f"tasks: [{{name: t, retry: {{count: 1}}, {command}}}]\n")
    stage.wait()
    report = stage.output(run, "t")
    assert (report["attempt"], report["stdout"]) == (2, "again\n")


SECRET = "hunter2-and-more"
TASK = "parameters: {{word: {{type: string, secret: true}}}}\ntasks: [{{name: t, {}}}]\n"


def test_secrets_are_masked(stage: Stage) -> None:
    """The run's secrets are not shown in a process's output, neither whole nor in part."""
    command = stage.command(
        'echo "word=$WORD."; printf "it is ${WORD%-more}"; wait; printf -- "-more!"; wait',
        WORD="{{ parameters.word }}",
    )
    run = stage.bench.submit(TASK.format(command), {"word": SECRET})
    stage.wait()
    assert stage.output(run, "t")["stdout"] == f"word={MASK}.\nit is "
    stage.go.give("on")
    stage.wait()
    assert stage.output(run, "t")["stdout"] == f"word={MASK}.\nit is {MASK}!"


@pytest.mark.parametrize("shown", [1, 5, len(SECRET) - 1])
def test_no_end_of_a_secret_is_shown_where_the_window_begins(stage: Stage, shown: int) -> None:
    """A secret of which the window holds only the last characters is left out."""
    filler = WINDOW_BYTES - shown
    command = stage.command(
        f'echo "$WORD" >&2; printf %s "$WORD"; head -c {filler} /dev/zero | tr "\\0" .; wait',
        WORD="{{ parameters.word }}",
    )
    run = stage.bench.submit(TASK.format(command), {"word": SECRET})
    stage.wait()
    report = stage.output(run, "t")
    assert (report["stdout"], report["stderr"], report["truncated"]) == ("." * filler, f"{MASK}\n", True)


def test_an_action_that_is_no_process_has_no_output(stage: Stage) -> None:
    """Null is not "": there is nothing that could be read."""
    run = stage.bench.submit("tasks: [{name: t, action: core.sleep, input: {seconds: 1000}}]\n")
    report = stage.output(run, "t")
    assert (report["stdout"], report["stderr"], report["truncated"]) == (None, None, False)


def test_a_sub_workflows_items_have_the_output(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """The item that a workflow performs has none itself: its run is asked for its own items."""
    child = 'ref: ops.child\nversion: "1"\ntasks: [{name: inner, action: core.sleep, input: {seconds: 1000}}]\n'
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "child.yaml").write_text(child)
    stage = Stage(start_bench(definitions=tmp_path / "definitions"), Fifo(tmp_path / "tell"), Fifo(tmp_path / "go"))
    with closing(stage.tell.file), closing(stage.go.file):
        run = stage.bench.submit("tasks: [{name: outer, action: ops.child}]\n")
        assert stage.output(run, "outer")["stdout"] is None


def test_a_packs_process_can_be_read(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Actions of packs are processes like any other."""
    actions = tmp_path / "tools" / "actions"
    actions.mkdir(parents=True)
    (actions.parent / "pack.yaml").write_text('ref: tools\nversion: "1"\n')
    (actions / "go.yaml").write_text("ref: go\nrunner_type: shell\nentry_point: go.sh\n")
    tell, go = Fifo(tmp_path / "tell"), Fifo(tmp_path / "go")
    with closing(tell.file), closing(go.file):
        (actions / "go.sh").write_text(f"echo packed\necho here > {tell.path}\nread line < {go.path}\n")
        stage = Stage(start_bench(packs=actions.parent), tell, go)
        run = stage.bench.submit("tasks: [{name: t, action: tools.go}]\n")
        stage.wait()
        assert stage.output(run, "t")["stdout"] == "packed\n"


def test_a_stackstorm_command_can_be_read(stage: Stage) -> None:
    """Orquesta's core.local runs the same processes."""
    path = stage.bench.folder / "orquesta.yaml"
    cmd, env = json.dumps(WAIT + "echo st2; wait"), json.dumps(stage.env)
    path.write_text(f"version: 1.0\ntasks:\n  t: {{action: core.local, input: {{cmd: {cmd}, env: {env}}}}}\n")
    run: RunHandle = stage.bench.proxy.submit(path).get(timeout=PATIENCE)
    stage.wait()
    assert stage.output(run, "t")["stdout"] == "st2\n"


def test_an_error_for_an_item_that_is_not_in_flight_lists_those_that_are(stage: Stage) -> None:
    """A task that is not there, one that has not begun, and an item that is not among those in flight."""
    fan = (
        f"with_items: '{{{{ range(13) | list }}}}', concurrency: 12, {stage.command('wait')}, next: [{{do: [report]}}]"
    )
    run = stage.bench.submit(f"ref: ops.fan\ntasks:\n- {{name: check, {fan}}}\n- {{name: report, action: core.noop}}\n")
    stage.wait(12)
    assert stage.refused(run, "chekc") == "the workflow ops.fan has no task 'chekc'; did you mean 'check'?"
    assert stage.refused(run, "zzz") == "the workflow ops.fan has no task 'zzz'; there are: check, report"
    assert stage.refused(run, "report") == "the task 'report' is not in flight: it waits to start, or has ended"
    assert stage.refused(run, "check", 12) == (
        "item 12 of the task 'check' is not in flight: it waits to start, or has ended; "
        "in flight of this task: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ..."
    )


def test_of_several_visits_the_newest_is_meant() -> None:
    """A task that was reached again while it runs has the same item twice: the one that began last answers."""
    workflow = reading('version: "1"\ntasks: [{name: t, action: core.noop}]\n')
    in_flight = {("t", 2, 0): "older", ("t", 3, 0): "newer", ("t", 4, 1): "another", ("u", 9, 0): "of another task"}
    assert find_item_in_flight(in_flight, workflow, "t", 0) == "newer"


def test_a_run_that_has_ended_without_prints_or_never_was_is_an_error(bench: Bench) -> None:
    """Without a store, nothing of it is kept."""
    run = bench.submit("tasks: [{name: t, action: core.noop}]\n")
    outcome_of(run)
    with pytest.raises(UnknownItem, match=f"no text of item 0 of the task 't' of the run {run.id} is kept"):
        bench.proxy.item_output(run.id, "t").get(timeout=PATIENCE)
    with pytest.raises(UnknownRun):
        bench.proxy.item_output("nope", "t").get(timeout=PATIENCE)


def test_an_item_that_has_just_ended_says_so(bench: Bench) -> None:
    """A question that reaches an item after its end is answered, and harms nothing."""
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    item = ItemActor.start_on(services.dispatcher, services, "run", "ops.flow")
    with pytest.raises(ItemNotInFlight, match="the item has just ended"):
        item.ask(ReportOutput(), timeout=PATIENCE)
    assert item.is_alive()
    item.stop(timeout=PATIENCE)
