"""Tests that need a database say so where there is none, and fail where all of them are to be run."""

import pytest

from tests.support import databases
from tests.support.databases import started_server
from tests.support.postgres_server import NoPostgres


def absent(**_options: object) -> None:
    raise NoPostgres("there is no initdb")


def test_without_postgresql_its_tests_are_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests reads what was left out, why, and what to do about it."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(databases, "PostgresServer", absent)
    with pytest.raises(pytest.skip.Exception) as skipped:
        started_server()
    assert skipped.value.msg == (
        "PostgreSQL is left out: there is no initdb; install it, or set STRETTO_TEST_POSTGRES to the URL of a server"
    )


def test_in_ci_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI with half of the databases would be green for nothing."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(databases, "PostgresServer", absent)
    with pytest.raises(pytest.fail.Exception, match="PostgreSQL is left out"):
        started_server()
