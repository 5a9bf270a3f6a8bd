"""Runs that no daemon can take: which of their needs are missing, in a report and in errors."""

from typing import Any

from stretto.actors.journal import NO_NEEDS, Needs, Reader, describe_needs, lacking_needs
from stretto.definitions.conductor import IllegalTransition


def missing_needs(reader: Reader, run_id: str) -> Needs:
    """Return what keeps all daemons from claiming a run: what the best one lacks. Nothing if one has it, or can."""
    needs = reader.needs.of_unclaimed(run_id)
    return lacking_needs(needs, reader.needs.offers().values()) if needs else NO_NEEDS


def needs_wait(missing: Needs) -> dict[str, Any]:
    """Return why a run waits that no daemon can take: {kind, text, needs}."""
    text = f"no daemon can take the run: it needs {describe_needs(missing)}. Start a daemon that has it"
    return {"kind": "no_daemon", "text": text, "needs": sorted(missing)}


def no_daemon_error(verb: str, run_id: str, missing: Needs) -> IllegalTransition:
    """Return the error of a request to a run that no daemon can take."""
    return IllegalTransition(
        f"cannot {verb} the run {run_id}: no daemon can take it, as it needs {describe_needs(missing)}; start a daemon "
        "that has it"
    )
