"""The version of a stored run: another one whenever a report of the run is another one, and read without making one."""

from typing import NamedTuple

from stretto.actors.journal import Reader
from stretto.actors.outcome import UnknownRun


class RunVersion(NamedTuple):
    """Changes with the reports of a run. All else that they have is of the run's acceptance, or of its entries."""

    status: str
    ended_at: float | None
    last_entry: int
    children: int
    is_quarantined: bool


def run_version(reader: Reader, run_id: str) -> RunVersion:
    """Return the version of a run.

    Raises:
        UnknownRun: There is no such run.
        StoreUnavailable: The store cannot be read now.
    """
    row = reader.run(run_id)
    if row is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    children = len(reader.children(run_id)) if reader.has_children(run_id) else 0
    quarantined = reader.quarantine(run_id) is not None
    return RunVersion(row.status, row.ended_at, reader.last_entry(run_id), children, quarantined)
