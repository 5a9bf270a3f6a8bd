"""Packs' Python actions in kept processes: what they get, what persists, and what each of them can harm."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.packs import add_packs, examine_packs, read_packs, warm
from stretto.actors.runners import Call, Finished, Running
from stretto.actors.runners.worker_runner import WorkerRunner
from stretto.actors.workers import roster
from stretto.definitions.data import FrozenDict, freeze
from stretto.metrics.logging import CallIds, call_ids
from tests.support.harness import fifo
from tests.support.waiting import PATIENCE

IDS = CallIds("run-1", "ops.flow", "task", 0)
TOOLS = """
import os, subprocess, sys, time
import beside
calls = 0
def count(n=0):
    global calls
    calls += 1
    return {"n": n, "calls": calls, "pid": os.getpid(), "beside": beside.VALUE, "cwd": os.getcwd(),
            "run": os.environ["ATTUNE_EXEC_ID"], "action": os.environ["ATTUNE_ACTION"], "python": sys.executable}
def move():
    os.chdir("/")
    os.environ["LEFT"] = "yes"
    sys.stdout.close()
    os.close(2)
def see():
    return [os.environ.get("LEFT"), "stretto" in sys.modules]
def talk(text):
    print(text)
    os.write(2, f"{text} below\\n".encode())
def log(text):
    import logging
    logging.getLogger("own").warning("%s", text)
def fail():
    raise ValueError("a value is odd")
def odd():
    return {1, 2}
def leave():
    return subprocess.Popen(["/bin/sleep", "600"]).pid
def hang(told):
    with open(told, "w") as line:
        line.write("up\\n")
    time.sleep(3600)
def quit():
    sys.exit("why")
def surrogate():
    return "\\ud800"
def deep():
    sys.setrecursionlimit(1_000_000)
    value = []
    for _ in range(5000):
        value = [value]
    return value
def escape(told):
    child = os.fork()
    if child == 0:
        os.setsid()
        with open(told, "w") as line:
            line.write(f"{os.getpid()}\\n")
    time.sleep(3600)
"""
SCRIPT = """
import json, os, sys
given = json.load(sys.stdin)
if given.get("code"):
    print("it went wrong", file=sys.stderr)
    sys.exit(given["code"])
if given.get("flood"):
    sys.stdout.write("x" * given["flood"])
    sys.stdout.flush()
    import time; time.sleep(3600)
seen_before = globals().get("seen")
print(json.dumps({"pid": os.getpid(), "name": __name__, "argv": sys.argv, "given": given, "seen": seen_before}))
seen = True
"""


OWN = """
import sys
def own():
    try:
        import stretto.actors
    except ImportError:
        return sys.executable
"""


class Tools:
    """A pack, and calls of its actions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tools"
        self.runner = WorkerRunner(2, capture_output=True, stop_seconds=0)
        self._ends: SimpleQueue[Finished] = SimpleQueue()
        self._registry = ActionRegistry.registered()
        for name in ("actions", "lib"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "pack.yaml").write_text('ref: tools\nversion: "1"\n')
        (self.folder / "lib" / "beside.py").write_text("VALUE = 1\n")
        self.write("tools.py", TOOLS)
        self.write("script.py", SCRIPT)

    def write(self, name: str, text: str) -> None:
        """Write a file of actions."""
        (self.folder / "actions" / name).write_text(text)

    def describe(self, name: str, entry: str, *fields: str) -> None:
        """Write the metadata of an action."""
        text = "\n".join((f"ref: {name}", "runner_type: python", f"entry_point: {entry}", *fields))
        self.write(f"{name}.yaml", f"{text}\n")

    def load(self) -> "Tools":
        """Read the pack anew, as a daemon does."""
        self._registry = ActionRegistry.registered()
        add_packs(self._registry, read_packs([self.folder]))
        return self

    def isolation_of(self, name: str) -> str | None:
        """Return where an action's code runs."""
        return self._registry.get(f"tools.{name}").isolation

    def start(self, name: str, **given: Any) -> Running:
        """Start a call."""
        frozen = freeze(given)
        assert isinstance(frozen, FrozenDict)
        action = self._registry.get(f"tools.{name}")
        return self.runner.start(action, Call(action.ref, frozen, IDS), self._ends.put)

    def end(self) -> Finished:
        """Wait for the next end of a call."""
        return self._ends.get(timeout=PATIENCE)

    def call(self, name: str, **given: Any) -> Finished:
        """Return the end of a call."""
        self.start(name, **given)
        return self.end()

    def result(self, name: str, **given: Any) -> Any:
        """Return the result of a call."""
        ended = self.call(name, **given)
        assert ended.status == "succeeded", ended
        return ended.result


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    made = Tools(tmp_path)
    for name in ("move", "see", "fail", "odd", "leave", "quit", "surrogate", "deep"):
        made.describe(name, f"tools.py:{name}")
    made.describe("count", "tools.py:count", "parameters: {n: {type: integer, default: 5}}")
    made.describe("alone", "tools.py:count", "parameters: {n: {type: integer, default: 5}}", "isolation: fresh")
    made.describe("talk", "tools.py:talk", "parameters: {text: {type: string}}")
    made.describe("hang", "tools.py:hang", "parameters: {told: {type: string}}")
    script = "parameters: {code: {type: integer}, flood: {type: integer}}", "output_format: json"
    made.describe("script", "script.py", *script, "isolation: worker")
    made.describe("plain", "script.py", *script)
    yield made.load()
    made.runner.stop()


def test_an_action_says_where_it_runs(tools: Tools) -> None:
    """In the words of the metadata: kept, or a process for each call, which a script has."""
    names = ("count", "alone", "script", "plain")
    assert [tools.isolation_of(name) for name in names] == ["worker", "fresh", "worker", "fresh"]


def test_a_function_gets_its_parameters_and_returns_its_result(tools: Tools) -> None:
    """Defaults are added. It runs in the pack's folder, with its neighbours on the path, and knows its run."""
    result = tools.result("count", n=3)
    assert {name: result[name] for name in ("n", "beside", "cwd", "run", "action")} == {
        "n": 3, "beside": 1, "cwd": str(tools.folder), "run": "run-1", "action": "tools.count",
    }  # fmt: skip
    assert tools.result("count")["n"] == 5


def test_calls_of_functions_share_a_process_unless_they_ask_for_one(tools: Tools) -> None:
    """Globals persist. The engine never imports the pack."""
    first, second, alone = tools.result("count"), tools.result("count"), tools.result("alone")
    assert (first["pid"], second["calls"]) == (second["pid"], 2)
    assert alone["calls"] == 1
    assert len({first["pid"], alone["pid"], os.getpid()}) == 3
    assert not any("tools" in name and name.startswith("action_") for name in sys.modules)


def test_what_a_call_leaves_is_as_documented(tools: Tools) -> None:
    """The environment persists; the working directory and the streams do not. No part of Stretto is loaded."""
    pid = tools.result("count")["pid"]
    tools.result("move")
    assert tools.result("see") == ["yes", False]
    assert tools.result("count")["cwd"] == str(tools.folder)
    assert tools.result("count")["pid"] == pid
    assert _printed(tools, "on")[0] == "on\n"


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("fail", "exception", "ValueError: a value is odd"),
        ("odd", "not_data", "the action's result is not JSON-like data"),
        ("quit", "exception", "SystemExit: why"),
        ("surrogate", "not_data", "the action's result is not JSON-like data"),
        ("deep", "not_data", "the action's result is not JSON-like data"),
    ],
)
def test_a_failed_call_has_its_kind(tools: Tools, name: str, kind: str, message: str) -> None:
    """The process goes on."""
    pid = tools.result("count")["pid"]
    ended = tools.call(name)
    assert (ended.status, ended.kind) == ("failed", kind)
    assert ended.error is not None
    assert ended.error.startswith(message)
    if name == "fail":
        assert [frame.function for frame in ended.traceback] == ["fail"]
    assert tools.result("count")["pid"] == pid


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("os._exit(7)", "exit code 7"),
        ("os.kill(os.getpid(), 11)", "signal 11 (SIGSEGV)"),
        ("bytearray(2 << 30)", "MemoryError"),
    ],
)
def test_the_end_of_a_process_fails_the_call_that_ran(tools: Tools, code: str, message: str) -> None:
    """An exit, a crash, or too much memory. Calls after it, and those sent with it, run."""
    tools.write("bad.py", f"import os\ndef bad():\n    {code}\n")
    tools.describe("bad", "bad.py:bad")
    tools.load()
    for name in ("count", "bad", "count", "count"):
        tools.start(name)
    ends = [tools.end() for _ in range(4)]
    (bad,) = [each for each in ends if each.status == "failed"]
    assert bad.kind == "exception"
    assert bad.error is not None
    assert message in bad.error


def test_a_cancel_and_a_timeout_end_the_process(tools: Tools, tmp_path: Path) -> None:
    """Whatever the call does."""
    with fifo(tmp_path / "told") as told:
        running = tools.start("hang", told=str(told.path))
        told.lines(1)
        assert running.cancel()
        assert tools.end().status == "cancelled"
        tools.describe("hang", "tools.py:hang", "parameters: {told: {type: string}}", "timeout: 0.5")
        ended = tools.load().call("hang", told=str(told.path))
    assert ended.error is not None
    assert "it took longer than 0.5 s and was stopped" in ended.error
    assert tools.result("count")["calls"] == 1


def test_a_process_that_keeps_the_channel_does_not_keep_the_call(tools: Tools, tmp_path: Path) -> None:
    """A forked child in a session of its own is not killed with its worker. The call ends all the same."""
    tools.describe("escape", "tools.py:escape", "parameters: {told: {type: string}}")
    with fifo(tmp_path / "told") as told:
        running = tools.load().start("escape", told=str(told.path))
        child = int(told.lines(1)[0])
        try:
            assert running.cancel()
            assert tools.end().status == "cancelled"
            assert tools.result("count")["calls"] == 1
        finally:
            os.kill(child, signal.SIGKILL)


def test_an_input_that_cannot_be_sent_fails_its_call_alone(tools: Tools) -> None:
    """With the reason. Calls after it run."""
    tools.describe(
        "words", "script.py", "parameters: {word: {type: string}}", "isolation: worker", "parameter_delivery: argv"
    )
    ended = tools.load().call("words", word="a\0b")
    assert (ended.status, ended.kind) == ("failed", "failed")
    assert ended.error is not None
    assert "word must not contain a null character" in ended.error
    assert tools.result("count")["calls"] == 1


def test_text_of_a_function_belongs_to_its_item(tools: Tools) -> None:
    """That of Python, and what is written to the descriptors."""
    started = [tools.start("talk", text=f"call {number}") for number in range(30)]
    for _ in started:
        assert tools.end().status == "succeeded"
    for number, running in enumerate(started):
        assert sorted(running.printed[0].newest()[0].splitlines()) == [f"call {number}", f"call {number} below"]


def _printed(tools: Tools, text: str) -> list[str]:
    running = tools.start("talk", text=text)
    assert tools.end().status == "succeeded"
    return [running.printed[0].newest()[0].replace(f"{text} below\n", "")]


def test_log_records_reach_the_log_of_the_daemon(tools: Tools, caplog: pytest.LogCaptureFixture) -> None:
    """With the ids of their call. They are text of the item as well."""
    tools.describe("log", "tools.py:log", "parameters: {text: {type: string}}")
    seen: list[Any] = []

    def note(_record: object) -> bool:
        seen.append(call_ids.get())
        return True

    caplog.handler.addFilter(note)
    running = tools.load().start("log", text="100% of it")
    assert tools.end().status == "succeeded"
    assert ("own", 30, "100% of it") in caplog.record_tuples
    assert IDS in seen
    assert running.printed[0].newest()[0] == "WARNING own: 100% of it\n"


def test_a_script_stays_alone_unless_it_says_worker(tools: Tools) -> None:
    """In a kept process, too, it is `__main__`, reads its standard input and begins with no globals of before."""
    first, second = tools.result("script"), tools.result("script")
    assert first["pid"] == second["pid"]
    assert second == {
        "pid": first["pid"], "name": "__main__", "argv": [str(tools.folder / "actions" / "script.py")],
        "given": {"code": None, "flood": None}, "seen": None,
    }  # fmt: skip
    assert tools._registry.get("tools.plain").runner == "async"


def test_a_script_in_a_kept_process_fails_as_one_alone_does(tools: Tools) -> None:
    """By its exit code, with the end of its standard error; and when it writes too much."""
    ended = tools.call("script", code=3)
    assert ended.error == "tools.script exited with 3: it went wrong"
    assert ended.result == {"exit_code": 3, "stdout": "", "stderr": "it went wrong\n"}
    running = tools.start("script", flood=3_000_000)
    ended = tools.end()
    assert ended.error is not None
    assert "it wrote more than 1,048,576 bytes to its standard output" in ended.error
    output = running.output()
    assert output is not None
    assert (len(output.stdout), output.stdout_truncated) == (65536, True)
    assert tools.result("script")["name"] == "__main__"


def test_a_process_that_a_call_leaves_behind_is_ended(tools: Tools) -> None:
    """With the worker that has started it."""
    pid = tools.result("count")["pid"]
    with suppress(ProcessLookupError):  # it has ended already
        left = os.pidfd_open(tools.result("leave"))
        assert select.select([left], [], [], PATIENCE)[0]
        os.close(left)
    assert tools.result("count")["pid"] != pid


def test_a_changed_file_gets_a_new_process_when_the_pack_is_read_anew(tools: Tools) -> None:
    """The old one ends when it has been idle."""
    assert tools.result("count")["beside"] == 1
    (tools.folder / "lib" / "beside.py").write_text("VALUE = 22\n")
    assert tools.load().result("count")["beside"] == 22


def test_a_pack_runs_in_its_own_environment(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which need not have Stretto."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "own")], check=True)
    python = str(tmp_path / "own" / "bin" / "python")
    monkeypatch.setattr(warm, "interpreter_of", lambda _pack: python)
    tools.write("own.py", OWN)
    tools.describe("own", "own.py:own")
    assert tools.load().result("own") == python


def test_a_missing_interpreter_fails_the_calls_of_its_pack(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name."""
    monkeypatch.setattr(warm, "interpreter_of", lambda _pack: "/no/python")
    ended = tools.load().call("count")
    assert ended.error == "tools.count: cannot start /no/python: No such file or directory"


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        (("entry_point: tools.py:cont", "runner_type: python"), "no_such_function", "tools.py has no function 'cont'"),
        (("entry_point: later.py:later", "runner_type: python"), "no_such_function", "'later' is async"),
        (("entry_point: broken.py:x", "runner_type: python"), "no_such_function", "broken.py is not valid Python"),
        (
            ("entry_point: tools.py:count", "runner_type: python", "isolation: thread"),
            "bad_choice",
            "a pack's code never runs on a thread of the daemon",
        ),
        (
            ("entry_point: go.sh", "runner_type: shell", "isolation: worker"),
            "bad_choice",
            "only Python actions can run in a kept process",
        ),
        (
            ("entry_point: tools.py:count", "runner_type: python", "output_format: json"),
            "bad_choice",
            "'output_format' is for programs",
        ),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(
    tools: Tools, fields: tuple[str, ...], code: str, message: str
) -> None:
    """When the pack is read, without executing its files."""
    tools.write("later.py", "async def later():\n    pass\n")
    tools.write("broken.py", "def x(:\n")
    tools.write("go.sh", "echo\n")
    tools.write("wrong.yaml", "\n".join(("ref: wrong", *fields)) + "\n")
    _, errors = examine_packs([tools.folder])
    assert [each.code for each in errors] == [code]
    assert message in errors[0].message


def test_a_warm_call_costs_no_process(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred calls start no more than one a core."""
    started: list[Any] = []
    monkeypatch.setattr(roster, "STUCK_SECONDS", PATIENCE)
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", _counting(started, popen))
    for _ in range(100):
        tools.start("count")
    for _ in range(100):
        assert tools.end().status == "succeeded"
    assert len(started) <= len(os.sched_getaffinity(0))


def _counting(started: list[Any], popen: Callable[..., Any]) -> Callable[..., Any]:
    def start(*args: Any, **options: Any) -> Any:
        started.append(time.monotonic())
        return popen(*args, **options)

    return start
