"""Actions that fork: a child keeps nothing of the daemon, and is nothing of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stretto.actors.operations import Ended, Submit
from stretto.actors.process import FileLock, LockTaken
from tests.support.daemons import NEW_INTERPRETER, Served, serving
from tests.support.databases import database
from tests.support.harness import PATIENCE
from tests.support.loopback import own_loopback

FORKS = """
import asyncio, multiprocessing, os, signal, socket, time
from stretto.actors import action

def quiet_sleep(path):
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    with open(path, "w") as file:
        file.write("asleep")
    time.sleep(600)

@action("fork.sleeper")
def sleeper(path: str) -> int:
    os.mkfifo(path)
    child = os.fork()
    if child == 0:
        quiet_sleep(path)
        os._exit(0)
    with open(path) as file:
        file.read()
    return child

@action("fork.pool")
def pool(path: str) -> int:
    os.mkfifo(path)
    process = multiprocessing.get_context("fork").Process(target=quiet_sleep, args=(path,))
    process.start()
    with open(path) as file:
        file.read()
    process.terminate()
    process.join()
    return process.exitcode

@action("fork.returning")
def returning(path: str) -> int:
    child = os.fork()
    return child and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

@action("fork.raising")
def raising(path: str) -> int:
    child = os.fork()
    if child == 0:
        raise SystemExit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

@action("fork.coroutine")
async def coroutine(path: str) -> int:
    child = os.fork()
    return child and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

@action("fork.awaiting")
async def awaiting(path: str) -> int:
    loop = asyncio.get_running_loop()
    loop.call_soon(append, path)
    child = os.fork()
    if child == 0:
        await asyncio.sleep(0)
        append(path)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

@action("fork.own_loop")
async def own_loop(path: str) -> int:
    child = os.fork()
    if child == 0:
        asyncio.run(asyncio.sleep(0))
        os._exit(5)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

@action("fork.cancelled")
async def cancelled(path: str) -> int:
    child = os.fork()
    if child == 0:
        raise asyncio.CancelledError
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def append(path):
    with open(path, "a") as file:
        file.write("called\\n")

@action("fork.meddling")
async def meddling(path: str) -> int:
    near, far = socket.socketpair()
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(near, lambda: readable.done() or readable.set_result(len(near.recv(9))))
    child = os.fork()
    if child == 0:
        loop.remove_reader(near)
        os._exit(0)
    os.waitpid(child, 0)
    far.send(b"four")
    async with asyncio.timeout(120):
        return await readable
"""
LEAVES_ITS_LOCK = """
import os, subprocess, sys
from pathlib import Path
from stretto.actors.process import FileLock

lock = FileLock(Path(sys.argv[1]))
nothing = subprocess.DEVNULL
child = subprocess.Popen(["sleep", "600"], pass_fds=[lock.fileno()], stdin=nothing, stdout=nothing, stderr=nothing)
print(os.getpid(), child.pid)
"""
WORKFLOW = """
version: "1.0.0"
ref: test.{name}
parameters: {{path: {{type: string}}}}
tasks: [{{name: fork, action: fork.{name}, input: {{path: "{{{{ parameters.path }}}}"}}}}]
output_map: {{value: "{{{{ task.fork.result }}}}"}}
"""


def made_folder(folder: Path) -> Path:
    """Write actions that fork into a folder, and a workflow for each. Return the folder."""
    definitions = folder / "definitions"
    definitions.mkdir()
    for name in (
        "sleeper",
        "pool",
        "returning",
        "raising",
        "coroutine",
        "awaiting",
        "own_loop",
        "cancelled",
        "meddling",
    ):
        (definitions / f"{name}.yaml").write_text(WORKFLOW.format(name=name))
    (folder / "fork_actions.py").write_text(FORKS)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the daemons of one test."""
    return made_folder(tmp_path)


@pytest.fixture(scope="module", params=["file", "postgres"])
def daemon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A daemon for all tests that leave it as it was, with a store of each kind."""
    folder = made_folder(tmp_path_factory.mktemp("forking"))
    with ExitStack() as stack:
        store = f"sqlite:///{folder / 'store.db'}"
        if request.param == "postgres":
            names = ("postgres_server", "postgres_template")
            store = stack.enter_context(database(*map(request.getfixturevalue, names)))
        yield stack.enter_context(forking(folder, store))


@contextmanager
def forking(folder: Path, store: str, *arguments: str) -> Iterator[Served]:
    """Serve the folder with a store."""
    options = ("--actions", str(folder / "fork_actions.py"), "--store", store, *arguments)
    with serving(folder, *options, program=NEW_INTERPRETER, STRETTO__SERVE__HOST=own_loopback()) as daemon:
        yield daemon


def is_working(daemon: Served) -> bool:
    """Run a workflow that does not fork, and ask the probe."""
    *_, outcome = daemon.client.answers(Submit("test.echo", {"n": 1}))
    assert isinstance(outcome, Ended)
    return outcome.status == "succeeded" and daemon.probe("/readyz")[0] == 200


def value_of(daemon: Served, name: str) -> int:
    """Run the workflow of an action to its end, and return the action's result."""
    *_, outcome = daemon.client.answers(Submit(f"test.{name}", {"path": str(daemon.folder / f"{name}.fifo")}))
    assert isinstance(outcome, Ended)
    assert outcome.status == "succeeded", outcome
    value = outcome.output["value"]
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize(("end", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_forked_child_keeps_no_lock_and_no_port(
    folder: Path, durable_url: str, end: signal.Signals, code: int
) -> None:
    """However the daemon ends, the next one gets the store, the socket and the port, while the child still sleeps."""
    with forking(folder, durable_url) as daemon:
        child = value_of(daemon, "sleeper")
        daemon.signal(end)
        assert daemon.ended() == code
    try:
        os.kill(child, 0)
        with forking(folder, durable_url, "--port", str(urlsplit(daemon.url).port)) as second:
            assert is_working(second)
    finally:
        os.kill(child, signal.SIGKILL)


def test_the_daemon_does_not_take_the_signals_of_a_forked_child(daemon: Served) -> None:
    """multiprocessing stops its processes with SIGTERM. That ends the process and not the daemon."""
    assert value_of(daemon, "pool") == -signal.SIGTERM
    assert is_working(daemon)


def test_a_forked_child_that_returns_ends(daemon: Served) -> None:
    """It would otherwise take the daemon's next calls, or report the end of its own a second time."""
    assert value_of(daemon, "returning") == 0
    assert value_of(daemon, "raising") == 7
    assert value_of(daemon, "coroutine") == 0
    assert is_working(daemon)


def test_a_forked_child_does_not_run_the_event_loop_of_its_parent(daemon: Served) -> None:
    """It ends when it awaits, and runs no callback that waits in the loop. A loop of its own works."""
    assert value_of(daemon, "awaiting") == 1
    assert (daemon.folder / "awaiting.fifo").read_text() == "called\n"
    assert value_of(daemon, "cancelled") == 1
    assert value_of(daemon, "own_loop") == 5
    assert is_working(daemon)


def test_a_forked_child_does_not_change_what_its_parent_polls(daemon: Served) -> None:
    """A child that stops reading a shared socket would otherwise take it from the parent's epoll descriptor."""
    assert value_of(daemon, "meddling") == len("four")


def test_a_lock_in_a_child_that_python_did_not_fork_is_named(tmp_path: Path) -> None:
    """A C library's fork runs no hook. The message then names the child, because its parent has ended."""
    taker = subprocess.run([sys.executable, "-c", LEAVES_ITS_LOCK, str(tmp_path / "lock")],
        capture_output=True, text=True, check=True, timeout=PATIENCE)  # fmt: skip
    owner, child = map(int, taker.stdout.split())
    try:
        with pytest.raises(LockTaken) as taken:
            FileLock(tmp_path / "lock")
        assert taken.value.owner == str(owner)
        assert taken.value.holder == f"process {child} (sleep 600), which process {owner} has left behind"
    finally:
        os.kill(child, signal.SIGKILL)
