"""Counts what a block asks of a store: its statements, and the steps that SQLite takes for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

STEPS = 100
"""Steps of SQLite's virtual machine between two calls of its progress handler. A row read costs some ten steps."""


class Counted:
    """The statements that were executed, and the steps that they took on SQLite."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.steps = 0

    def _progress(self) -> int:
        self.steps += STEPS
        return 0


@contextmanager
def counting(engine: Engine | type[Engine]) -> Iterator[Counted]:
    """Count what is executed through an engine, or through all engines."""
    counted = Counted()

    def executing(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            counted.statements.append(statement)
        if connection.dialect.name == "sqlite":
            connection.connection.driver_connection.set_progress_handler(counted._progress, STEPS)

    event.listen(engine, "before_cursor_execute", executing)
    try:
        yield counted
    finally:
        event.remove(engine, "before_cursor_execute", executing)
