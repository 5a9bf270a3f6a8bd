"""Prints a run's outcome."""

from typing import TYPE_CHECKING

from stretto.actors.cli.support.printable import echo_json, echo_lines

if TYPE_CHECKING:
    from stretto.actors.outcome import Outcome


def print_outcome(run_id: str, workflow: str, outcome: "Outcome", *, as_json: bool) -> None:
    """Print a run's outcome: data to standard output, status and errors to standard error.

    Of a successful run, the errors that it tolerated are one line.
    """
    from stretto.actors.history import error_lines, tolerated_lines

    if as_json:
        shown = {
            "run": run_id,
            "workflow": workflow,
            "status": outcome.status,
            "output": outcome.output,
            "errors": outcome.errors,
        }
        echo_json(shown)
        return
    echo_lines(f"run {run_id} of {workflow}: {outcome.status}", err=True)
    for line in (tolerated_lines if outcome.status == "succeeded" else error_lines)(outcome.errors):
        echo_lines(f"  {line}", err=True)
    if outcome.output is not None:
        echo_json(outcome.output, indent=2)
