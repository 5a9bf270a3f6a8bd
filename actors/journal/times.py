"""Times of records, as JSON has them."""

from datetime import UTC, datetime
from typing import overload


@overload
def time_as_json(at: float) -> str: ...


@overload
def time_as_json(at: None) -> None: ...


@overload
def time_as_json(at: float | None) -> str | None: ...


def time_as_json(at: float | None) -> str | None:
    """Return a time as RFC 3339 in UTC, to the microsecond; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
