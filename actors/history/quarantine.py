"""The errors of requests to quarantined runs, and of `recover` to all others."""

from stretto.actors.journal import Quarantine
from stretto.definitions.conductor import IllegalTransition


def quarantined_error(verb: str, run_id: str, quarantine: Quarantine) -> IllegalTransition:
    """Return the error of a request that a quarantined run, or a run below one, does not take."""
    if quarantine.run_id == run_id:
        return IllegalTransition(f"cannot {verb} the run {run_id}: it is {quarantine.reason}")
    return IllegalTransition(
        f"cannot {verb} the run {run_id}: it waits for the run {quarantine.run_id} above it, which is "
        f"{quarantine.reason}"
    )


def not_quarantined_error(run_id: str, quarantine: Quarantine | None) -> IllegalTransition:
    """Return the error of a request to recover a run that is not quarantined itself."""
    if quarantine is not None and quarantine.run_id != run_id:
        return quarantined_error("recover", run_id, quarantine)
    return IllegalTransition(f"cannot recover the run {run_id}: it is not quarantined")
