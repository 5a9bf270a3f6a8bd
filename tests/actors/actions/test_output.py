"""A process's output, read from outside while the process runs."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from stretto.actors.actions import Action
from stretto.actors.actions.core import local
from stretto.actors.actions.output import WINDOW_BYTES, OutputSoFar
from stretto.actors.runners import Call, Finished, Running
from stretto.actors.runners.event_loop import EventLoopRunner
from stretto.actors.runners.threads import ThreadRunner
from stretto.definitions.data.frozen import EMPTY_OBJECT, FrozenDict, freeze
from stretto.metrics.logging import CallIds
from tests.support.waiting import PATIENCE, Fifo

run_local = local.local


class Stage:
    """A runner, and processes that write, report it, and wait for the test."""

    def __init__(self, runner: EventLoopRunner, tell: Fifo, go: Fifo) -> None:
        self.tell = tell
        self.go = go
        self.ends: SimpleQueue[Finished] = SimpleQueue()
        self._runner = runner

    def start(self, function: Callable[..., Any], **values: Any) -> Running:
        return self._runner.start(*self._call(function, values), self.ends.put)

    def start_python(self, code: str) -> Running:
        """Start a program in which `write` writes bytes to standard output, and `wait` waits for the test."""
        beginning = (
            "import os, sys\n"
            "def write(data):\n    while data: data = data[os.write(1, data):]\n"
            "def wait():\n    open(os.environ['TELL'], 'w').write('here\\n'); open(os.environ['GO']).readline()\n"
        )
        return self.start(run_local, argv=[sys.executable, "-c", beginning + code], env=self.env)

    @property
    def env(self) -> dict[str, str]:
        return {"TELL": self.tell.path, "GO": self.go.path}

    def wait(self) -> None:
        """Wait until the process waits, and the loop has read its output up to then."""
        assert self.tell.line() == "here"
        over: SimpleQueue[Finished] = SimpleQueue()

        async def pass_by() -> None:
            """Take two turns of the loop, in which all that is readable is read."""
            for _ in range(2):
                await asyncio.sleep(0)

        self._runner.start(*self._call(pass_by, {}), over.put)
        assert over.get(timeout=PATIENCE).status == "succeeded"

    def result(self) -> dict[str, Any]:
        end = self.ends.get(timeout=PATIENCE)
        assert end.status == "succeeded", end.error
        result: dict[str, Any] = end.result
        return result

    @staticmethod
    def _call(function: Callable[..., Any], values: dict[str, Any]) -> tuple[Action, Call]:
        frozen = freeze(values)
        assert isinstance(frozen, FrozenDict)
        ids = CallIds("run", "ops.flow", "task", 0)
        return Action("test.process", function, "async"), Call("test.process", frozen, ids)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    runner, tell, go = EventLoopRunner(), Fifo(tmp_path / "tell"), Fifo(tmp_path / "go")
    with closing(tell.file), closing(go.file):
        yield Stage(runner, tell, go)
        runner.stop()


def so_far(running: Running) -> OutputSoFar:
    output = running.output()
    assert output is not None
    return output


WAIT = 'echo here > "$TELL"; read line < "$GO"'


def test_output_is_known_before_the_start_is(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that has started the process may run again much later."""
    started = threading.Event()
    popen = subprocess.Popen

    def slow(*given: Any, **named: Any) -> "subprocess.Popen[bytes]":
        process = popen(*given, **named)
        assert started.wait(PATIENCE)
        return process

    monkeypatch.setattr(subprocess, "Popen", slow)
    running = stage.start_python("write(b'so far'); wait(); write(b' so good')")
    stage.wait()
    assert so_far(running).stdout == "so far"
    started.set()
    stage.go.give("on")
    assert stage.result()["stdout"] == "so far so good"


def test_output_can_be_read_while_the_process_runs(stage: Stage) -> None:
    """Both outputs can be read before the process ends, and again when it has written more."""
    running = stage.start(run_local, cmd=f"echo one; echo wrong >&2; {WAIT}; echo two; {WAIT}", env=stage.env)
    stage.wait()
    output = so_far(running)
    assert (output.stdout, output.stderr, output.truncated) == ("one\n", "wrong\n", False)
    stage.go.give("on")
    stage.wait()
    assert so_far(running).stdout == "one\ntwo\n"
    stage.go.give("on")
    assert stage.result()["stdout"] == "one\ntwo\n"


def test_the_window_holds_the_newest_output_in_whole_characters(stage: Stage) -> None:
    """The window begins with a whole character, and is marked as truncated."""
    running = stage.start_python("write(('\\u00e9' * 50_000 + 'x').encode()); sys.stderr.write('e'); wait()")
    stage.wait()
    output = so_far(running)
    assert output.stdout == "\u00e9" * ((WINDOW_BYTES - 2) // 2) + "x"
    assert (output.stdout_truncated, output.stderr_truncated, output.truncated) == (True, False, True)
    stage.go.give("on")
    assert len(stage.result()["stdout"]) == 50_001


def test_output_beyond_the_bound_of_the_result_can_be_read(stage: Stage) -> None:
    """The result keeps the beginning, the window the end."""
    most = local.MAX_OUTPUT_BYTES
    running = stage.start_python(
        f"write(b'x' * ({most} - 3) + b'abcdef'); wait(); write(b'y' * 100_000 + b'end'); wait()"
    )
    stage.wait()
    assert so_far(running).stdout == "x" * (WINDOW_BYTES - 6) + "abcdef"
    stage.go.give("on")
    stage.wait()
    assert so_far(running).stdout == "y" * (WINDOW_BYTES - 3) + "end"
    stage.go.give("on")
    assert stage.result()["stdout"] == "x" * (most - 3) + "abc"


def test_a_character_is_shown_once_it_is_complete(stage: Stage) -> None:
    """Half a character at the end is left out. Invalid UTF-8 is replaced."""
    running = stage.start_python("write(b'\\xff caf\\xc3'); wait(); write(b'\\xa9'); wait()")
    stage.wait()
    assert so_far(running).stdout == "\ufffd caf"
    stage.go.give("on")
    stage.wait()
    assert so_far(running).stdout == "\ufffd caf\u00e9"


def test_the_last_of_several_processes_is_read(stage: Stage) -> None:
    """An action that runs one command after another shows the output of the last one."""

    async def both(env: dict[str, str]) -> None:
        await run_local(cmd="echo first")
        await run_local(cmd=f"echo second; {WAIT}", env=env)

    running = stage.start(both, env=stage.env)
    stage.wait()
    assert so_far(running).stdout == "second\n"


def test_concurrent_calls_have_separate_output(stage: Stage) -> None:
    """Each call shows the output of its own process."""
    running = [stage.start(run_local, cmd=f"echo {name}; {WAIT}", env=stage.env) for name in ("a", "b")]
    stage.wait()
    stage.wait()
    assert [so_far(each).stdout for each in running] == ["a\n", "b\n"]


def test_any_thread_can_read_output_while_the_process_writes(stage: Stage) -> None:
    """A reader gets a piece without gaps at any moment, and never an older piece than before."""
    running = stage.start(run_local, cmd="seq 1 400000")
    last, whole = 0, 0
    while stage.ends.empty():
        output = running.output()
        lines = [int(line) for line in output.stdout.split("\n")[1:-1]] if output is not None else []
        if lines:
            assert lines == list(range(lines[0], lines[-1] + 1))
            assert lines[-1] >= last
            last, whole = lines[-1], whole + 1
    assert "stdout_truncated" in stage.result()
    assert so_far(running).stdout.endswith("\n399999\n400000\n")


def test_a_call_without_a_process_has_no_output(stage: Stage) -> None:
    """Neither an async function that starts no process nor a function on a thread has output."""
    begun, release = threading.Event(), threading.Event()

    async def idle() -> None:
        begun.set()

    running = stage.start(idle)
    assert begun.wait(PATIENCE)
    assert running.output() is None
    threads = ThreadRunner(1)
    waits = Action("test.thread", lambda: release.wait(PATIENCE), "thread")
    on_thread = threads.start(waits, Call(waits.ref, EMPTY_OBJECT, CallIds("", "", "", 0)), stage.ends.put)
    assert on_thread.output() is None
    release.set()
    threads.stop()
