"""A worker's process: it answers calls, and whatever it does is an error of its call."""

import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stretto.actors.workers import Worker, WorkerCommand, WorkerEnded
from tests.support.harness import fifo
from tests.support.waiting import PATIENCE

COMMAND = WorkerCommand("tests.support.worker_handlers", "doing", ("did ",))


@pytest.fixture
def start() -> Iterator[Callable[..., Worker]]:
    started: list[Worker] = []

    def begin(printed: Callable[[str], object] | None = None, max_bytes: int | None = None) -> Worker:
        started.append(Worker(COMMAND._replace(max_bytes=max_bytes), printed))
        return started[-1]

    yield begin
    for each in started:
        each.close()


def test_a_worker_answers_one_call_after_the_other(start: Callable[..., Worker]) -> None:
    """In one process, which is another one than this."""
    worker = start()
    assert worker.call(b"say this") == b"did this"
    assert {worker.call(b"pid") for _ in range(3)} == {f"did {worker.pid}".encode()}
    assert worker.pid != os.getpid()
    assert worker.is_fit


@pytest.mark.parametrize(
    ("call", "how"),
    [(b"exit 3", "ended with exit code 3"), (b"kill", r"ended by signal 9 \(SIGKILL\)")],
)
def test_a_process_that_ends_in_a_call_is_its_error(start: Callable[..., Worker], call: bytes, how: str) -> None:
    """The error says how it ended. The worker is not fit any more."""
    worker = start()
    with pytest.raises(WorkerEnded, match=f"the worker process .*{how}"):
        worker.call(call)
    assert not worker.is_fit


def test_killing_ends_the_call_that_runs(start: Callable[..., Worker], tmp_path: Path) -> None:
    """From any thread, whatever the call waits for."""
    worker = start()
    with fifo(tmp_path / "gate") as gate:
        ended: list[str] = []

        def call() -> None:
            with pytest.raises(WorkerEnded, match="SIGKILL"):
                worker.call(f"wait {gate.path}".encode())
            ended.append("killed")

        assert worker.call(b"say ready") == b"did ready"
        caller = threading.Thread(target=call)
        caller.start()
        worker.kill()
        caller.join(PATIENCE)
        assert ended == ["killed"]


def test_what_a_call_prints_is_there_before_its_answer(start: Callable[..., Worker]) -> None:
    """The text of Python, and what is written to the descriptors."""
    printed: list[str] = []
    worker = start(printed.append)
    for number in range(20):
        worker.call(f"print é{number}".encode())
        assert "".join(printed) in {f"é{number} and below", f" and belowé{number}"}
        printed.clear()


def test_calls_read_nothing_from_the_standard_input(start: Callable[..., Worker]) -> None:
    """It is the line to the daemon."""
    assert start().call(b"stdin") == b"did ''"


@pytest.mark.parametrize(("call", "how"), [(b"write %d", "answered another call"), (b"lie %d", "broke its protocol")])
def test_garbage_on_the_channel_is_an_error(start: Callable[..., Worker], call: bytes, how: str) -> None:
    """A frame that is no answer to the call, or one of an impossible length."""
    worker = start()
    with pytest.raises(WorkerEnded, match=how):
        worker.call(call % _channel_of(worker))


def _channel_of(worker: Worker) -> int:
    """Return the descriptor of the channel in the worker's process."""
    folder = Path(f"/proc/{worker.pid}/fd")
    worker.call(b"say ready")
    return next(int(each.name) for each in folder.iterdir() if int(each.name) > 2 and "socket" in str(each.readlink()))


def test_closing_gives_everything_back() -> None:
    """The process, the socket and the pipes; also of a worker that has ended by itself."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for call in (b"say this", b"exit 1"):
        worker = Worker(COMMAND, str)
        with suppress(WorkerEnded):
            worker.call(call)
        worker.close()
        with pytest.raises(ProcessLookupError):
            os.kill(worker.pid, 0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_memory_is_bounded(start: Callable[..., Worker]) -> None:
    """A call that takes more ends, and not the machine."""
    worker = start(max_bytes=2**30)
    assert worker.call(b"fill 1000000") == b"did 1000000"
    with pytest.raises(WorkerEnded, match="exit code 1"):
        worker.call(b"fill 2000000000")


def test_a_worker_ends_with_its_daemon(tmp_path: Path) -> None:
    """However that ends, and in the middle of a call."""
    code = f"""
import os, sys
from stretto.actors.workers import Worker, WorkerCommand
worker = Worker(WorkerCommand("tests.support.worker_handlers", "doing", ("",)), None)
print(worker.pid, flush=True)
worker.call(b"wait {tmp_path}/gate")
"""
    with fifo(tmp_path / "gate"):
        daemon = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        with daemon:
            assert daemon.stdout is not None
            ended = os.pidfd_open(int(daemon.stdout.readline()))
            daemon.kill()
        try:
            assert select.select([ended], [], [], PATIENCE)[0]
        finally:
            os.close(ended)
