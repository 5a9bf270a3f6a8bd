"""The writer's statements: one text for a driver, its parameters in the order of the rows."""

import pytest
from sqlalchemy import create_engine

from stretto.actors.journal.sql.statements import Statements, statements_for

SQLITE, POSTGRESQL = (create_engine(url).dialect for url in ("sqlite://", "postgresql+psycopg://stretto@/store"))


def test_rows_are_given_in_the_order_of_the_columns() -> None:
    """The writer relies on it."""
    statements = Statements(SQLITE)
    assert statements.entries == (
        "INSERT INTO entries (run, number, kind, at, task, visit, item, attempt, outcome, began_at, seconds, "
        "body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    assert statements.states == "UPDATE runs SET status=?, ended_at=? WHERE runs.number = ?"
    assert statements.ends.startswith(
        "INSERT INTO run_ends (run, output, errors) VALUES (?, ?, ?) ON CONFLICT (run) DO"
    )


@pytest.mark.parametrize("name", ["entries", "inputs", "definitions", "surroundings", "tasks", "ends", "states"])
def test_both_databases_take_the_same_rows(name: str) -> None:
    """The texts differ in how they write a parameter, and in nothing that a row depends on."""
    sqlite, postgresql = getattr(Statements(SQLITE), name), getattr(Statements(POSTGRESQL), name)
    assert sqlite.count("?") == postgresql.count("%s")
    assert sqlite.partition("VALUES")[0].partition("?")[0] == postgresql.partition("VALUES")[0].partition("%s")[0]


def test_statements_are_made_once() -> None:
    """Not again for each transaction."""
    assert statements_for(SQLITE) is statements_for(SQLITE)
