"""The pool of workers: kept processes, calls in batches, and whatever a call does is its own end."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.workers import CANCELLED, DEFAULT_LIFE, WorkerLife, WorkerPool, kept, pool, roster
from stretto.actors.workers.frames import HEAD
from tests.support.harness import fifo
from tests.support.waiting import PATIENCE
from tests.support.worker_handlers import TextJob, command


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    threads, descriptors = set(threading.enumerate()), _descriptors()
    yield
    assert set(threading.enumerate()) <= threads
    assert _descriptors() == descriptors
    assert list(_children()) == []


def _children() -> Iterator[str]:
    for of_thread in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError):  # the thread has ended
            yield from of_thread.read_text().split()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Pools:
    """A pool, and jobs that are started in it."""

    def __init__(self) -> None:
        self._pools: list[WorkerPool] = []

    def make(self, limit: int = 1, life: WorkerLife = DEFAULT_LIFE) -> "Pools":
        self._pools.append(WorkerPool(limit, "test-workers", captures=True, life=life))
        return self

    @property
    def pool(self) -> WorkerPool:
        return self._pools[-1]

    def start(self, text: str, *, alone: bool = False, timeout: float | None = None, **changes: Any) -> TextJob:
        job = TextJob(text, command(**changes), alone=alone, timeout=timeout)
        self.pool.start(job)
        return job

    def stop(self) -> None:
        for each in self._pools:
            each.stop(0)


@pytest.fixture
def one() -> Iterator[Pools]:
    """A pool of one process."""
    made = Pools()
    yield made.make()
    made.stop()


@pytest.fixture
def two() -> Iterator[Pools]:
    """A pool of two processes."""
    made = Pools()
    yield made.make(2)
    made.stop()


def test_a_kept_process_answers_one_call_after_the_other(one: Pools) -> None:
    """In order, in another process than this."""
    jobs = [one.start(f"say {number}") for number in range(200)]
    assert [job.answer() for job in jobs] == [f"did {number}" for number in range(200)]
    pids = {one.start("pid").answer() for _ in range(3)}
    assert len(pids) == 1
    assert pids != {f"did {os.getpid()}"}
    assert all(job.begins == 1 for job in jobs)


def test_calls_that_wait_travel_in_batches(one: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number is bounded, and a write takes many."""
    monkeypatch.setattr(roster, "AHEAD_SECONDS", 1.0)  # also on a busy machine, where a short call may take long
    sizes: list[int] = []
    send = kept.KeptWorker.send

    def counted(worker: kept.KeptWorker, jobs: list[kept.Job]) -> dict[kept.Job, str]:
        sizes.append(len(jobs))
        return send(worker, jobs)

    monkeypatch.setattr(kept.KeptWorker, "send", counted)
    one.start("say ready").answer()
    for job in [one.start(f"say {number}") for number in range(300)]:
        job.answer()
    assert max(sizes) <= roster.MAX_AHEAD
    assert len(sizes) < 150


def test_a_call_costs_its_bytes_and_a_head(one: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is written to the worker."""
    written: list[int] = []
    write = kept.KeptWorker._write

    def counted(worker: kept.KeptWorker, parts: list[bytes]) -> None:
        written.extend(map(len, parts))
        write(worker, parts)

    monkeypatch.setattr(kept.KeptWorker, "_write", counted)
    one.start("say ready").answer()
    assert sum(written) == HEAD.size + len("say ready")


@pytest.mark.parametrize(
    ("call", "how"),
    [("exit 3", "ended with exit code 3"), ("kill", "ended by signal 9 (SIGKILL)")],
)
def test_a_process_that_ends_in_a_call_fails_that_call_alone(one: Pools, call: str, how: str) -> None:
    """The calls that were sent with it run in the next process, once each."""
    first, bad, *rest = [one.start(text) for text in ("say a", call, "say b", "say c")]
    assert how in bad.problem()
    assert [first.answer(), *(job.answer() for job in rest)] == ["did a", "did b", "did c"]
    assert [job.begins for job in (first, bad, *rest)] == [1, 1, 1, 1]


def test_a_process_that_ends_between_calls_fails_none(one: Pools) -> None:
    """A new one takes its place."""
    pid = int(one.start("pid").answer().split()[1])
    ended = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert select.select([ended], [], [], PATIENCE)[0]
    os.close(ended)
    assert one.start("pid").answer() != f"did {pid}"


@pytest.mark.parametrize(
    ("call", "how"),
    [("write %d", "answered another call"), ("lie %d", "broke its protocol"), ("twice", "another call")],
)
def test_garbage_on_the_channel_ends_the_process(one: Pools, call: str, how: str) -> None:
    """A frame that is no answer to the call, one of an impossible length, and a second answer."""
    channel = int(one.start("channel").answer().split()[1])
    bad = one.start(call % channel if "%" in call else call)
    if call == "twice":
        bad.end()
    else:
        assert how in bad.problem()
    assert one.start("say on").end()[0] in {"did on", None}
    assert one.start("say on").answer() == "did on"


def test_a_call_that_takes_too_long_is_stopped(one: Pools, tmp_path: Path) -> None:
    """By killing its process, whatever it does."""
    with fifo(tmp_path / "gate") as gate:
        slow = one.start(f"wait {gate.path}", timeout=0.01)
        assert slow.problem() == "it took longer than 0.01 s and was stopped"
    assert one.start("say on").answer() == "did on"


def test_a_cancel_ends_a_call_that_runs_and_one_that_waits(one: Pools, tmp_path: Path) -> None:
    """The one that waits is never begun. Others are not harmed."""
    with fifo(tmp_path / "gate") as gate, fifo(tmp_path / "told") as told:
        runs = one.start(f"wait {gate.path} {told.path}")
        told.lines(1)
        sent, waits, other = (one.start(f"say {word}") for word in ("sent", "waits", "other"))
        assert set(one.pool.waiting) == {sent, waits, other}
        for job in (waits, sent):
            assert one.pool.cancel(job)
            assert job.problem() == CANCELLED
        assert one.pool.cancel(runs)
        assert runs.problem() == CANCELLED
        assert not one.pool.cancel(runs)
    assert other.answer() == "did other"
    assert [job.begins for job in (runs, sent, waits, other)] == [1, 0, 0, 1]


def test_no_call_waits_behind_a_long_one_if_another_process_is_idle(two: Pools, tmp_path: Path) -> None:
    """Calls that were sent ahead and have not begun are taken back."""
    with fifo(tmp_path / "gate") as gate, fifo(tmp_path / "told") as told:
        two.start(f"wait {gate.path} {told.path}")
        told.lines(1)
        jobs = [two.start(f"say {number}") for number in range(50)]
        assert [job.answer() for job in jobs] == [f"did {number}" for number in range(50)]


def test_a_call_alone_has_a_process_of_its_own(two: Pools) -> None:
    """It ends with the call."""
    pids = [two.start("pid", alone=True).answer() for _ in range(3)]
    assert len(set(pids)) == 3
    ended = [int(pid.split()[1]) for pid in pids]
    two.start("say ready").answer()
    for pid in ended[:2]:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_idle_process_of_one_command_makes_room_for_another(one: Pools) -> None:
    """There is never more than one here."""
    pids = [one.start("pid", version=version).answer() for version in ("1", "2", "1", "2", "2")]
    assert len(set(pids)) == 4
    assert pids[-1] == pids[-2]


def test_calls_of_two_commands_take_turns_in_one_process(one: Pools) -> None:
    """A command with many calls does not keep those of another waiting for ever."""
    many = [one.start(f"say {number}", version="1") for number in range(100)]
    other = one.start("say other", version="2")
    assert other.answer() == "did other"
    assert [job.answer() for job in many] == [f"did {number}" for number in range(100)]


def test_text_belongs_to_the_call_that_printed_it(one: Pools) -> None:
    """The text of Python, and what is written to the descriptors; with both pipes apart, or as one."""
    jobs = [one.start(f"print é{number}", separate=True) for number in range(100)]
    for number, job in enumerate(jobs):
        job.answer()
        assert job.printed == [f"é{number}", " and below"]
    jobs = [one.start(f"print é{number}") for number in range(20)]
    for number, job in enumerate(jobs):
        job.answer()
        assert job.printed in ([f"é{number} and below", ""], [f" and belowé{number}", ""])


def test_a_call_may_close_its_standard_output(one: Pools) -> None:
    """Its end is noticed all the same, as those of later calls are."""
    assert one.start("shut").answer() == "did None"
    assert one.start("say on").answer() == "did on"


def test_calls_read_nothing_from_the_standard_input(one: Pools) -> None:
    """It is the line to the daemon."""
    assert one.start("stdin").answer() == "did ''"


def test_memory_is_bounded(one: Pools) -> None:
    """A call that takes more fails, and not the machine."""
    assert one.start("fill 1000000", max_bytes=2**30).answer() == "did 1000000"
    assert "exit code 1" in one.start("fill 2000000000", max_bytes=2**30).problem()


def test_large_calls_and_answers_arrive_whole(two: Pools) -> None:
    """Beyond what a socket has room for, while other calls go on."""
    size = 3_000_000
    large = [two.start("say " + "x" * size) for _ in range(3)]
    given = two.start(f"give {size}")
    small = [two.start(f"say {number}") for number in range(20)]
    assert [len(job.answer()) for job in (*large, given)] == [size + 4] * 4
    assert [job.answer() for job in small] == [f"did {number}" for number in range(20)]


def test_a_call_may_log_and_ask(one: Pools) -> None:
    """In mid-call, also with further calls behind it."""
    jobs = [one.start(f"ask {number}") for number in range(30)]
    assert [job.answer() for job in jobs] == [f"did reply to {number}" for number in range(30)]
    job = one.start("log it rains")
    assert job.answer() == "did logged"
    assert job.logs == ["it rains"]


def test_a_thread_that_a_call_has_left_asks_nothing_more(one: Pools, tmp_path: Path) -> None:
    """Its question would belong to no call. The worker goes on."""
    with fifo(tmp_path / "gate") as gate, fifo(tmp_path / "told") as told:
        assert one.start(f"linger {gate.path} {told.path}").answer() == "did None"
        pid = one.start("pid").answer()
        gate.path.write_text("open\n")
        assert told.lines(1) == ["the call has ended"]
    assert one.start("pid").answer() == pid


def test_a_call_that_cannot_be_encoded_fails_alone(one: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls that are sent with it run."""
    encode = TextJob.encode

    def refused(job: TextJob) -> bytes:
        if job.text == "say bad":
            raise ValueError("it is odd")
        return encode(job)

    monkeypatch.setattr(TextJob, "encode", refused)
    jobs = [one.start(text) for text in ("say a", "say bad", "say b", "say bad", "say c")]
    assert [job.end()[1] for job in jobs] == ["", "its input cannot be sent: it is odd"] * 2 + [""]


def test_a_process_that_a_call_leaves_behind_ends_with_its_worker(one: Pools) -> None:
    """If the command says so. The next call has another worker."""
    pid = one.start("pid", ends_with_children=True).answer()
    left = os.pidfd_open(int(one.start("leave 600", ends_with_children=True).answer().split()[1]))
    assert select.select([left], [], [], PATIENCE)[0]
    os.close(left)
    assert one.start("pid", ends_with_children=True).answer() != pid


def test_a_child_that_a_call_forks_is_no_second_worker(one: Pools) -> None:
    """It ends where it would return."""
    assert one.start("fork").answer() != "did 0"
    assert one.start("say on").answer() == "did on"


def test_an_idle_process_ends_after_a_while(one: Pools) -> None:
    """The next call gets a new one."""
    one.make(life=WorkerLife(idle_seconds=0.0))
    pid = int(one.start("pid").answer().split()[1])
    with suppress(ProcessLookupError):  # it has ended already
        ended = os.pidfd_open(pid)
        assert select.select([ended], [], [], PATIENCE)[0]
        os.close(ended)
    assert one.start("pid").answer() != f"did {pid}"


def test_a_process_is_replaced_after_many_calls(one: Pools) -> None:
    """So that what functions leave behind does not grow for ever."""
    one.make(life=WorkerLife(calls=2))
    pids = [one.start("pid").answer() for _ in range(5)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 1]
    jobs = [one.start("pid") for _ in range(6)]
    pids = [job.answer() for job in jobs]
    assert max(pids.count(pid) for pid in pids) <= 2


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("/no/such/python",), "cannot start /no/such/python: No such file or directory"),
        ((sys.executable, "-c", "import sys; sys.exit('no serving here')"), "ended with exit code 1"),
    ],
)
def test_a_process_that_cannot_start_fails_its_calls(one: Pools, argv: tuple[str, ...], why: str) -> None:
    """Each of them, and none of another command."""
    bad = [one.start("say on", argv=argv) for _ in range(3)]
    good = one.start("say on")
    assert all(why in job.problem() for job in bad)
    assert good.answer() == "did on"


def test_a_stopped_pool_takes_nothing_more(one: Pools, tmp_path: Path) -> None:
    """It cancels what waits and ends what runs."""
    with fifo(tmp_path / "gate") as gate, fifo(tmp_path / "told") as told:
        runs = one.start(f"wait {gate.path} {told.path}")
        told.lines(1)
        waits = one.start("say on")
        assert one.pool.stop(0) == [runs]
    assert [runs.problem(), waits.problem()] == [CANCELLED, CANCELLED]
    assert one.pool.stop(0) == []
    with pytest.raises(RuntimeError, match="stopped"):
        one.start("say on")


def test_a_stop_does_not_wait_for_ever_for_what_takes_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool's thread calls it, and cannot be stopped."""
    monkeypatch.setattr(pool, "JOIN_SECONDS", 0.01)
    taken, release = threading.Event(), threading.Event()

    class Slow(TextJob):
        def ended(self, answer: bytes | bytearray | None, problem: str) -> None:
            taken.set()
            release.wait(PATIENCE)
            super().ended(answer, problem)

    stuck = WorkerPool(1, "test-stuck", captures=True)
    job = Slow("say on", command())
    stuck.start(job)
    assert taken.wait(PATIENCE)
    (thread,) = [each for each in threading.enumerate() if each.name == "test-stuck"]
    assert stuck.stop(0) == []
    assert thread.is_alive()
    release.set()
    assert job.answer() == "did on"
    thread.join(PATIENCE)


def test_a_stopping_pool_waits_for_what_runs(one: Pools, tmp_path: Path) -> None:
    """For as long as it is told."""
    with fifo(tmp_path / "gate") as gate, fifo(tmp_path / "told") as told:
        runs = one.start(f"wait {gate.path} {told.path}")
        told.lines(1)
        opener = threading.Thread(target=lambda: Path(gate.path).write_text("open\n"))
        opener.start()
        assert one.pool.stop(PATIENCE) == []
        opener.join()
    assert runs.answer() == "did open"


def test_workers_end_with_their_daemon(tmp_path: Path) -> None:
    """However that ends, and in the middle of a call."""
    code = f"""
from stretto.actors.workers import WorkerPool
from tests.support.worker_handlers import TextJob, command
pool = WorkerPool(1, "test", captures=False)
job = TextJob("pid", command())
pool.start(job)
print(job.answer(), flush=True)
job = TextJob("wait {tmp_path}/gate", command())
pool.start(job)
job.answer()
"""
    with fifo(tmp_path / "gate"):
        daemon = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        with daemon:
            assert daemon.stdout is not None
            ended = os.pidfd_open(int(daemon.stdout.readline().split()[1]))
            daemon.kill()
        try:
            assert select.select([ended], [], [], PATIENCE)[0]
        finally:
            os.close(ended)
