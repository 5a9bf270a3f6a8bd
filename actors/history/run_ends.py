"""When a run in progress ends at the latest, and who has cancelled one. Neither needs a replay."""

from typing import Any, Final

from stretto.actors.journal import EntryQuery, Reader, RunAccepted, RunRow, time_as_json
from stretto.definitions.conductor import CancelRequested

MOST_ENTRIES_BEHIND: Final = 10_000
"""The last entries of a cancelled run among which its request is searched: what was in flight ends behind it."""
_MAY_BE_LATE: Final = frozenset({"running", "pausing", "paused"})
_CANCELLED: Final = frozenset({"cancelling", "cancelled"})


def deadline_of(reader: Reader, row: RunRow, accepted: RunAccepted) -> float | None:
    """Return when a run ends at the latest, in seconds since the epoch, or None.

    That is by its `timeout`, or by its `deadline`. One that only warns counts if nothing else ends the run.
    """
    workflow = accepted.workflow
    timeout, late = workflow.timeout, workflow.deadlines
    if row.status not in _MAY_BE_LATE:
        return None
    ends = [] if timeout is None else [timeout + reader.extension(row.id)]
    if late is not None and late.seconds is not None and not (late.policy == "warn" and ends):
        ends.append(late.seconds)
    return accepted.accepted_at + min(ends) if ends else None


def cancel_of(reader: Reader, row: RunRow) -> dict[str, Any] | None:
    """Return {at, by, late} of the first request that a run be cancelled, or None.

    `by` is the token or user that has asked, or None. `late` is whether the run's own deadline has.
    """
    if row.status not in _CANCELLED:
        return None
    after = max(reader.last_entry(row.id) - MOST_ENTRIES_BEHIND, -1)
    found = reader.selected_entries(row.id, EntryQuery(after=after, kind="cancel_requested", limit=1))
    for _, entry in found:
        if isinstance(entry, CancelRequested):
            return {"at": time_as_json(entry.at), "by": entry.by, "late": entry.late}
    return None
