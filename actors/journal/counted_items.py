"""Items of a run as reports count them: by the reason of their failure, and by the time of their end."""

import msgspec

from stretto.definitions.errors import Place


class ItemError(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why an item has not succeeded: the failure of its last ended attempt."""

    number: int
    """The number of its entry."""
    task: str
    visit: int
    index: int
    attempt: int
    at: float
    kind: str | None
    """The kind of the failure, or None if the entry needs a missing key."""
    message: str
    where: Place | None
    """The place of the expression that failed, or None if the action did."""


class ItemEnds(msgspec.Struct, frozen=True, gc=False):
    """How many attempts of a visit's items ended in a span of time."""

    task: str
    visit: int
    bucket: int
    """The number of the span."""
    succeeded: int
    failed: int
    """Those that ended with any other outcome."""
