"""A store has one writer at a time: who that is, and what becomes of one that has lost its connection."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from stretto.actors.journal.location import locate
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.ownership import CommitInDoubt
from stretto.actors.journal.sql.postgresql import LOCK
from stretto.actors.journal.sql.schema import SCHEMA
from stretto.actors.journal.sql.store import Store, readers
from stretto.actors.journal.store import StoreInUse, StoreLost, StoreUnavailable, Unrecordable
from tests.support.databases import administration, name_of
from tests.support.lossy_link import LossyLink
from tests.support.recording import acceptance, completed, happening

OWNER = """
import sys
from stretto.actors.journal.opening import open_store
store = open_store(sys.argv[1], None)
print("open", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_owner(url: str) -> "Iterator[subprocess.Popen[str]]":
    """Open the store in another process that keeps it."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


def counts(url: str) -> int:
    """Return how many runs a store has, as any other process sees it."""
    _, engine = readers(locate(url))
    with engine.connect() as connection:
        found: int = connection.exec_driver_sql("SELECT count(*) FROM runs").scalar_one()
    engine.dispose()
    return found


@pytest.fixture
def store(durable_url: str) -> Iterator[Store]:
    """Return an open store of each kind that outlives its process."""
    with open_store(durable_url, None) as opened:
        yield opened


def test_a_store_in_use_is_refused_and_free_at_once_when_its_owner_is_killed(durable_url: str) -> None:
    """A second process gets the name of the owner; a SIGKILL leaves nothing to clean up."""
    with another_owner(durable_url) as owner:
        with pytest.raises(StoreInUse) as refused:
            open_store(durable_url, None)
        assert str(owner.pid) in str(refused.value)
        owner.kill()
        owner.wait()
        with open_store(durable_url, None) as store:
            store.writer.write([acceptance()])


def test_a_store_that_is_closed_is_free(durable_url: str) -> None:
    """A released store can be opened by others and reopened."""
    open_store(durable_url, None).close()
    with another_owner(durable_url), pytest.raises(StoreInUse):
        open_store(durable_url, None)


def test_every_opening_gets_a_new_number(durable_url: str) -> None:
    """Its row says who has opened the store, and with which version. The rows of earlier ones are gone."""
    last = 0
    for _ in range(3):
        with open_store(durable_url, None) as store, store.reader._engine.connect() as connection:
            row = connection.execute(text("SELECT * FROM engines")).one()
        assert row.number > last
        assert row.name.startswith("process ")
        assert (row.version, row.knows, row.commits, row.fenced_by) == (
            metadata.version("stretto"), SCHEMA.newest, 0, None,
        )  # fmt: skip
        last = row.number


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    """An error of any kind rolls back, and the next transaction is not concerned."""
    run = acceptance()
    store.writer.write([run])
    with contextlib.suppress(KeyError), store._ownership.transaction() as connection:
        connection.execute(text("DELETE FROM runs"))
        raise KeyError
    assert store.reader.counts() == {"running": 1}
    store.writer.write([happening(run.run_id, completed())])
    assert len(store.reader.entries(run.run_id, 0, 10)) == 1


def test_what_can_never_be_written_does_not_cost_the_store(store: Store, durable_url: str) -> None:
    """A refused record differs from an unavailable store, and the owner keeps the store."""
    run = acceptance()
    store.writer.write([run, happening(run.run_id, completed())])
    for refused in (happening(run.run_id, completed()), happening(run.run_id, completed(2**70), first=1)):
        with pytest.raises(Unrecordable):
            store.writer.write([refused])
    with pytest.raises(StoreInUse):
        open_store(durable_url, None)
    store.writer.write([happening(run.run_id, completed(1), first=1)])


def test_an_owner_whose_lock_was_removed_writes_no_more(tmp_path: Path) -> None:
    """Removing the lock file allows two owners: the older one notices before it commits anything."""
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url, None) as older:
        (tmp_path / "store.db.lock").unlink()
        with open_store(url, None) as newer:
            for _ in range(2):
                with pytest.raises(StoreLost, match=r"was opened by process .*: this process can no longer write it"):
                    older.writer.write([acceptance()])
            newer.writer.write([acceptance()])
            assert newer.reader.counts() == {"running": 1}


# ---- PostgreSQL: a connection can be lost


@pytest.fixture
def cut(postgres_server: str) -> Callable[[str], None]:
    """Return what ends all connections to a database but the caller's."""

    def end(url: str) -> None:
        with administration(postgres_server) as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :name"),
                {"name": name_of(url)},
            )

    return end


def test_a_lost_connection_is_replaced(postgres_url: str, cut: Callable[[str], None]) -> None:
    """The write that finds the connection lost fails; the next one uses a new connection."""
    run = acceptance()
    with open_store(postgres_url, None) as store:
        cut(postgres_url)
        with pytest.raises(StoreUnavailable, match="cannot be used now: "):
            store.writer.write([run])
        assert store.writer.write([run]) == []
        assert store.reader.counts() == {"running": 1}
        with pytest.raises(StoreInUse):
            open_store(postgres_url, None)


@pytest.mark.parametrize("keeps_it", [False, True])
def test_a_store_that_another_has_had_meanwhile_is_lost(
    postgres_url: str, cut: Callable[[str], None], *, keeps_it: bool
) -> None:
    """Once another process has opened the store, the one whose connection was lost writes it no more, for good."""
    with open_store(postgres_url, None) as store:
        cut(postgres_url)
        with another_owner(postgres_url) as other:
            if not keeps_it:
                other.kill()
                other.wait()
            with pytest.raises(StoreUnavailable):
                store.writer.write([acceptance()])
            for _ in range(2):
                with pytest.raises(StoreLost, match=r"was opened by process .*: this process can no longer write it"):
                    store.writer.write([acceptance()])
    assert counts(postgres_url) == 0


def test_a_lock_that_another_connection_has_is_waited_for(postgres_url: str, cut: Callable[[str], None]) -> None:
    """While the lock is taken and the number is still this process's, nothing is lost: a later write may do."""
    with open_store(postgres_url, None) as store:
        cut(postgres_url)
        with pytest.raises(StoreUnavailable):
            store.writer.write([acceptance()])
        with administration(postgres_url) as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock, hashtext('public'))"), {"lock": LOCK})
            with pytest.raises(StoreUnavailable, match="is in use by "):
                store.writer.write([acceptance()])
        store.writer.write([acceptance()])
        assert store.reader.counts() == {"running": 1}


@pytest.fixture
def link(postgres_url: str, tmp_path: Path) -> Iterator[LossyLink]:
    """Return a link to a database that can be broken."""
    lossy = LossyLink(postgres_url, tmp_path)
    yield lossy
    lossy.close()


@pytest.mark.parametrize("breaks", ["before commit", "after commit"])
def test_a_commit_that_was_cut_off_is_settled(link: LossyLink, breaks: Any) -> None:
    """A writer whose connection breaks while it commits can tell afterwards whether the commit was done."""
    with open_store(link.url, None) as store:
        ownership = store._ownership
        link.breaks = breaks
        with pytest.raises(CommitInDoubt) as doubt, ownership.transaction() as connection:
            connection.execute(text("INSERT INTO definitions VALUES ('d', 'b')"))
        assert ownership.settle(doubt.value) is (breaks == "after commit")
        with ownership.transaction() as connection:
            found = connection.execute(text("SELECT count(*) FROM definitions")).scalar_one()
        assert found == (breaks == "after commit")
        assert ownership.settle(doubt.value) is (breaks == "after commit")


@pytest.mark.parametrize("breaks", ["before commit", "after commit"])
def test_what_is_given_again_after_a_cut_is_written_once(link: LossyLink, breaks: Any) -> None:
    """The writer is given the same again, with more: all of it stands there once."""
    run = acceptance()
    began = happening(run.run_id, completed())
    with open_store(link.url, None) as store:
        link.breaks = breaks
        with pytest.raises(StoreUnavailable):
            store.writer.write([run, began])
        assert store.writer.write([run, began, happening(run.run_id, completed(1), first=1)]) == []
        assert len(store.reader.entries(run.run_id, 0, 10)) == 2
        assert store.reader.counts() == {"running": 1}
