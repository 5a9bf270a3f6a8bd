"""`stretto runs`: read and control runs, through a daemon or directly in a store.

runs list, items  listing.py     options.py  --daemon, --store, ... --> a source; errors --> exit codes
runs show ...     showing.py     source.py   the interface of a source
runs errors ...   inspecting.py  daemon.py   a source that asks a daemon
runs cancel ...   control.py     stored.py   a source that reads and changes a store
runs watch        watching.py    tables.py, times.py   output for people

The commands that change a run come from `operations.CONTROLS`.
"""

import click

from stretto.actors.cli.lazy import LazyGroup
from stretto.actors.operations import CONTROLS

_HERE = "stretto.actors.cli.runs"
# The help of a run's control replaces that of its tasks.
_CONTROL_HELP = {control.command: (control.request.__doc__ or "").splitlines()[0] for control in CONTROLS}

_PLACES = {
    "list": (f"{_HERE}.listing:list_runs", "List runs, newest first."),
    "show": (f"{_HERE}.showing:show", "Show a run: its inputs, output, errors and tasks."),
    "items": (f"{_HERE}.listing:items", "List a run's ended items, or show one with its result."),
    "watch": (f"{_HERE}.watching:watch", "Follow a run until it ends."),
    "errors": (f"{_HERE}.inspecting:errors", "Show why items failed, like failures together."),
    "history": (f"{_HERE}.inspecting:history", "List the entries of a run: what has happened in it."),
    "context": (f"{_HERE}.inspecting:context", "Print the context of a run at one of its entries."),
    "definition": (f"{_HERE}.inspecting:definition", "Print the definition that a run runs with."),
    "why": (f"{_HERE}.showing:why", "Explain why a run, or one of its tasks, is waiting."),
    "output": (f"{_HERE}.output:output", "Print what an item has written, while it runs and after its end."),
    **{name: (f"{_HERE}.control:COMMANDS", text.replace("RUN", "a run")) for name, text in _CONTROL_HELP.items()},
    "recover": (f"{_HERE}.control:recover", "Try again to recover a quarantined run."),
    "rerun": (f"{_HERE}.control:rerun", "Run an ended run again: all of it, or only the failures."),
    "export": (f"{_HERE}.showing:export", "Print everything of a run as JSON."),
    "delete": (f"{_HERE}.control:delete", "Delete an ended run."),
    "prune": (f"{_HERE}.control:prune", "Delete ended runs by age or number."),
}


class _Runs(LazyGroup):
    """The group, with the commands that are made from the table of controls."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command."""
        if cmd_name not in _CONTROL_HELP:
            return super().get_command(ctx, cmd_name)
        from stretto.actors.cli.runs.control import COMMANDS

        return COMMANDS[cmd_name]


@click.group(cls=_Runs, places=_PLACES)
def runs() -> None:
    """List, show, follow and control runs.

    RUN is a run's id, 6 or more of the hex digits that it begins or ends with, or @latest: the newest top-level run.

    --daemon URL asks a daemon, --store URL opens a store directly (--store-key FILE has the key of its secrets). With
    neither, the daemon of this user is asked. A store can be read while its daemon runs; to change anything in it, stop
    the daemon or ask it.

    Exit codes: 0 done; 1 the run did not succeed (watch); 2 wrong usage, an unknown run, or a request that the run's
    state does not allow; 3 the daemon is unreachable, or the store cannot be opened; 130 interrupted.
    """
