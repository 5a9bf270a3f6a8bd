"""Real databases for tests: PostgreSQL where it is installed; SQLite is always there.

Nothing of them is imported before a test needs one: most tests do not.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from stretto.actors.journal.opening import open_store
from tests.support.postgres_server import NoPostgres, PostgresServer, memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

SERVER = "STRETTO_TEST_POSTGRES"
"""The environment variable with the URL of a server to use, by a user who may create databases."""

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Return the URL of a server's database; the server is started for the tests if none is given."""
    given = os.environ.get(SERVER)
    if given:
        yield given
        return
    server = started_server()
    try:
        yield server.url()
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """Return the name of a database with a store's tables, to be copied."""
    with database(postgres_server, "template0") as url:
        open_store(url, None).close()
        yield name_of(url)


@pytest.fixture
def databases() -> Iterator[ExitStack]:
    """Return what drops the databases of a test. Whatever stops its engines needs this, to do so before."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str, databases: ExitStack) -> str:
    """Return the URL of a PostgreSQL database of the test's own: an empty store."""
    return databases.enter_context(database(postgres_server, postgres_template))


@pytest.fixture
def empty_postgres_url(postgres_server: str, databases: ExitStack) -> str:
    """Return the URL of a PostgreSQL database of the test's own, without any table."""
    return databases.enter_context(database(postgres_server, "template0"))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a store in a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["file", "postgres"])
def durable_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a store that is not open, of each kind that outlives its process."""
    url: str = request.getfixturevalue(request.param)
    return url


def started_server() -> PostgresServer:
    """Start a server, to be removed by the caller; the test is skipped where there is none, and fails in CI."""
    try:
        server = PostgresServer(parent=memory())
    except NoPostgres as absent:
        reason = f"PostgreSQL is left out: {absent}; install it, or set {SERVER} to the URL of a server"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    try:
        server.start()
    except BaseException:
        server.remove()
        raise
    return server


@contextmanager
def database(server: str, template: str, options: str = "") -> Iterator[str]:
    """Create a database, give its URL, and drop it."""
    from sqlalchemy import make_url

    name = f"stretto_test_{os.getpid()}_{next(_numbers)}"
    with administration(server) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} {options}")
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with administration(server) as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def name_of(url: str) -> str:
    """Return the name of a database."""
    return urlsplit(url).path.removeprefix("/")


@contextmanager
def administration(url: str) -> "Iterator[Connection]":
    """Give a connection to a database, beside any store, for statements of which each is its own transaction."""
    from sqlalchemy import NullPool, create_engine, make_url

    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with engine.connect() as connection:
        yield connection
