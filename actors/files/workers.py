"""Where files are read and written that a workflow names: on a few threads of their own, never in an actor's turn."""

from collections.abc import Callable
from typing import Final, Protocol

from stretto.actors.files.results_writer import DiscardedResults, ResultsFiles, ResultsStore
from stretto.actors.runners import Pool
from stretto.metrics import get_logger

THREADS: Final = 4
"""A disk that does not answer holds up as many runs that read or write it, and nothing else."""
STOP_SECONDS: Final = 10.0

_log = get_logger("stretto.files")


class FileWork(Protocol):
    """Does what may block. `results` are the files of results that are open."""

    results: ResultsStore

    def submit(self, job: Callable[[], None]) -> None:
        """Have a job done, which raises nothing; after the end, none is."""

    def stop(self) -> None:
        """Finish what has begun, and close the files; no effect the second time."""


class FileThreads:
    """Does it on threads that are made when they are needed."""

    def __init__(self) -> None:
        self.results: ResultsStore = ResultsFiles()
        self._pool = Pool(THREADS, "stretto-files")

    def submit(self, job: Callable[[], None]) -> None:
        try:
            self._pool.submit(job)
        except RuntimeError:
            _log.debug("file_work_dropped")  # the engine has ended: what is in the journal goes on in the next one

    def stop(self) -> None:
        if not self._pool.close(STOP_SECONDS):
            _log.warning("file_work_left_behind")
        self.results.close_all()


class RehearsedFiles:
    """Does it at once; items are read, and results are not written: nothing happens in a rehearsal."""

    def __init__(self) -> None:
        self.results: ResultsStore = DiscardedResults()

    def submit(self, job: Callable[[], None]) -> None:
        job()

    def stop(self) -> None:
        """There is nothing to stop."""
