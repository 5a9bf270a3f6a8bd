"""Stores are opened by their URLs, and failures are reported."""

import subprocess
import sys
from pathlib import Path

import pytest

from stretto.actors.journal.location import InFile, InMemory, InPostgres, locate
from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.store import CannotOpenStore
from tests.support.recording import acceptance
from tests.support.stores import store_url

__all__ = ["store_url"]


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("sqlite://", InMemory()),
        ("sqlite:///stretto.db", InFile(Path("stretto.db"))),
        ("sqlite:///data/stretto.db", InFile(Path("data/stretto.db"))),
        ("sqlite:////var/lib/stretto.db", InFile(Path("/var/lib/stretto.db"))),
        ("sqlite:///100% #1.db", InFile(Path("100% #1.db"))),
        ("postgresql://u:p@h/d", InPostgres("postgresql://u:p@h/d")),
    ],
)
def test_a_url_tells_where_a_store_is(url: str, location: object) -> None:
    """Three slashes and a path are a file, two a store in memory, and PostgreSQL has its own URLs."""
    assert locate(url) == location


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("stretto.db", "'stretto.db': this is not a URL; expected sqlite:///FILE.db"),
        ("/var/lib/stretto.db", "'/var/lib/stretto.db': this is not a URL; expected sqlite:///FILE.db"),
        ("", "'': this is not a URL; expected sqlite:///FILE.db"),
        ("sqlite:stretto.db", "the path must follow three slashes"),
        ("sqlite://stretto.db", "the path must follow three slashes"),
        ("sqlite:///", "the path must follow three slashes"),
        ("sqlite:///stretto.db?mode=ro", "the URL of a file must have no options, got a '?'"),
        ("mysql://u:sesame@h/d", "its URL begins with 'mysql:'; expected sqlite:///FILE.db"),
        ("postgres://u:sesame@h/d", "its URL begins with 'postgres:'; expected"),
        ("postgresql+asyncpg://u:sesame@h/d", "its URL begins with 'postgresql+asyncpg:'; expected"),
        ("postgresql:sesame", "its URL begins with 'postgresql:'; expected"),
        ("postgresql://u:sesame@h", "its postgresql: URL is invalid; expected"),
        ("postgresql://u:sesame@h:port/d", "its postgresql: URL is invalid; expected"),
    ],
)
def test_another_url_is_refused_with_what_is_expected(url: str, expected: str) -> None:
    """Whatever else is given as a URL, the error says what one looks like, and never shows a password."""
    for opened in (open_store, open_reader):
        with pytest.raises(CannotOpenStore) as refused:
            opened(url, None)
        assert expected in str(refused.value)
        assert "sesame" not in str(refused.value)


def test_a_location_does_not_show_its_password() -> None:
    """A URL with a password stands in no log by way of a repr."""
    assert "sesame" not in repr(locate("postgresql://u:sesame@h/d"))


def test_databases_are_imported_only_when_a_store_is_opened(tmp_path: Path) -> None:
    """The command line does not wait for SQLAlchemy and its like; a store that is up to date needs no alembic."""
    open_store(f"sqlite:///{tmp_path / 'store.db'}", None).close()
    code = """if True:
        import sys
        import stretto.actors.engine, stretto.actors.journal.sql.backup
        from stretto.actors.journal.opening import open_store
        heavy = {"sqlalchemy", "alembic", "psycopg", "cryptography"}
        assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
        open_store("sqlite:///store.db", None).close()
        assert not {"alembic", "psycopg"} & sys.modules.keys()
    """
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_what_is_written_is_read_by_the_next_process(durable_url: str) -> None:
    """A store that is closed and opened again has what it had."""
    run = acceptance()
    with open_store(durable_url, None) as store:
        store.writer.write([run])
    with open_store(durable_url, None) as store:
        accepted = store.reader.accepted(run.run_id)
    assert accepted is not None
    assert accepted.parameters == run.parameters


def test_a_store_in_memory_begins_empty_and_is_its_openers_own() -> None:
    """Two stores in memory have nothing to do with each other, and what is written is read on other connections."""
    with open_store("sqlite://", None) as one, open_store("sqlite://", None) as other:
        one.writer.write([acceptance()])
        assert (one.reader.counts(), other.reader.counts()) == ({"running": 1}, {})
    with pytest.raises(CannotOpenStore, match="only by its own process"):
        open_reader("sqlite://", None)


def test_a_reader_sees_what_the_owner_writes_meanwhile(durable_url: str) -> None:
    """A store that a process writes is opened for reading, without its lock, and is read on as it grows."""
    with open_store(durable_url, None) as store:
        reader = open_reader(durable_url, None)
        try:
            assert reader.counts() == {}
            store.writer.write([acceptance()])
            assert reader.counts() == {"running": 1}
        finally:
            reader.close()


def test_closing_is_done_once(store_url: str) -> None:
    """A store may be closed again."""
    store = open_store(store_url, None)
    store.close()
    store.close()


def test_a_reader_makes_no_store(tmp_path: Path, empty_postgres_url: str) -> None:
    """Reading a store that is not there is an error, and leaves nothing behind."""
    with pytest.raises(CannotOpenStore, match=r"store\.db: the file does not exist$"):
        open_reader(f"sqlite:///{tmp_path / 'store.db'}", None)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CannotOpenStore, match="it has no tables; `stretto serve` creates them"):
        open_reader(empty_postgres_url, None)
    open_store(empty_postgres_url, None).close()
