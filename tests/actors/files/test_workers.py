"""Where files are read and written: on a few threads, which end with the engine."""

import threading
from pathlib import Path

import pytest

from stretto.actors.files.results_writer import UnwritableResults
from stretto.actors.files.workers import THREADS, FileThreads, RehearsedFiles
from tests.support.waiting import PATIENCE


def test_jobs_are_done_on_threads_of_their_own() -> None:
    """As many at once as there are threads; none is left when it has stopped, and what comes then is dropped."""
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


def test_files_are_closed_with_it(tmp_path: Path) -> None:
    """Whoever still writes is told."""
    work = FileThreads()
    work.results.open(("run", "task", 1), work, str(tmp_path / "results"), 0, None)
    work.stop()
    with pytest.raises(UnwritableResults):
        work.results.append(("run", "task", 1), work, b"late\n", durable=False)


def test_a_rehearsal_does_it_at_once() -> None:
    """There is nobody to wait for."""
    work, done = RehearsedFiles(), []
    work.submit(lambda: done.append(threading.current_thread()))
    work.stop()
    assert done == [threading.current_thread()]
