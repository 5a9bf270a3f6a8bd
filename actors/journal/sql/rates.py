"""Portions of rates: an engine takes the times of several keys in one statement, outside of the journal."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from stretto.actors.journal.rates import PORTION_SECONDS, PORTIONS_AHEAD, RateNeed, RatePortion

_NOW: Final = "extract(epoch FROM clock_timestamp())::double precision"
_LIVE: Final = "SELECT number FROM engines WHERE fenced_by IS NULL"
_MOST_AHEAD: Final = (
    f"(SELECT {PORTIONS_AHEAD} + 2 * count(*) FROM ({_LIVE}) AS live) "  # noqa: S608 - of constants
    f"* greatest({PORTION_SECONDS}, EXCLUDED.interval)"
)
_FIRST: Final = f"greatest(least(rates.next_at, EXCLUDED.first_at + {_MOST_AHEAD}), EXCLUDED.first_at)"
# Rows are locked in the order of their keys, so engines that take the times of the same keys wait for each other.
# A row is looked at once it is locked, so no two engines get the same time.
_TAKE: Final = text(
    f"""
    INSERT INTO rates AS rates (key, next_at, first_at, interval, taken)
    SELECT need.key, {_NOW} + need.lead + need.count * need.interval, {_NOW} + need.lead, need.interval, need.count
    FROM unnest(
        CAST(:keys AS text[]), CAST(:intervals AS double precision[]), CAST(:counts AS integer[]),
        CAST(:leads AS double precision[])
    ) AS need (key, interval, count, lead)
    WHERE :ours IN ({_LIVE})
    ORDER BY need.key
    ON CONFLICT (key) DO UPDATE SET
        next_at = {_FIRST} + EXCLUDED.taken * EXCLUDED.interval,
        first_at = {_FIRST}, interval = EXCLUDED.interval, taken = EXCLUDED.taken
    RETURNING key, first_at, taken, next_at
    """  # noqa: S608 - as above
)
_RETURN: Final = text("UPDATE rates SET next_at = :first WHERE key = :key AND next_at = :end")
_FORGET: Final = text(f"DELETE FROM rates WHERE next_at < {_NOW}")  # noqa: S608 - as above


def take_times(connection: Connection, engine: int, needs: Sequence[RateNeed]) -> list[RatePortion]:
    """Take the times of keys for an engine, and return those that it does not use.

    Args:
        connection: A connection that commits each statement.
        engine: The number of the engine. One that was fenced gets nothing.
        needs: What it needs of each key.

    Raises:
        Database errors. A statement that failed may have taken effect: then its times are lost.
    """
    for need in needs:
        if need.unused is not None:
            first, end = need.unused
            connection.execute(_RETURN, {"key": need.key, "first": first, "end": end})
    wanted = [need for need in needs if need.wanted]
    if not wanted:
        return []
    rows = connection.execute(
        _TAKE,
        {
            "ours": engine,
            "keys": [need.key for need in wanted],
            "intervals": [need.interval for need in wanted],
            "counts": [need.wanted for need in wanted],
            "leads": [need.lead for need in wanted],
        },
    )
    return [RatePortion(row.key, row.first_at, row.taken, row.next_at) for row in rows]


def forget_past_rates(connection: Connection) -> None:
    """Delete the rows of keys whose next time is now: a key without a row is the same."""
    connection.execute(_FORGET)
