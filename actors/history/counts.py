"""The numbers of stored runs."""

from typing import Any, Literal

from stretto.actors.journal import HOUR_SECONDS, Reader, time_as_json


def count_runs(
    reader: Reader,
    since: float,
    by: Literal["workflow", "hour"] | None = None,
    children: Literal["listed", "folded"] = "listed",
) -> dict[str, Any]:
    """Return the number of runs by status, of those accepted at a time or later: {since, statuses {status: number}}.

    By workflow, also {workflows {ref: {status: number}}}. By hour, also {hours [{since, statuses}]}, for the 24 hours
    from that time. `children="folded"` leaves out the runs of sub-workflows. Raises `StoreUnavailable`.
    """
    counts: dict[str, Any] = {"since": time_as_json(since), "statuses": dict(reader.counts_since(since, children))}
    if by == "workflow":
        counts["workflows"] = dict(reader.counts_by_workflow(since, children))
    elif by == "hour":
        hours = enumerate(reader.counts_by_hour(since, children))
        counts["hours"] = [
            {"since": time_as_json(since + HOUR_SECONDS * hour), "statuses": dict(statuses)} for hour, statuses in hours
        ]
    return counts
