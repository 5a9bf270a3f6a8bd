"""The stores that are measured beside each other: none, a file of SQLite's, a database of PostgreSQL's.

All of them are on the disk of the folder for temporary files (TMPDIR says which), and wait for it at every commit.
"""

import itertools
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import engine
from sqlalchemy import NullPool, create_engine, make_url, text

from stretto.actors.journal import new_key, open_store

# The tests' server, with other settings.
sys.path.append(str(Path(__file__).parent.parent))
from tests.support.postgres_server import NoPostgres, PostgresServer

__all__ = [
    "OFF", "POSTGRES", "SQLITE", "NoPostgres", "Places", "engines_side_by_side", "files", "places", "running_server",
    "size",
]  # fmt: skip
OFF, SQLITE, POSTGRES = "no store", "SQLite", "PostgreSQL"
SETTINGS = {"listen_addresses": ""}
"""A new PostgreSQL server's own settings hold: fsync and synchronous_commit are on."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where stores are made: a folder, and the URL of a PostgreSQL server's database; None: there is no server."""

    folder: Path
    server: str | None

    @property
    def key_file(self) -> Path:
        """The file with the key of all stores here."""
        return self.folder / "key"

    def new(self) -> dict[str, str]:
        """Make an empty store of each kind, its tables there; return their URLs by the kind."""
        urls = {SQLITE: f"sqlite:///{self.folder / _new_name()}.db"}
        if self.server is not None:
            urls[POSTGRES] = self.database()
        for url in urls.values():
            open_store(url, None).close()
        return urls

    def database(self) -> str:
        """Make an empty database of the PostgreSQL server, without tables; return its URL."""
        assert self.server is not None
        name = _new_name()
        with _server(self.server) as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        return make_url(self.server).set(database=name).render_as_string()


def _new_name() -> str:
    return f"stretto_{os.getpid()}_{next(_numbers)}"


@contextmanager
def places() -> Iterator[Places]:
    """Give places for stores, a PostgreSQL server among them where its programs are installed; remove all of it."""
    with ExitStack() as stack:
        url = None
        try:
            server = PostgresServer(SETTINGS)
        except NoPostgres as absent:
            print(f"PostgreSQL is left out: {absent}", file=sys.stderr)
        else:
            stack.callback(server.remove)
            server.start()
            url = server.url()
        yield stack.enter_context(files(url))


@contextmanager
def running_server(settings: Mapping[str, str]) -> Iterator[tuple[Places, int]]:
    """Give places on a PostgreSQL server with these settings, and the id of its process. Raises `NoPostgres`."""
    server = PostgresServer({**SETTINGS, **settings})
    try:
        server.start()
        with files(server.url()) as made:
            yield made, int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    finally:
        server.remove()


@contextmanager
def files(server: str | None = None) -> Iterator[Places]:
    """Give places for stores of SQLite's, and for databases of a PostgreSQL server by its URL; remove the files."""
    with tempfile.TemporaryDirectory() as folder:
        made = Places(Path(folder), server)
        made.key_file.touch(0o600)
        made.key_file.write_text(new_key(), encoding="ascii")
        yield made


@contextmanager
def engines_side_by_side(made: Places) -> Iterator[dict[str, Any]]:
    """Run an engine without a store and one for each kind, as the proxies that their users have, by the kind."""
    with ExitStack() as stack:
        proxies = {OFF: stack.enter_context(engine())}
        for kind, url in made.new().items():
            proxies[kind] = stack.enter_context(engine(store=url, store_key=made.key_file))
        yield proxies


def size(url: str) -> int:
    """Return how many bytes the files of a store have that nobody has open."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Path(str(parsed.database)).stat().st_size
    with _server(url) as connection:
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")))


@contextmanager
def _server(url: str) -> Iterator[Any]:
    made = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with made.connect() as connection:
        yield connection
