"""Prints a run's outcome."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stretto.actors.outcome import Outcome


def print_outcome(run_id: str, workflow: str, outcome: "Outcome", *, as_json: bool) -> None:
    """Print a run's outcome: data to standard output, status and errors to standard error."""
    import msgspec

    if as_json:
        shown = {
            "run": run_id,
            "workflow": workflow,
            "status": outcome.status,
            "output": outcome.output,
            "errors": outcome.errors,
        }
        click.echo(msgspec.json.encode(shown))
        return
    click.echo(f"run {run_id} of {workflow}: {outcome.status}", err=True)
    for error in outcome.errors:
        click.echo(f"  {error_line(error)}", err=True)
    if outcome.output is not None:
        click.echo(msgspec.json.format(msgspec.json.encode(outcome.output), indent=2))


def error_line(error: "Mapping[str, Any]") -> str:
    """Return an error record as one line."""
    where = error.get("where")
    place = f"{where['file']}:{where['line']}:{where['column']}: " if where else ""
    item = f" (item {error['item_index']})" if error.get("item_index") is not None else ""
    handled = "handled: " if error.get("handled") else ""
    return f"{place}{handled}{error.get('message')}{item} [{error.get('code')}]"
