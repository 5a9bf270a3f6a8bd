import asyncio
import gc
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.actions import ActionFailed, OutputSlot, output_slot
from stretto.actors.actions.core import local, spawning
from tests.support.waiting import PATIENCE, Fifo

run_local = local.local


def run(**values: Any) -> dict[str, Any]:
    return asyncio.run(run_local(**values))


def failing(**values: Any) -> ActionFailed:
    with pytest.raises(ActionFailed) as caught:
        run(**values)
    return caught.value


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Fifo]:
    fifo = Fifo(tmp_path / "tell")
    yield fifo
    fifo.file.close()


@pytest.fixture
def watch() -> Iterator[Callable[[int], int]]:
    """Open a pidfd, which shows the end of a process even before it is reaped."""
    opened = []

    def open_one(pid: int) -> int:
        opened.append(os.pidfd_open(pid))
        return opened[-1]

    yield open_one
    for pidfd in opened:
        os.close(pidfd)


def has_ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(1000 * PATIENCE))


def cancel_after_line(fifo: Fifo, watch: Callable[[int], int], **values: Any) -> list[int]:
    """Start a command, cancel it once it has reported some pids, and return their pidfds."""
    pidfds: list[int] = []

    async def main() -> None:
        task = asyncio.create_task(run_local(**values, env={"TELL": fifo.path}))
        line = await asyncio.to_thread(fifo.line)
        pidfds.extend(watch(int(pid)) for pid in line.split())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    return pidfds


def test_argv_runs_without_a_shell() -> None:
    """An argument reaches the program unchanged, with all characters that mean something to a shell."""
    text = "$(id); `id` \"quoted\" 'too' * \n|&"
    result = run(argv=[sys.executable, "-c", "import sys; sys.stdout.write(sys.argv[1])", text])
    assert result == {"exit_code": 0, "stdout": text, "stderr": ""}


def test_numbers_and_booleans_become_text() -> None:
    """A type-preserving expression in argv or env gives the text that a template would."""
    result = run(argv=["/bin/sh", "-c", "echo $1 $2 $A", "sh", 5, True], env={"A": 1.5})
    assert result["stdout"] == "5 true 1.5\n"


def test_cmd_gets_data_by_its_environment_only() -> None:
    """A value in env is data to the shell, never code."""
    hostile = '"; echo broken; $(echo worse) `echo worst`'
    assert run(cmd='printf %s "$MESSAGE"', env={"MESSAGE": hostile})["stdout"] == hostile


def test_the_daemons_environment_does_not_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sees PATH, HOME and the like, its own env, and nothing else."""
    monkeypatch.setenv("DATABASE_PASSWORD", "s3cret")
    monkeypatch.setenv("LC_TIME", "C")
    result = run(argv=["env"], env={"OWN": "1", "HOME": "/elsewhere"})
    names = {line.partition("=")[0] for line in result["stdout"].splitlines()}
    assert {"PATH", "HOME", "OWN", "LC_TIME"} <= names
    assert names <= {*local.INHERITED, "OWN"} | {name for name in names if name.startswith("LC_")}
    assert "HOME=/elsewhere" in result["stdout"]


def test_changes_of_the_daemons_environment_reach_the_next_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """What commands inherit is decoded once, until it changes: a value, a name less, a byte that is not UTF-8."""

    def inherited() -> dict[str, str]:
        return dict(line.split("=", 1) for line in run(argv=["/usr/bin/env"])["stdout"].splitlines())

    monkeypatch.setenv("TZ", "UTC")
    before = inherited()
    assert inherited() == before
    monkeypatch.setenv("TZ", "Europe/Rome")
    assert inherited() == {**before, "TZ": "Europe/Rome"}
    monkeypatch.delenv("TZ")
    monkeypatch.delenv("PATH")
    assert inherited() == {name: value for name, value in before.items() if name != "TZ"} | {"PATH": os.defpath}
    monkeypatch.setitem(os.environb, b"LC_TIME", b"\xff")
    assert local.inherited_environment()["LC_TIME"] == "\udcff"


def test_the_inherited_variables_belong_to_their_caller() -> None:
    """A caller may change them, and the next one gets them as they are."""
    local.inherited_environment().clear()
    assert local.inherited_environment()["PATH"]


def test_stdin_is_empty_and_the_session_its_own() -> None:
    """A command reads nothing from the daemon's terminal and has its own session."""
    code = "import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpgrp() == os.getpid())"
    assert run(argv=[sys.executable, "-c", code])["stdout"] == "'' True\n"


def test_cwd_is_where_it_runs(tmp_path: Path) -> None:
    """The command runs in cwd."""
    assert run(cmd="pwd -P", cwd=str(tmp_path))["stdout"].strip() == str(tmp_path.resolve())


def test_a_non_zero_exit_fails_with_the_result() -> None:
    """An exit code except 0 is ActionFailed with the result and the last lines of stderr."""
    error = failing(cmd="for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; echo out; exit 3")
    assert error.result["exit_code"] == 3
    assert error.result["stdout"] == "out\n"
    assert str(error) == "the command exited with 3: line 3\nline 4\nline 5\nline 6\nline 7"


def test_a_death_by_signal_is_reported_by_name() -> None:
    """A killed command has a negative exit code, and its message names the signal."""
    error = failing(cmd="kill -KILL $$")
    assert error.result["exit_code"] == -9
    assert str(error) == "the command was killed by SIGKILL"


def test_output_is_bounded_and_the_rest_is_read() -> None:
    """A flood does not block the command. Output beyond the bound is dropped and the result says so."""
    flood = "head -c 3000000 /dev/zero | tr '\\0' x"
    result = run(cmd=f"{flood}; {flood} >&2; exit 0")
    assert len(result["stdout"]) == len(result["stderr"]) == local.MAX_OUTPUT_BYTES == 1024 * 1024
    assert result["stdout_truncated"] is True
    assert result["stderr_truncated"] is True


def test_output_that_is_not_utf8_is_replaced() -> None:
    """Invalid bytes become U+FFFD."""
    assert run(cmd="printf 'a\\377b'")["stdout"] == "a\ufffdb"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "exactly one of argv and cmd must be given"),
        ({"argv": ["x"], "cmd": "x"}, "exactly one of argv and cmd must be given"),
        ({"argv": []}, "argv must begin with a program's name"),
        ({"argv": ["echo", None]}, "argv[1] must be text, a number or a boolean"),
        ({"argv": ["echo", "a\0b"]}, "argv[1] must not contain a null character"),
        ({"cmd": "true", "env": {"A": [1]}}, "env.A must be text, a number or a boolean"),
        ({"cmd": "true", "env": {"A=B": "1"}}, "'A=B' is not a valid name of an environment variable"),
        ({"cmd": "true", "cwd": "/\0"}, "cwd must not contain a null character"),
        ({"cmd": "true", "timeout": 0}, "timeout must be greater than 0, got 0"),
        ({"argv": ["absent-for-sure"]}, "cannot run absent-for-sure: the command or its interpreter does not exist"),
        ({"argv": ["/"]}, "cannot run /: Permission denied"),
        ({"cmd": "true", "cwd": "/absent"}, "cannot run /bin/sh in /absent: No such file or directory"),
    ],
)
def test_a_command_that_cannot_run_fails_in_words(values: dict[str, Any], reason: str) -> None:
    """Wrong inputs, unknown commands and bad directories fail with a clear message."""
    assert reason in str(failing(**values))


class SettableLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be set forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def test_a_timeout_stops_the_command_and_keeps_its_output(tell: Fifo) -> None:
    """A timeout stops the command and fails with its output so far."""
    loop = SettableLoop()

    async def main() -> None:
        command = ["/bin/sh", "-c", 'echo begun; echo > "$TELL"; exec sleep 1000']
        task = asyncio.create_task(run_local(argv=command, env={"TELL": tell.path}, timeout=500))
        await asyncio.to_thread(tell.line)
        loop.ahead = 500
        await task

    with asyncio.Runner(loop_factory=lambda: loop) as runner, pytest.raises(ActionFailed) as caught:
        runner.run(main())
    assert str(caught.value) == "/bin/sh took longer than 500 s and was stopped"
    assert caught.value.result["stdout"] == "begun\n"
    assert caught.value.result["exit_code"] is None


def test_cancelling_ends_the_whole_group(tell: Fifo, watch: Callable[[int], int]) -> None:
    """SIGTERM reaches the command and the children it has started."""
    cmd = 'sleep 1000 & echo "$$ $!" > "$TELL"; wait'
    assert all(map(has_ended, cancel_after_line(tell, watch, cmd=cmd)))


def test_grandchildren_that_hold_the_pipes_are_ended(
    tell: Fifo, watch: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command whose leader has exited runs on while its output is open, and can still be stopped."""
    cmd = '(trap "" TERM; sleep 1000) & echo "$!" > "$TELL"; exit 0'
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.01)
    assert all(map(has_ended, cancel_after_line(tell, watch, cmd=cmd)))


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace(
    tell: Fifo, watch: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL follows for a whole group that ignores SIGTERM."""
    cmd = 'trap "" TERM; sleep 1000 & echo "$$ $!" > "$TELL"; wait; wait; sleep 1000'
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.01)
    assert all(map(has_ended, cancel_after_line(tell, watch, cmd=cmd)))


def test_a_child_that_gave_up_the_pipes_is_ended_too(tell: Fifo, watch: Callable[[int], int]) -> None:
    """After a cancel no process of the group is left, even one that closed its output and ignores SIGTERM."""
    cmd = '(trap "" TERM; exec sleep 1000 >/dev/null 2>&1) & echo "$$ $!" > "$TELL"; wait'
    assert all(map(has_ended, cancel_after_line(tell, watch, cmd=cmd)))


def test_a_cancel_during_the_grace_kills_at_once(
    tell: Fifo, watch: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second cancel does not wait for the grace, and leaves nothing behind."""
    cmd = 'trap \'echo termed > "$TELL"\' TERM; echo $$ > "$TELL"; while :; do sleep 1000 & wait; done'
    pidfds = []

    async def main() -> None:
        task = asyncio.create_task(run_local(cmd=cmd, env={"TELL": tell.path}))
        pidfds.append(watch(int(await asyncio.to_thread(tell.line))))
        task.cancel()
        assert await asyncio.to_thread(tell.line) == "termed"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(local, "GRACE_SECONDS", 1000)
    asyncio.run(main())
    assert has_ended(pidfds[0])


class CountingLoop(asyncio.SelectorEventLoop):
    """A loop that counts the descriptors that it was asked to watch."""

    watched = 0

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override]
        self.watched += 1
        super().add_reader(fd, callback, *args)


def test_what_many_commands_at_once_cost_is_counted(tell: Fifo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 50 has two pipes and a pidfd, which is watched only if the pipes end long before the process does."""
    commands = 50
    calls: Counter[str] = Counter()

    def count(name: str) -> None:
        original = getattr(os, name)

        def counted(*values: Any) -> Any:
            calls[name] += 1
            return original(*values)

        monkeypatch.setattr(os, name, counted)

    async def main() -> list[dict[str, Any]]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        before, loop.watched = threading.active_count(), 0
        tasks = [asyncio.create_task(run_local(argv=["head", "-c", "1", tell.path])) for _ in range(commands)]
        os.write(tell.file.fileno(), b"x" * commands)
        results = await asyncio.gather(*tasks)
        assert threading.active_count() <= before + 2
        return results

    loop = CountingLoop()
    for name in ("pipe2", "pidfd_open"):
        count(name)
    files = len(list(Path("/proc/self/fd").iterdir()))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        results = runner.run(main())
    assert [result["stdout"] for result in results] == ["x"] * commands
    assert calls == {"pipe2": 2 * commands, "pidfd_open": commands}
    assert 2 * commands <= loop.watched <= 3 * commands
    assert len(list(Path("/proc/self/fd").iterdir())) <= files


def test_a_command_leaves_no_cycle_of_objects() -> None:
    """What a command needed is freed with it: collections of cycles took a tenth of the time of short commands."""

    class Held(OutputSlot):
        __slots__ = ("__weakref__",)

    async def main() -> weakref.ref[Held]:
        slot = Held()
        output_slot.set(slot)
        await run_local(argv=["true"])
        assert slot.so_far() is not None
        output_slot.set(None)
        return weakref.ref(slot)

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main())() is None
    finally:
        gc.enable()


def occupied(executor: ThreadPoolExecutor) -> threading.Event:
    """Let the executor's threads wait for an event."""
    release = threading.Event()
    for _ in range(executor._max_workers):
        executor.submit(release.wait)
    return release


def test_a_command_that_waits_for_a_thread_can_be_cancelled_and_never_starts(tmp_path: Path) -> None:
    """Its threads may all be busy with programs on a slow file system."""
    mark = tmp_path / "mark"

    async def main() -> None:
        executor = ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(executor)
        release = occupied(executor)
        task = asyncio.create_task(run_local(argv=["touch", str(mark)]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ActionFailed, match=r"^touch did not start within 0\.001 s$"):
            await run_local(argv=["touch", str(mark)], timeout=0.001)
        release.set()

    asyncio.run(main())
    assert not mark.exists()


def test_a_command_that_is_cancelled_while_it_starts_ends_as_one_that_runs(
    tell: Fifo, watch: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has started, and nobody knows it yet: it gets SIGTERM and its grace, and the task is cancelled."""
    started, known = threading.Event(), threading.Event()
    original = spawning._start

    def slow(*values: Any) -> Any:
        spawned = original(*values)
        started.set()
        known.wait()
        return spawned

    async def main() -> None:
        cmd = 'trap \'echo termed > "$TELL"; exit\' TERM; echo $$ > "$TELL"; while :; do sleep 1000 & wait; done'
        task = asyncio.create_task(run_local(cmd=cmd, env={"TELL": tell.path}))
        await asyncio.to_thread(started.wait)
        pidfds.append(watch(int(await asyncio.to_thread(tell.line))))
        task.cancel()
        await asyncio.sleep(0)
        known.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelling() == 1
        assert await asyncio.to_thread(tell.line) == "termed"

    pidfds: list[int] = []
    monkeypatch.setattr(spawning, "_start", slow)
    asyncio.run(main())
    assert has_ended(pidfds[0])


def test_a_kernel_without_pidfds_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """If pidfd_open is forbidden, the action fails in words and its process is gone."""
    pids = []

    def refuse(pid: int) -> int:
        pids.append(pid)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    assert str(failing(argv=["sleep", "1000"])) == "cannot run sleep: Operation not permitted"
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    monkeypatch.delattr(os, "pidfd_open")
    assert "needs Linux" in str(failing(argv=["sleep", "1000"]))


def test_text_is_given_on_the_standard_input() -> None:
    """In UTF-8, of any size; without it, the input is empty."""
    assert run(argv=["cat"], stdin="h\u00e9\n")["stdout"] == "h\u00e9\n"
    assert run(argv=["wc", "-c"], stdin="a" * 1_000_000)["stdout"].strip() == "1000000"
    assert run(argv=["cat"])["stdout"] == ""


def test_output_in_json_is_parsed_on_request() -> None:
    """The text is kept, too."""
    result = run(argv=["cat"], stdin='{"a": [1, null]}', parse="json")
    assert result["json"] == {"a": [1, None]}
    assert result["stdout"] == '{"a": [1, null]}'
    assert "json" not in run(argv=["cat"], stdin="1")


def test_output_that_is_not_json_is_a_failure_with_the_output() -> None:
    """The message says where it ends to be JSON."""
    error = failing(argv=["cat"], stdin="[1", parse="json")
    assert str(error).startswith("the output of cat is not JSON: ")
    assert error.result == {"exit_code": 0, "stdout": "[1", "stderr": ""}
    assert "more than 1 MiB" in str(failing(argv=["cat"], stdin=" " * 1_100_000 + "1", parse="json"))


def test_a_failed_command_is_told_before_its_output() -> None:
    """Its output may be anything."""
    assert "exited with 3" in str(failing(cmd="echo no; exit 3", parse="json"))


_AS_NOBODY = """
import asyncio, os, sys
import stretto.actors.actions.core.local
from stretto.actors.actions.errors import ActionFailed
local = sys.modules["stretto.actors.actions.core.local"].local

async def main():
    told, tell = os.pipe()
    before = len(os.listdir("/proc/self/fd"))
    command = f"echo $$ > /proc/{os.getpid()}/fd/{tell}; exec sleep 600"
    running = asyncio.ensure_future(local(argv=["/bin/sh", "-c", command], timeout=600))
    print((await asyncio.to_thread(os.read, told, 100)).decode(), end="", flush=True)
    os.setresuid(65534, 65534, 65534)
    # However long it takes to become another user, the time is over only now.
    loop = asyncio.get_running_loop()
    now = loop.time
    loop.time = lambda: now() + 600
    try:
        await running
    except ActionFailed as error:
        print(error)
    print(len(os.listdir("/proc/self/fd")) - before)

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to start a process that another user cannot end")
def test_the_timeout_of_a_command_of_root_is_reported_and_leaks_nothing() -> None:
    """A daemon that is not root cannot end what runs through sudo."""
    command = [sys.executable, "-W", "ignore::ResourceWarning", "-c", _AS_NOBODY]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    pid, *lines = ran.stdout.splitlines()
    os.kill(int(pid), signal.SIGKILL)
    assert lines == ["/bin/sh took longer than 600 s and " + local.OUT_OF_REACH, "0"], ran.stderr
