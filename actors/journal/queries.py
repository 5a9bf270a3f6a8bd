"""The queries of lists: what a page contains."""

from typing import Final, Literal, TypeAlias

import msgspec

from stretto.definitions.errors import StrettoError
from stretto.definitions.model import Priority

Children: TypeAlias = Literal["listed", "folded"]
"""Whether the runs of sub-workflows are listed and counted, or are a part of their parents."""

PAGE: int = 50
"""Rows of a page by default."""
MAX_PAGE: int = 500
"""Rows of a page at most."""


STATUSES: Final = (
    *("running", "pausing", "paused", "cancelling", "cleaning", "failing", "quarantined"),
    *("succeeded", "failed", "cancelled"),
)
"""The statuses of stored runs."""
OUTCOMES: Final = ("succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped")
"""The outcomes of ended attempts."""
NO_PARENT: Final = "none"
"""In place of a parent: the runs that have none."""
HOUR_SECONDS: Final = 3600.0
COUNTED_HOURS: Final = 24
"""Hours in which runs are counted one by one."""


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that a page contains: those that match all fields."""

    status: str | tuple[str, ...] | None = None
    """Only runs with this status, or with one of these."""
    workflow: str | None = None
    """Only runs of this workflow."""
    since: float | None = None
    """Only runs that were accepted at this time, in seconds since the epoch, or later."""
    labels: dict[str, str] = {}
    """Only runs that have all of these labels."""
    search: str | None = None
    """Only runs with this text in the workflow's ref or in a label, in upper or lower case."""
    children: Children = "listed"
    """Whether the runs of sub-workflows are in the list, or only counted by their parents."""
    until: float | None = None
    """Only runs that were accepted before this time."""
    parent: str | None = None
    """Only the runs of this run's sub-workflows. "none" is as "folded"."""
    id_prefix: str | None = None
    """Only runs whose ids begin so."""
    requested_by: str | None = None
    """Only runs that this token or user has started."""
    priority: Priority | None = None
    """Only runs of this priority."""
    cursor: str | None = None
    """The `next` of the previous page."""
    limit: int = PAGE
    """The number of runs, between 1 and MAX_PAGE."""


ALL_RUNS = RunQuery()


class ItemQuery(msgspec.Struct, frozen=True):
    """The ended attempts of a run's items that a page contains."""

    task: str | None = None
    """Only items of this task."""
    outcome: str | tuple[str, ...] | None = None
    """Only attempts with this outcome, or with one of these. "failed" means every outcome except "succeeded"."""
    cursor: str | None = None
    """The `next` of the previous page."""
    limit: int = PAGE
    """The number of attempts, between 1 and MAX_PAGE."""
    visit: int | None = None
    """Only items of this visit of the task."""
    order: Literal["ended", "index"] = "ended"
    """Whether the attempts come in the order of their ends, or of their items."""
    min_attempts: int = 1
    """Only attempts with this number or a higher one."""


ALL_ITEMS = ItemQuery()


MOST_SEARCHED: Final = 20_000
"""The runs whose labels a search reads one by one for a page, where a key has too many different values."""


class EntryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of a run that a page contains: those that match all fields."""

    after: int = -1
    """Only entries with a higher number."""
    until: int | None = None
    """Only entries with a lower number."""
    kind: str | None = None
    """Only entries of this type, as reports name it: `item_completed` has attempts with any outcome."""
    task: str | None = None
    """Only entries of this task."""
    limit: int = PAGE
    """The number of entries."""


class InvalidCursor(StrettoError):
    """The cursor did not come from a page of this kind."""

    code = "invalid_cursor"
