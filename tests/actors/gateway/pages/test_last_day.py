"""The runs of the last 24 hours as a drawing."""

import asyncio
from typing import Any

import msgspec

from stretto.actors.access import Caller
from stretto.actors.gateway.pages import last_day
from stretto.actors.gateway.pages.last_day import HEIGHT, LastDays, last_day_of
from stretto.actors.operations import CountsAnswer

MIRA = Caller(who="mira", via="page", source="local", role="viewer", origin="remote")


def hour(number: int, **statuses: int) -> dict[str, Any]:
    return {"since": f"2026-11-28T{number:02}:00:00.000Z", "statuses": statuses}


def test_each_hour_is_a_bar_with_its_failed_runs() -> None:
    """The tallest has the whole height. One run among many is still seen."""
    day = last_day_of([hour(9, succeeded=75, failed=25), hour(10), hour(11, running=1)])
    assert [(bar.x, bar.height, bar.failed) for bar in day.bars] == [(0, HEIGHT, HEIGHT / 4), (6, 0, 0), (12, 1, 0)]
    assert [bar.title for bar in day.bars][::2] == ["09:00 UTC: 100 runs, 25 failed", "11:00 UTC: 1 run, 0 failed"]
    assert (day.runs, day.failed) == (101, 25)
    assert last_day_of([hour(9)]).runs == 0


class Counting:
    """Answers with one run, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, _request: Any, _caller: Any, _kind: Any) -> CountsAnswer:
        self.asked += 1
        if self.asked == 2:
            raise RuntimeError("lost")
        return CountsAnswer("", {}, None, [hour(9, succeeded=self.asked)])


def test_the_runs_are_counted_once_for_many_pages(monkeypatch: Any) -> None:
    """At the same time, and soon after. A count that has failed is not shown again."""

    async def test() -> None:
        asker: Any = Counting()
        days = LastDays(asker)
        found = await asyncio.gather(*(days.of(MIRA) for _ in range(5)))
        assert {each.runs for each in found if each} == {1}
        assert asker.asked == 1
        monkeypatch.setattr(last_day, "FRESH_SECONDS", -1.0)
        failed = await asyncio.gather(days.of(MIRA), return_exceptions=True)
        assert isinstance(failed[0], RuntimeError)
        monkeypatch.setattr(last_day, "FRESH_SECONDS", 60.0)
        again = await days.of(MIRA)
        assert again is not None
        assert again.runs == 3

    asyncio.run(test())


def test_a_restricted_viewer_gets_no_counts_of_all_runs() -> None:
    """They are of other workflows, too."""
    asker: Any = Counting()
    restricted = msgspec.structs.replace(MIRA, workflows=("test.echo",))
    assert asyncio.run(LastDays(asker).of(restricted)) is None
    assert asker.asked == 0
