"""The threads that read and write the files of workflows, so that no actor's turn waits for a disk."""

from collections.abc import Callable
from os import PathLike
from typing import Final, Protocol

from stretto.actors.files.access import ANY_FILE, FileAccess
from stretto.actors.files.protected import FilesFrom
from stretto.actors.files.results_writer import DiscardedResults, ResultsFiles, ResultsStore
from stretto.actors.runners import Pool
from stretto.metrics import get_logger

THREADS: Final = 4
"""A disk that does not answer blocks this many runs that read or write it, then all that use files."""
STOP_SECONDS: Final = 10.0

_log = get_logger("stretto.files")


class FileWork(Protocol):
    """Runs jobs that may block.

    Attributes:
        results: The open files of results.
        access: The files that runs may open.
    """

    results: ResultsStore
    access: FileAccess

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job, unless `stop` has been called.

        Args:
            job: The work. It must not raise.
        """

    def stop(self) -> None:
        """Wait for the running jobs for a bounded time, and close the files. Idempotent."""


class FileThreads:
    """Runs jobs on threads that start when they are needed.

    Args:
        access: The files that runs may open.
    """

    def __init__(self, access: FileAccess = ANY_FILE) -> None:
        self.access = access
        self.results: ResultsStore = ResultsFiles()
        self._pool = Pool(THREADS, "stretto-files")

    def submit(self, job: Callable[[], None]) -> None:
        """Queue a job for the next idle thread."""
        try:
            self._pool.submit(job)
        except RuntimeError:
            _log.debug("file_work_dropped")  # the engine has ended; the next one continues from the journal

    def stop(self) -> None:
        """Drop the queued jobs, wait for the running ones, and close the files."""
        if not self._pool.close(STOP_SECONDS):
            _log.warning("file_work_left_behind")
        self.results.close_all()


class RehearsedFiles:
    """Runs jobs at once on the caller's thread. Items are read, but results are not written.

    Args:
        folder: Where the relative paths of items begin.
        access: The files that runs may open. By default any, and relative paths begin in the folder.
    """

    def __init__(self, folder: str | PathLike[str] = "", access: FileAccess | None = None) -> None:
        self.access = FileAccess(FilesFrom(folder)) if access is None else access
        self.results: ResultsStore = DiscardedResults()

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job now."""
        job()

    def stop(self) -> None:
        """Do nothing."""
