"""The threads for files, which end with the engine."""

import threading
from pathlib import Path

import pytest

from stretto.actors.files.results_writer import UnwritableResults
from stretto.actors.files.workers import THREADS, FileThreads, RehearsedFiles
from tests.support.waiting import PATIENCE


def test_jobs_run_on_their_own_threads() -> None:
    """Jobs run on all threads at a time. stop ends the threads, and later jobs are dropped."""
    work = FileThreads()
    at_once = threading.Barrier(THREADS + 1)
    names: list[str] = []

    def job() -> None:
        names.append(threading.current_thread().name)
        at_once.wait(PATIENCE)

    for _ in range(THREADS):
        work.submit(job)
    at_once.wait(PATIENCE)
    work.stop()
    work.stop()
    work.submit(job)
    assert len(set(names)) == THREADS
    assert not [each for each in threading.enumerate() if each.name in names]


def test_stop_closes_the_files(tmp_path: Path) -> None:
    """A later write is refused."""
    work = FileThreads()
    work.results.open(("run", "task", 1), work, str(tmp_path / "results"), 0, None)
    work.stop()
    with pytest.raises(UnwritableResults):
        work.results.append(("run", "task", 1), work, b"late\n", durable=False)


def test_a_rehearsal_runs_jobs_at_once() -> None:
    """The job has ended when submit returns."""
    work, done = RehearsedFiles(), []
    work.submit(lambda: done.append(threading.current_thread()))
    work.stop()
    assert done == [threading.current_thread()]
