"""What actions print, from the call to `stretto runs output`: engines, stores, a daemon and the command line."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.history.reports import UnknownItem
from stretto.actors.runs.item_output import ItemNotInFlight
from stretto.definitions.context.masking import MASK
from tests.support import printing_actions
from tests.support.daemons import STRETTO, serving
from tests.support.engines import Bench, outcome_of
from tests.support.forked_programs import ForkedProgram, run_program
from tests.support.waiting import PATIENCE, Fifo


@pytest.fixture
def start(start_bench: Callable[..., Bench]) -> Callable[..., Bench]:
    """Start an engine that captures."""
    return partial(start_bench, capture_output=True)


class Gate:
    """Lets an action wait until the test lets it continue."""

    def __init__(self, folder: Path) -> None:
        self.tell, self.go = Fifo(folder / "tell"), Fifo(folder / "go")

    @property
    def input(self) -> str:
        return f"tell: {self.tell.path}, go: {self.go.path}"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    with closing(gate.tell.file), closing(gate.go.file):
        yield gate


A_MOMENT = "tasks: [{name: a, action: core.sleep, input: {seconds: 0.05}}]\n"


def output(bench: Bench, run: str, task: str = "t", index: int = 0) -> dict[str, Any]:
    report: dict[str, Any] = bench.proxy.item_output(run, task, index).get(timeout=PATIENCE)
    return report


def test_the_text_of_an_item_is_shown_while_it_runs_and_after_its_end(
    start: Callable[..., Bench], gate: Gate, durable_url: str
) -> None:
    """By the engine, by the next engine, and by the store alone; as soon as the item has ended."""
    bench = start(store=durable_url)
    run = bench.submit(
        f"tasks:\n- {{name: t, action: say.plain, input: {{text: one, {gate.input}}}, next: [{{do: [u]}}]}}\n"
        f"- {{name: u, action: say.plain, input: {{text: two, {gate.input}}}}}\n"
    )
    assert gate.tell.line() == "here"
    while not (report := output(bench, run.id))["stdout"]:  # a worker of a pool sends it within half a second
        assert bench.run(A_MOMENT).status == "succeeded"
    assert (report["stdout"], report["outcome"], report["attempt"]) == ("one\n", None, 1)
    gate.go.give("on")
    assert gate.tell.line() == "here"
    ended = output(bench, run.id)
    assert (ended["stdout"], ended["outcome"]) == ("one\nmore\nWARNING say: logged\n", "succeeded")
    gate.go.give("on")
    assert outcome_of(run).status == "succeeded"
    assert output(bench, run.id) == ended
    assert output(bench, run.id, "u")["stdout"].startswith("two\nmore\n")
    with pytest.raises(UnknownItem):
        output(bench, run.id, "u", 1)
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)
    assert output(start(store=durable_url), run.id) == ended


def test_an_item_that_printed_nothing_has_the_output_of_its_result(
    start: Callable[..., Bench], sqlite_url: str
) -> None:
    """A process has both streams there; for other actions there is none."""
    bench = start(store=sqlite_url)
    run = bench.submit(
        "tasks:\n- {name: t, action: core.local, input: {cmd: 'echo out; echo err >&2; exit 3'},"
        " next: [{when: '{{ failed() }}', do: [u]}]}\n"
        "- {name: u, action: core.noop}\n"
    )
    outcome_of(run)
    report = output(bench, run.id)
    assert (report["outcome"], report["stdout"], report["stderr"], report["cut"]) == ("failed", "out\n", "err\n", 0)
    assert (output(bench, run.id, "u")["stdout"], output(bench, run.id, "u")["stderr"]) == (None, None)


def test_without_a_store_the_text_is_kept_while_its_run_is(start: Callable[..., Bench], gate: Gate) -> None:
    """During the run, and after its end."""
    bench = start()
    run = bench.submit(
        "tasks:\n- {name: t, action: say.plain, input: {text: one}, next: [{do: [u]}]}\n"
        f"- {{name: u, action: say.plain, input: {{text: two, {gate.input}}}}}\n"
    )
    assert gate.tell.line() == "here"
    ended = output(bench, run.id)
    assert (ended["stdout"], ended["outcome"]) == ("one\nWARNING say: logged\n", "succeeded")
    with pytest.raises(ItemNotInFlight, match=r"the workflow .* has no task 'v'"):
        output(bench, run.id, "v")
    gate.go.give("on")
    assert outcome_of(run).status == "succeeded"
    assert output(bench, run.id) == ended
    with pytest.raises(UnknownItem):
        output(bench, run.id, "v")


def test_two_hundred_items_at_once_have_their_own_texts(start: Callable[..., Bench], sqlite_url: str) -> None:
    """Their steps are interleaved on the loop."""
    bench = start(store=sqlite_url)
    run = bench.submit(
        "tasks: [{name: t, action: say.often, with_items: '{{ range(200) | list }}', concurrency: 200,"
        " input: {text: 'item {{ item }}', times: 10}}]\n"
    )
    assert outcome_of(run).status == "succeeded"
    for index in range(200):
        assert output(bench, run.id, "t", index)["stdout"] == "".join(f"item {index} {n}\n" for n in range(10))


SECRET = "parameters: {word: {type: string, secret: true}}\n"


def test_secrets_are_masked(start: Callable[..., Bench], sqlite_url: str, tmp_path: Path) -> None:
    """In memory, in the store and in what is shown."""
    text = SECRET + "tasks: [{name: t, action: say.plain, input: {text: 'it is {{ parameters.word }}!'}}]\n"
    for bench in (start(), start(store=sqlite_url)):
        run = bench.submit(text, {"word": "hunter2-and-more"})
        outcome_of(run)
        assert output(bench, run.id)["stdout"] == f"it is {MASK}!\nWARNING say: logged\n"
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*"))
    assert b"it is" not in kept


@pytest.mark.parametrize("stored", [False, True])
def test_a_run_keeps_the_texts_of_failed_items_first(
    start: Callable[..., Bench], sqlite_url: str, stored: bool
) -> None:
    """Within the setting; what is not kept is counted."""
    bench = start(max_output_bytes=5_000, **({"store": sqlite_url} if stored else {}))
    run = bench.submit(
        "tasks: [{name: t, action: say.plain, with_items: '{{ range(5) | list }}', concurrency: 1,"
        " input: {text: \"{{ 'x' * 2000 }}\", fail: '{{ item >= 2 }}'}}]\n"
    )
    outcome_of(run)
    reports = [output(bench, run.id, "t", index) for index in range(5)]
    assert [each["outcome"] for each in reports] == ["succeeded"] * 2 + ["failed"] * 3
    assert [len(each["stdout"]) for each in reports] == [0, 0, 2021, 2021, 0]
    assert [each["cut"] for each in reports] == [2021, 2021, 0, 0, 2021]


def test_the_newest_part_of_an_attempt_is_kept(start: Callable[..., Bench]) -> None:
    """With the number of the bytes before it."""
    bench = start()
    run = bench.submit("tasks: [{name: t, action: say.plain, input: {text: \"{{ 'x' * 70000 }}\"}}]\n")
    outcome_of(run)
    report = output(bench, run.id)
    assert (len(report["stdout"]), report["cut"], report["truncated"]) == (65_536, 70_021 - 65_536, True)
    assert report["stdout"].endswith("x\nWARNING say: logged\n")


@pytest.mark.own_process("a worker captures whatever it runs: its text has to come back")
def test_an_embedded_engine_captures_only_on_request(
    start_bench: Callable[..., Bench], capsys: pytest.CaptureFixture[str]
) -> None:
    """Else actions print as ever."""
    bench = start_bench()
    assert bench.run("tasks: [{name: t, action: say.aside}]\n").status == "succeeded"
    assert capsys.readouterr().out == "aside\ninside\n"


# ---- the command line

FLOW = """
version: "1"
ref: test.say
tasks:
  - {name: a, action: say.aside, next: [{do: [b]}]}
  - {name: b, action: say.often, input: {text: hello, times: 2}}
output_map: {done: true}
"""


def stretto(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return run_program([*STRETTO, *arguments], cwd=folder)


def test_standard_output_of_run_has_json_only(tmp_path: Path) -> None:
    """The texts are on standard error, and in the store."""
    (tmp_path / "flow.yaml").write_text(FLOW)
    store = f"sqlite:///{tmp_path}/cli.db"
    done = stretto(
        "run", "flow.yaml", "--actions", printing_actions.__file__, "--store", store, "--json", folder=tmp_path
    )
    assert json.loads(done.stdout)["output"] == {"done": True}, done.stderr
    assert sorted(done.stderr.splitlines()) == ["aside", "hello 0", "hello 1", "inside"]
    shown = stretto("runs", "output", "@latest", "a", "--store", store, folder=tmp_path)
    assert (shown.stdout, shown.stderr) == ("inside\n", "")
    shown = stretto("runs", "output", "@latest", "b", "--follow", "--store", store, folder=tmp_path)
    assert (shown.stdout, shown.returncode) == ("hello 0\nhello 1\n", 0)


def test_a_daemons_items_are_followed(tmp_path: Path, gate: Gate) -> None:
    """From the text so far to the end of the attempt; nothing of it is on the daemon's standard error."""
    flow = (
        f"version: '1'\nref: test.wait\ntasks: [{{name: t, action: say.plain, input: {{text: one, {gate.input}}}}}]\n"
    )
    (tmp_path / "flow.yaml").write_text(flow)
    with serving(
        tmp_path, "--actions", printing_actions.__file__, "--store", f"sqlite:///{tmp_path}/served.db"
    ) as daemon:
        started = stretto("run", "flow.yaml", "--daemon", daemon.client.url, "--detach", folder=tmp_path)
        run = started.stdout.strip()
        assert gate.tell.line() == "here", started
        command = [*STRETTO, "runs", "output", run, "t", "--follow", "--daemon", daemon.client.url]
        with ForkedProgram(command, stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout is not None
            assert following.stdout.readline() == "one\n"
            gate.go.give("on")
            assert following.stdout.read() == "more\nWARNING say: logged\n"
            assert following.wait(PATIENCE) == 0
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0
        daemon.read_to_the_end()
    assert not [line for line in daemon.log if "event" not in line]
