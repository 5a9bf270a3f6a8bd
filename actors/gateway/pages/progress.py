"""How far a run is, in numbers over all its tasks."""

from typing import Any

import msgspec


class Progress(msgspec.Struct, frozen=True):
    """The items of a run's tasks: of those that are known, how many have succeeded, have failed and run."""

    total: int
    succeeded: int
    failed: int
    running: int

    @property
    def ended(self) -> int:
        """The ended items."""
        return self.succeeded + self.failed

    @property
    def percent(self) -> int:
        """The ended items of 100, rounded down: 100 is the end."""
        return 100 * self.ended // self.total if self.total else 0


def progress_of(tasks: dict[str, Any] | None) -> Progress | None:
    """Return the progress of a run of which `Engine.status` reports these tasks, or None if it reports none."""
    items = [task["items"] for task in (tasks or {}).values() if task.get("items")]
    if not items:
        return None
    return Progress(
        sum(each["total"] or 0 for each in items),
        sum(each["succeeded"] for each in items),
        sum(each["failed"] for each in items),
        sum(each["running"] for each in items),
    )
