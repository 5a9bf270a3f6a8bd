"""The items of a fan-out in numbers, and the rows of their table."""

import time
from typing import Any, Final

import msgspec

from stretto.actors.gateway.pages.asked import Asked
from stretto.actors.gateway.pages.focus import TaskFacts
from stretto.actors.gateway.pages.item_states import ItemCell, ItemStates
from stretto.actors.gateway.pages.words import moment

_NEAR: Final = 0.8
"""The share of the allowed failures from which on they are marked."""
_ACTIVE: Final = frozenset({"running", "retrying"})
_LEAST_SECONDS: Final = 1.0
"""A shorter time makes no rate."""


class FanOut(msgspec.Struct, frozen=True):
    """The items of the newest visit of a task.

    Attributes:
        total: The number of items, or None until all are read.
        succeeded: Those that have succeeded, or were skipped.
        failed: Those that have failed.
        running: Those in flight.
        counts: The number of items of each filter, or nothing if their states are not known.
        allowed: How many may fail, or None if that is not bounded or not known.
        rate: The ended items of a second, from the beginning to now, or None if that is not known.
        left: The seconds until the end at this rate, or None for a task that does not run.
        size: The number of items whose states are known.
        rows: The items of the table's page.
        next: The index at which the table's next page begins, or None.
        visit: The number of the visit.
        next_failed: The first failed item behind the one that the page shows, or None.
    """

    total: int | None
    succeeded: int
    failed: int
    running: int
    counts: dict[str, int]
    allowed: int | None
    rate: float | None
    left: float | None
    size: int
    rows: list[ItemCell]
    next: int | None
    visit: int
    next_failed: int | None

    @property
    def ended(self) -> int:
        """The ended items."""
        return self.succeeded + self.failed

    @property
    def failed_share(self) -> str:
        """The failed items of all items in percent."""
        of = self.total or self.ended
        return f"{100 * self.failed / of if of else 0:.2f} %" if self.failed else "0 %"

    @property
    def is_near(self) -> bool:
        """Whether nearly as many have failed as may fail."""
        return self.failed > 0 and (self.allowed is None or self.failed >= _NEAR * self.allowed)


def fan_out_of(
    report: dict[str, Any], facts: TaskFacts | None, states: ItemStates, times: dict[str, Any], asked: Asked
) -> FanOut:
    """Return the items of a task.

    Args:
        report: The task in the run's status.
        facts: What the definition says about the task.
        states: The states of its items.
        times: The task with its times, or nothing.
        asked: What the address asks for.
    """
    items = report["items"]
    ended = items["succeeded"] + items["failed"]
    rate = _rate(ended, times)
    is_active = report["status"] in _ACTIVE and items["total"] is not None
    rows, behind = states.rows(asked.state, asked.first)
    return FanOut(
        items["total"], items["succeeded"], items["failed"], items["running"], states.counts() if len(states) else {},
        allowed=None if facts is None else facts.allowed_of(items["total"]), rate=rate,
        left=(items["total"] - ended) / rate if rate and is_active else None, size=len(states), rows=rows,
        next=behind, visit=report["visits"],
        next_failed=states.neighbours("failed", -1 if asked.item is None else asked.item)[1],
    )  # fmt: skip


def _rate(ended: int, times: dict[str, Any]) -> float | None:
    began, until = times.get("started_at"), times.get("ended_at")
    if began is None or not ended:
        return None
    seconds = (time.time() if until is None else moment(until).timestamp()) - moment(began).timestamp()
    return ended / seconds if seconds >= _LEAST_SECONDS else None
