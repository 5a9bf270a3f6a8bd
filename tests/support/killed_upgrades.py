"""Upgrades of a store that are killed with SIGKILL at chosen instants, then repeated.

    python -m tests.support.killed_upgrades URL STEP

An instant is a system call that Python makes for files (an audit event), an SQL statement, or a commit. Each is reached
in a forked child: the first instant, then every STEP-th one, until an upgrade ends without being killed. The store is
made anew for each. It prints a line of JSON for each: what was left, and what the next upgrade made of it.
"""

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, make_url, text

from stretto.actors.journal import check
from stretto.actors.journal.encryption import read_key_file
from stretto.actors.journal.sql.schema import SCHEMA, Schema
from stretto.actors.journal.sql.upgrade import upgrade
from tests.actors.journal.stores.f3da086 import make

AUDITED = ("open", "os.", "sqlite3.connect")


class Killing:
    """Kills this process at the instant with a number."""

    def __init__(self, number: int) -> None:
        self._left = number
        sys.addaudithook(self._audit)
        event.listen(Engine, "before_cursor_execute", self._pass)
        event.listen(Engine, "commit", self._pass)

    def _audit(self, name: str, _arguments: object) -> None:
        if name.startswith(AUDITED):
            self._pass()

    def _pass(self, *_arguments: object) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def upgraded(url: str, number: int) -> bool:
    """Upgrade in a child that is killed at the instant, and return whether it ended before that."""
    child = os.fork()
    if child == 0:
        Killing(number)
        upgrade(url, None)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def remade_file(url: str) -> None:
    """Replace a file by the old version's store."""
    path = Path(url.removeprefix("sqlite:///"))
    for each in path.parent.iterdir():
        each.unlink()
    make.copied(path.parent)


def remade_database(url: str) -> None:
    """Replace the tables of a PostgreSQL database by those of the oldest version."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        with connection.begin():
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        Schema(SCHEMA.migrations, SCHEMA.revisions[:1]).upgrade(connection, url, lambda _version: "")
    engine.dispose()


def backups_of(path: Path) -> Iterator[int]:
    """Yield how many runs each backup has. Raises a database error for half of one."""
    for each in sorted(path.parent.glob("*.backup")):
        with sqlite3.connect(each) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            yield connection.execute("SELECT count(*) FROM runs").fetchone()[0]
        connection.close()


def report(url: str, step: int, remade: Callable[[str], None]) -> Iterator[dict[str, object]]:
    """Yield what came of each upgrade."""
    path = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else None
    number, done = 1, False
    while not done:
        remade(url)
        done = upgraded(url, number)
        found, newest = upgrade(url, None)
        keyring = None if path is None else read_key_file(path.parent / "store.key")
        yield {
            "killed": not done, "found": found, "newest": newest, "problems": list(map(str, check(url, keyring))),
            "backups": [] if path is None else list(backups_of(path)),
            "parts": [] if path is None else [each.name for each in path.parent.glob("*.part-*")],
        }  # fmt: skip
        number += step


if __name__ == "__main__":
    given = sys.argv[1]
    for line in report(given, int(sys.argv[2]), remade_file if given.startswith("sqlite") else remade_database):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
