"""The query of a timeline: the ends of items, counted in buckets of time."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Select, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from stretto.actors.journal.counted_items import ItemEnds
from stretto.actors.journal.sql.item_rows import number_of
from stretto.actors.journal.sql.run_rows import searchable
from stretto.actors.journal.sql.tables import ENDED, FAILED, entries


class _Whole(FunctionElement[int]):
    """A number that is not negative, rounded down."""

    type = BigInteger()
    inherit_cache = True


@compiles(_Whole, "sqlite")
def _sqlite_whole(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS INTEGER)"


@compiles(_Whole, "postgresql")
def _postgresql_whole(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST(floor({compiler.process(element.clauses, **options)}) AS BIGINT)"


_COUNT: Final = func.count().label("ended")
_FAILED_COUNT: Final = func.count().filter(FAILED).label("failed")


def select_ends(run_id: str, tasks: Sequence[str], begin: float, width: float) -> Select[Any]:
    """Return the statement that counts the ends of tasks' items by bucket, of those since `begin`."""
    bucket = _Whole((entries.c.at - literal(begin)) / literal(width)).label("bucket")
    groups = entries.c.task, entries.c.visit, bucket
    return (
        select(*groups, _COUNT, _FAILED_COUNT)
        .where(entries.c.run == number_of(run_id), ENDED, entries.c.at >= begin)
        .where(entries.c.task.in_([searchable(task) for task in tasks]))
        .group_by(*groups)
        .order_by(*groups)
    )


def restore_ends(rows: Iterable[Any]) -> list[ItemEnds]:
    """Return the counts of the statement's rows."""
    return [ItemEnds(row.task, row.visit, row.bucket, row.ended - row.failed, row.failed) for row in rows]
