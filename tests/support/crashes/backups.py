"""Backups that are made while a daemon is killed, or are killed themselves: one that was told complete is whole."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from stretto.actors.journal.encryption import Keyring
from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.sql.backup import check
from tests.support.crashes.runs import promise
from tests.support.databases import database
from tests.support.forked_programs import PROGRAM, ForkedProgram
from tests.support.harness import PATIENCE
from tests.support.paths import ROOT
from tests.support.postgres_server import find_programs


class Backup:
    """A backup that is under way. `complete` tells whether its program said so."""

    def __init__(self, store: str, file: Path, killed_after: float | None) -> None:
        """Begin; its program is killed after so many seconds."""
        self._file = file
        self._of_postgres = store.startswith("postgresql")
        self._store = store
        self.complete = False
        command = _pg_dump(store, file) if self._of_postgres else _copy(store, file)
        self._program = ForkedProgram(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._killer = threading.Timer(killed_after or 0, self._program.kill)
        if killed_after is not None:
            self._killer.start()

    def look(self, keyring: Keyring | None, known: set[str]) -> None:
        """Wait for its end, and see whether a complete one has all runs that were known before. Then remove it.

        Raises `BrokenPromise`.
        """
        _, errors = self._program.communicate(timeout=PATIENCE)
        self._killer.cancel()
        code = self._program.returncode
        promise(code in {0, -9}, f"the backup ended with the exit code {code}: {errors.decode()}")
        self.complete = code == 0
        promise(self._file.exists() or not self.complete, f"the backup {self._file} is complete, and is not there")
        # A file of Stretto's own is there once it is whole, also if nobody was told; pg_dump's grows.
        if self.complete or (self._file.exists() and not self._of_postgres):
            with self._restored() as url:
                self._check(url, keyring, known)
        for each in self._file.parent.glob(f"{self._file.name}*"):
            each.unlink()

    def _check(self, url: str, keyring: Keyring | None, known: set[str]) -> None:
        problems = check(url, keyring)
        promise(not problems, f"the check of the backup {self._file} tells: {problems}")
        with closing(open_reader(url, keyring)) as reader:
            lost = [run for run in known if reader.run(run) is None]
        promise(not lost, f"the backup {self._file} has no {lost}")
        open_store(url, keyring).close()

    @contextmanager
    def _restored(self) -> Iterator[str]:
        if not self._of_postgres:
            yield f"sqlite:///{self._file}"
            return
        with database(self._store, "template0") as url:
            restore = [str(find_programs() / "pg_restore"), "--exit-on-error", f"--dbname={url}", str(self._file)]
            subprocess.run(restore, check=True, timeout=PATIENCE)
            yield url


def _copy(store: str, file: Path) -> list[str]:
    return [*PROGRAM, "store", "backup", store, str(file)]


def _pg_dump(store: str, file: Path) -> list[str]:
    return [str(find_programs() / "pg_dump"), "--format=custom", f"--file={file}", f"--dbname={store}"]
