"""The check finds every kind of problem, and none in a healthy store."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from stretto.actors.journal.encryption import Keyring, new_key
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Ending, ItemKey, ParentItem, Rerun
from stretto.actors.journal.sql import integrity
from stretto.actors.journal.sql.backup import check
from stretto.actors.journal.sql.integrity import MAX_PROBLEMS
from stretto.actors.journal.store import CannotOpenStore, Prune
from stretto.definitions.context import RunEnvironment
from stretto.definitions.context.masking import Mask
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.counted_sql import counting
from tests.support.recording import acceptance, completed, data, happening

KEYRING = Keyring([new_key()])
SURROUNDINGS = RunEnvironment(data({}), data({"token": "sesame"}), frozenset(), Mask([]))


@pytest.fixture
def url(durable_url: str) -> str:
    """Return the URL of a store with runs of every kind."""
    with open_store(durable_url, KEYRING) as store:
        ended, running = acceptance("ended", surroundings=SURROUNDINGS), acceptance("running", secret=True)
        child = acceptance("child", parent=ParentItem("running", ItemKey("probe", 1, 0), 1, data({})), depth=1)
        rerun = acceptance("rerun", rerun=Rerun("ended", "failed_tasks"))
        ending = Ending("succeeded", data({"a": 1}), EMPTY_LIST, 2000.0)
        store.writer.write([ended])  # in a transaction of its own: its number is 1
        store.writer.write([running, child, rerun])
        store.writer.write(
            [
                happening("ended", completed(0), completed(1, "a result"), completed(2), ending=ending),
                happening("running", completed(0, "sesame"), secret=True),
            ]
        )
    return durable_url


def spoil(url: str, *statements: str) -> None:
    """Change a store behind its back, whatever its constraints."""
    with open_store(url, KEYRING) as store:
        connection = store._ownership._connection
        assert connection is not None
        if url.startswith("sqlite"):
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            if not url.startswith("sqlite"):
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                connection.execute(text(statement))


def test_nothing_is_wrong_with_a_store_that_is_used_as_it_should(url: str) -> None:
    """Neither at rest, nor while a process writes it, nor while a run is being pruned."""
    assert check(url, KEYRING) == []
    with open_store(url, KEYRING) as store:
        store.writer.write([acceptance()])
        assert check(url, KEYRING) == []
        store.writer.write([happening("rerun", ending=Ending("failed", None, EMPTY_LIST, 2000.0))])
        store.pruning(Prune(keep=0)).prune_some(2)
        assert store.reader.run("ended") is None
        assert check(url, KEYRING) == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "DELETE FROM entries WHERE number = 1 AND run = 1",
            "run ended: its 2 entries must be numbered from 0 without gaps, got numbers from 0 to 2",
        ),
        (
            "DELETE FROM entries WHERE number = 0 AND run = 1",
            "run ended: its 2 entries must be numbered from 0 without gaps, got numbers from 1 to 2",
        ),
        (
            "UPDATE runs SET status = 'quarantined' WHERE id = 'running'",
            "run running: marked as quarantined, but no reason is noted",
        ),
        (
            (
                "INSERT INTO suspects (run, crashes, noted_at, quarantined_at, reason) "
                "SELECT number, 2, 1.0, 2.0, 'poison' FROM runs WHERE id = 'running'"
            ),
            "run running: its quarantine is noted, but it is not marked",
        ),
        (
            "INSERT INTO suspects (run, crashes, noted_at) SELECT number, -1, 1.0 FROM runs WHERE id = 'running'",
            "run running: its number of crashes must be at least 0",
        ),
        ("DELETE FROM run_ends WHERE run = 1", "run ended: marked as ended, but the end record is missing"),
        (
            "UPDATE runs SET ended_at = NULL WHERE id = 'ended'",
            "run ended: not marked as ended, but an end record exists",
        ),
        ("DELETE FROM run_inputs WHERE run = 1", "run ended: its inputs are missing"),
        ("DELETE FROM runs WHERE id = 'running'", "run child: not ended, but its parent running is missing"),
        (
            "DELETE FROM runs WHERE id = 'ended'",
            "run rerun: not ended, but its source run ended is missing",
        ),
        (
            "UPDATE runs SET origin = 'ownes' WHERE id = 'ended'",
            "run ended: the origin of the run ended must be owner or remote, got 'ownes'",
        ),
        ("UPDATE entries SET began_at = 1e300 WHERE number = 1 AND run = 1", "run ended: an entry ("),
        ("UPDATE entries SET seconds = -0.5 WHERE number = 1 AND run = 1", "run ended: an entry ("),
        ("UPDATE entries SET body = substr(body, 1, 3) WHERE number = 1 AND run = 1", "run ended: an entry ("),
    ],
)
def test_rows_that_do_not_fit_each_other_are_found(url: str, statement: str, problem: str) -> None:
    """Each rule that all runs keep is looked after."""
    spoil(url, statement)
    assert any(each.startswith(problem) for each in check(url, KEYRING))


@pytest.mark.parametrize(
    ("statement", "what"),
    [("DELETE FROM definitions", "definition"), ("DELETE FROM surroundings", "surroundings")],
)
def test_a_missing_shared_body_is_found(url: str, statement: str, what: str) -> None:
    """Each run that refers to it is reported."""
    spoil(url, statement)
    problems = [each for each in check(url, KEYRING) if each.startswith(f"run ended: its {what} ")]
    assert len(problems) == 1
    assert problems[0].endswith(" is missing")


@pytest.mark.parametrize("keyring", [None, Keyring([new_key()])])
def test_a_key_that_does_not_fit_is_found(url: str, keyring: Keyring | None) -> None:
    """A missing key is reported run by run."""
    found = check(url, keyring)
    assert [each.partition(":")[0] for each in found] == ["run ended", "run running"]
    assert "sesame" not in str(found)


def test_the_number_of_problems_is_limited(url: str) -> None:
    """The first hundred are enough."""
    with open_store(url, KEYRING) as store:
        store.writer.write([acceptance() for _ in range(MAX_PROBLEMS + 1)])
    spoil(url, "DELETE FROM run_inputs")
    found = check(url, KEYRING)
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1] == "more problems were found"


def broken(path: Path, table: str) -> None:
    with open_store(f"sqlite:///{path}", KEYRING) as store, store.reader._engine.connect() as connection:
        root = text("SELECT rootpage FROM sqlite_schema WHERE name = :table")
        page = connection.execute(root, {"table": table}).scalar_one()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"rubbish " * 512)


@pytest.mark.parametrize("table", ["entries", "runs", "definitions", "runs_by_status"])
def test_damage_is_found(tmp_path: Path, table: str) -> None:
    """SQLite reports a damaged page, and the check continues as far as it can."""
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}", KEYRING) as store:
        store.writer.write([acceptance("one"), happening("one", completed(0))])
    broken(path, table)
    found = check(f"sqlite:///{path}", KEYRING)
    assert found
    assert any(each.startswith("SQLite: ") for each in found)


def test_what_cannot_be_opened_cannot_be_checked(tmp_path: Path) -> None:
    """A store that is not there is no store in which nothing is wrong."""
    for url in (f"sqlite:///{tmp_path}/absent.db", "sqlite://"):
        with pytest.raises(CannotOpenStore):
            check(url, None)


def test_runs_are_read_together(durable_url: str) -> None:
    """The check of a thousand runs takes a few statements for each portion of runs and of entries, none for a run."""
    ending = Ending("succeeded", data({"a": 1}), EMPTY_LIST, 2000.0)
    statements = []
    with open_store(durable_url, KEYRING) as store:
        for _ in range(2):
            new = [acceptance() for _ in range(1000)]
            store.writer.write(new)
            store.writer.write([happening(run.run_id, completed(0), completed(1), ending=ending) for run in new])
            with counting(Engine) as counted:
                assert check(durable_url, KEYRING) == []
            statements.append(len(counted.statements))
    first, both = statements
    assert both - first <= 70
    assert first <= 100


def test_a_bad_body_is_reported_of_its_run_alone(url: str) -> None:
    """Of each run the first problem is reported, in the order of the runs; a gap is reported once."""
    spoil(
        url,
        "UPDATE run_ends SET errors = substr(errors, 1, 1) WHERE run = 1",
        "UPDATE run_inputs SET parameters = substr(parameters, 1, 3) WHERE run <= 2",
        "DELETE FROM entries WHERE number = 1 AND run = 1",
    )
    found = check(url, KEYRING)
    assert [each.partition(":")[0] for each in found] == ["run ended", "run ended", "run running"]
    assert "numbered from 0 without gaps" in found[0]
    assert all("damaged" in each for each in found[1:])


def test_a_page_that_cannot_be_read_is_reported_of_its_run_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the rows of a portion cannot be read together, each run is read alone."""
    spoil(url, "UPDATE run_inputs SET parameters = substr(parameters, 1, 3) WHERE run = 2")

    def refuse(_bodies: object) -> None:
        raise DatabaseError("SELECT", None, Exception("database disk image is malformed"))

    monkeypatch.setattr(integrity._Bodies, "read", refuse)
    assert [each.partition(":")[0] for each in check(url, KEYRING)] == ["run running"]
