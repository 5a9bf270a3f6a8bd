"""A PostgreSQL server of the tests' own, from the programs on this machine."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

SUPERUSER = "stretto"
# A test's server may lose everything in a power cut; what a store must set for itself, it leaves unset.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum": "off",
}
MEMORY = Path("/dev/shm")  # noqa: S108 - a server makes a folder of its own there
"""Where files are only in memory, on Linux."""
ROOM = 4 * 2**30
"""The bytes that must be free there: several processes of tests have a server each."""


class NoPostgres(Exception):
    """There are no programs of PostgreSQL's here."""


def find_programs() -> Path:
    """Return the folder of PostgreSQL's programs, the newest there are. Raises `NoPostgres`."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    # Where Debian puts them.
    folders = [each.parent for each in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not folders:
        raise NoPostgres("there is no initdb in PATH or in /usr/lib/postgresql/*/bin")
    return max(folders, key=lambda folder: float(folder.parent.name))


class PostgresServer:
    """A server in a temporary folder, reached by a UNIX socket in it; as another user when this one is root.

    Args:
        settings: What differs from the settings that a new server has.
        parent: Where the folder is made, if not where all temporary folders are.
    """

    def __init__(self, settings: Mapping[str, str] = SETTINGS, parent: Path | None = None) -> None:
        """Make the folder. Raises `NoPostgres`."""
        self._settings = settings
        self._programs = find_programs()
        self.folder = Path(tempfile.mkdtemp(prefix="stretto-pg-", dir=parent))
        self._user = _unprivileged() if os.getuid() == 0 else None
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._data = self.folder / "data"

    def start(self) -> None:
        """Make the cluster, and have the server accept connections."""
        self._run("initdb", "--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C", "--no-sync")
        settings = "".join(f"{name} = '{value}'\n" for name, value in self._settings.items())
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"{settings}unix_socket_directories = '{self.folder}'\n")
        self.resume()

    def resume(self) -> None:
        """Have a server that was halted accept connections again."""
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.folder / 'log'}")

    def halt(self) -> None:
        """End the server as a crash would: its connections are cut, and it recovers when it is resumed."""
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate")

    def remove(self) -> None:
        """End the server, if it runs, and remove all that it has left."""
        try:
            if (self._data / "postmaster.pid").exists():
                self.halt()
        finally:
            shutil.rmtree(self.folder)

    def url(self, database: str = "postgres") -> str:
        """Return a database's URL."""
        return f"postgresql://{SUPERUSER}@/{database}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        # Its output is a file, no pipe: the server holds that open as long as it runs.
        with (self.folder / "output").open("ab") as output:
            subprocess.run(
                [self._programs / program, f"--pgdata={self._data}", *arguments],
                check=True,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=None if self._user is None else self._user.pw_uid,
                group=None if self._user is None else self._user.pw_gid,
                extra_groups=None if self._user is None else [],
            )


def memory() -> Path | None:
    """Return the folder whose files are only in memory, or None if there is no room or no such folder.

    A database is a folder of 300 files. On a disk, it takes longer to make and remove them than a test runs.
    """
    free = shutil.disk_usage(MEMORY).free if os.access(MEMORY, os.W_OK) else 0
    return MEMORY if free >= ROOM else None


def _unprivileged() -> pwd.struct_passwd:
    names = {each.pw_name: each for each in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
