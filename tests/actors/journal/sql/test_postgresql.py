"""PostgreSQL: how its connections are set up, and what a store cannot do without."""

import os
import sys
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import InternalError

from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.sql.postgresql import Postgres
from stretto.actors.journal.store import CannotOpenStore, StoreInUse
from tests.support.databases import administration, database, name_of
from tests.support.recording import acceptance


def shown(connection: Any, *names: str) -> list[str]:
    with connection.begin():
        return [connection.scalar(text(f"SHOW {name}")) for name in names]


def preset(url: str, setting: str) -> None:
    """Set a database's default, as its administrator may have."""
    with administration(url) as connection:
        connection.execute(text(f"ALTER DATABASE {name_of(url)} SET {setting}"))


def test_the_writer_waits_for_the_disk_and_readers_cannot_write(postgres_url: str) -> None:
    """Acknowledged data is on the disk, even if the server is configured not to wait for it."""
    preset(postgres_url, "synchronous_commit = off")
    guard = Postgres(postgres_url)
    with guard.connect() as writer:
        assert shown(writer, "synchronous_commit", "lock_timeout", "jit") == ["on", "30s", "off"]
        assert shown(writer, "application_name")[0].startswith(f"stretto {os.getpid()}@")
    readers = guard.readers()
    with readers.connect() as reader, pytest.raises(InternalError, match="read-only transaction"):
        reader.execute(text("DELETE FROM runs"))
    readers.dispose()


def test_a_server_that_waits_for_more_than_the_disk_is_not_hurried(postgres_url: str) -> None:
    """Only a setting that promises too little is replaced."""
    preset(postgres_url, "synchronous_commit = remote_apply")
    with Postgres(postgres_url).connect() as writer:
        assert shown(writer, "synchronous_commit") == ["remote_apply"]


def test_the_url_decides_how_the_server_is_reached(postgres_url: str) -> None:
    """Options in the URL are not overridden."""
    url = make_url(postgres_url).update_query_dict({"connect_timeout": "3", "keepalives_count": "7"})
    with Postgres(url.render_as_string(hide_password=False)).connect() as writer:
        driver: Any = writer.connection.driver_connection
        parameters = driver.info.get_parameters()
    assert (parameters["connect_timeout"], parameters["keepalives_count"]) == ("3", "7")
    assert parameters["tcp_user_timeout"] == "30000"


def test_a_password_that_is_not_quoted_is_not_shown() -> None:
    """The part after its first @ would be read as the host, and appear in every message."""
    with pytest.raises(CannotOpenStore, match="%XX") as refused:
        Postgres("postgresql://user:hunter@2@localhost/runs")
    assert "hunter" not in str(refused.value)
    assert "2@" not in str(refused.value)


def test_the_owner_is_named_by_its_process_and_host(postgres_url: str) -> None:
    """The message says which process to stop."""
    with open_store(postgres_url, None), pytest.raises(StoreInUse, match=rf"in use by 'stretto {os.getpid()}@"):
        open_store(postgres_url, None)


def test_each_schema_of_a_database_is_a_store_of_its_own(empty_postgres_url: str) -> None:
    """Two stores in one database do not keep each other from being opened."""
    with administration(empty_postgres_url) as connection:
        connection.execute(text("CREATE SCHEMA other"))
    other = make_url(empty_postgres_url).update_query_dict({"options": "-csearch_path=other"})
    other_url = other.render_as_string(hide_password=False)
    with open_store(empty_postgres_url, None) as one, open_store(other_url, None) as two:
        one.writer.write([acceptance()])
        assert (one.reader.counts(), two.reader.counts()) == ({"running": 1}, {})
        with pytest.raises(StoreInUse, match="in use by 'stretto"):
            open_store(other_url, None)


def test_a_database_that_cannot_hold_every_text_is_refused(postgres_server: str) -> None:
    """The message has its encoding, and the command that creates a suitable one."""
    message = "the encoding of its database must be UTF8, got LATIN1; create one with"
    with (
        database(postgres_server, "template0", "ENCODING 'LATIN1'") as url,
        pytest.raises(CannotOpenStore, match=message),
    ):
        open_store(url, None)


def test_a_missing_driver_is_reported_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment can have lost PostgreSQL's driver; the error says how to add it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for opened in (open_store, open_reader):
        with pytest.raises(CannotOpenStore) as refused:
            opened("postgresql://stretto:sesame@localhost/stretto", None)
        assert "PostgreSQL's driver cannot be loaded" in str(refused.value)
        assert "`pip install 'psycopg[binary]'`" in str(refused.value)
        assert "sesame" not in str(refused.value)


def test_what_the_server_refuses_is_reported_in_its_words(postgres_server: str) -> None:
    """A database that is not there is the operator's to make."""
    url = make_url(postgres_server).set(database="absent").render_as_string(hide_password=False)
    for opened in (open_store, open_reader):
        with pytest.raises(CannotOpenStore, match='database "absent" does not exist'):
            opened(url, None)


def test_a_password_is_not_shown() -> None:
    """Neither in the URL of a store, nor when it cannot be opened, whichever way the URL gives it."""
    assert Postgres("postgresql://stretto:sesame@host/stretto?sslpassword=sesame").store == (
        "postgresql://stretto:***@host/stretto?sslpassword=hidden"
    )
    for opened in (open_store, open_reader):
        with pytest.raises(CannotOpenStore) as refused:
            opened("postgresql://stretto:sesame@/stretto?host=/absent&sslpassword=sesame", None)
        assert "sesame" not in str(refused.value)
