"""A store put together: what keeps it, who writes and who reads, and that it is given back whatever happens."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from stretto.actors.journal.location import InFile, InMemory
from stretto.actors.journal.sql.schema import Schema
from stretto.actors.journal.sql.store import opening, own, read, readers
from stretto.actors.journal.store import CannotOpenStore, Prune, StoreInUse
from tests.support.recording import acceptance


@pytest.fixture
def location(tmp_path: Path) -> InFile:
    return InFile(tmp_path / "store.db")


def test_what_is_written_is_read_and_deleted(location: InFile) -> None:
    """Each by its part."""
    with own(location, None, None) as store:
        assert store.url == f"sqlite:///{location.path}"
        store.writer.write([acceptance("a")])
        assert store.reader.run("a") is not None
        assert store.pruning(Prune(keep=0)).prune_some(100) == 0, "it has not ended"


def test_a_store_is_given_back_when_it_is_closed(location: InFile) -> None:
    """Once is enough, and twice is no harm."""
    store = own(location, None, None)
    with pytest.raises(StoreInUse):
        own(location, None, None)
    store.close()
    store.close()
    own(location, None, None).close()


def test_it_is_given_back_when_it_cannot_be_brought_up(location: InFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong."""

    def broken(*_given: object) -> None:
        raise ZeroDivisionError("a migration's bug")

    with monkeypatch.context() as patched:
        patched.setattr(Schema, "upgrade", broken)
        with pytest.raises(ZeroDivisionError):
            own(location, None, None)
    own(location, None, None).close()


def test_a_store_is_read_beside_who_has_it(location: InFile) -> None:
    """Also without a writer; another file is refused."""
    with own(location, None, None) as store:
        store.writer.write([acceptance("a")])
        reader = read(location, None, None)
        assert reader.run("a") is not None
        reader.close()
    location.path.write_bytes(b"this is no database" * 100)
    with pytest.raises(CannotOpenStore):
        read(location, None, None)


def test_a_store_in_memory_is_its_processs_alone() -> None:
    """It can be had, but not be read by another."""
    with own(InMemory(), None, None) as store:
        store.writer.write([acceptance("a")])
        assert store.reader.run("a") is not None
    with pytest.raises(CannotOpenStore, match="only by its own process"):
        readers(InMemory())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sqlite3.OperationalError("it is odd"), "cannot open the store S: it is odd"),
        (OperationalError("SELECT 1", {}, sqlite3.OperationalError("it is odd")), "cannot open the store S: it is odd"),
        (PermissionError(13, "Permission denied", "/var/x"), "cannot open the store S: Permission denied: /var/x"),
    ],
)
def test_what_keeps_a_store_from_being_opened_is_reported(error: Exception, expected: str) -> None:
    """In one line, of the store that was meant, without statements."""
    with pytest.raises(CannotOpenStore) as raised, opening("S"):
        raise error
    assert str(raised.value) == expected
