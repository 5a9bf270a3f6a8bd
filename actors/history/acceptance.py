"""The acceptance of a stored run."""

from stretto.actors.journal import Reader, RunAccepted
from stretto.actors.outcome import UnknownRun


def accepted_run(reader: Reader, run_id: str) -> RunAccepted:
    """Return the acceptance of a run. Raises `UnknownRun`, `StoreUnavailable`, and the error of a missing key."""
    accepted = reader.accepted(run_id)
    if accepted is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    return accepted
