"""Bringing a store's tables to another version on purpose."""

import sqlite3
from pathlib import Path

import pytest

from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.schema import SCHEMA
from stretto.actors.journal.sql.upgrade import finish_upgrade, upgrade
from stretto.actors.journal.store import CannotOpenStore


def test_what_is_of_this_version_stays_as_it_is(tmp_path: Path) -> None:
    """Both versions are returned."""
    url = f"sqlite:///{tmp_path}/store.db"
    open_store(url, None).close()
    assert upgrade(url, None) == (SCHEMA.newest, SCHEMA.newest)


def test_nothing_is_made_where_there_is_no_store(tmp_path: Path) -> None:
    """Neither a file nor tables in a file of another kind."""
    with pytest.raises(CannotOpenStore, match="the file does not exist"):
        upgrade(f"sqlite:///{tmp_path}/none.db", None)
    sqlite3.connect(tmp_path / "other.db").close()
    (tmp_path / "other.db").touch()
    with pytest.raises(CannotOpenStore, match="must be a store"):
        upgrade(f"sqlite:///{tmp_path}/other.db", None)
    assert not (tmp_path / "none.db").exists()


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    """It takes the Stretto that has written it."""
    url = f"sqlite:///{tmp_path}/store.db"
    open_store(url, None).close()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CannotOpenStore, match="a newer Stretto has written it"):
        upgrade(url, None)


def test_a_store_of_the_newest_version_is_finished(tmp_path: Path) -> None:
    """Both versions are returned, and it stays as it is."""
    url = f"sqlite:///{tmp_path}/store.db"
    open_store(url, None).close()
    assert finish_upgrade(url) == (SCHEMA.newest, SCHEMA.newest)
