"""The runs of the last 24 hours, hour by hour, as a small drawing."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.words import grouped
from stretto.actors.operations import CountsAnswer, RunCounts

FRESH_SECONDS: Final = 10.0
"""How long the counts are shown again: counting them takes longer than a page should."""
HEIGHT: Final = 24
WIDTH: Final = 5
GAP: Final = 1
_HOUR: Final = 3600.0
_HOURS: Final = 24


class Bar(msgspec.Struct, frozen=True):
    """The bar of an hour.

    Attributes:
        x: Its place from the left.
        height: The height of all runs.
        failed: The height of the failed ones, at the top.
        title: The hour and the numbers in words.
    """

    x: int
    height: float
    failed: float
    title: str


class LastDay(msgspec.Struct, frozen=True):
    """The runs of the last 24 hours.

    Attributes:
        bars: A bar an hour.
        runs: How many there are.
        failed: How many of them have failed.
    """

    bars: list[Bar]
    runs: int
    failed: int


class LastDays:
    """Counts the runs of the last 24 hours, every FRESH_SECONDS at most. For one event loop.

    Args:
        asker: Asks the engine.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._made_at = float("-inf")
        self._counting: asyncio.Task[LastDay] | None = None

    async def of(self, caller: Caller) -> LastDay | None:
        """Return the counts, or None for a caller that does not see all runs.

        Raises:
            StrettoError: As `Engine.run_counts` does.
        """
        if caller.workflows is not None:
            return None
        now = time.monotonic()
        if self._counting is None or now - self._made_at > FRESH_SECONDS or _has_failed(self._counting):
            self._made_at = now
            self._counting = asyncio.create_task(self._count(caller))
        return await asyncio.shield(self._counting)

    async def _count(self, caller: Caller) -> LastDay:
        first = (time.time() // _HOUR - (_HOURS - 1)) * _HOUR
        answer = await self._asker.ask(RunCounts(first, "hour", "folded"), caller, CountsAnswer)
        return last_day_of(answer.hours or [])


def last_day_of(hours: list[dict[str, Any]]) -> LastDay:
    """Return the drawing of the hours of a `CountsAnswer`."""
    totals = [sum(hour["statuses"].values()) for hour in hours]
    scale = HEIGHT / max([*totals, 1])
    bars = []
    for number, (hour, total) in enumerate(zip(hours, totals, strict=True)):
        failed = _failed_of(hour["statuses"])
        at = datetime.fromisoformat(hour["since"]).astimezone(UTC)
        title = f"{at:%H:%M} UTC: {grouped(total)} run{'' if total == 1 else 's'}, {grouped(failed)} failed"
        height = max(total * scale, 1.0 if total else 0.0)
        bars.append(Bar(number * (WIDTH + GAP), round(height, 1), round(height * failed / (total or 1), 1), title))
    return LastDay(bars, sum(totals), sum(_failed_of(hour["statuses"]) for hour in hours))


def _failed_of(statuses: Mapping[str, int]) -> int:
    return statuses.get("failed", 0) + statuses.get("timed_out", 0)


def _has_failed(task: "asyncio.Task[LastDay]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
