"""The command line: one module a command, imported when it is run, so that `stretto --help` is quick."""

from typing import Any

import click

from stretto.actors.cli.lazy import LazyGroup
from stretto.actors.cli.support.exit_codes import INTERRUPTED, end_process

COMMANDS = {
    "run": "Run WORKFLOW, a ref or the path of a file, and print its output.",
    "runs": "List, show, follow and control the runs of a daemon or a store.",
    "validate": "Tell every error and warning of definitions; print their JSON Schema.",
    "rehearse": "Run workflows with scripted results in place of actions, on virtual time.",
    "serve": "Serve run requests until told to stop.",
    "store": "Check, back up and upgrade a store of runs; make its key.",
    "config": "Show the daemon's settings.",
    "graph": "Draw WORKFLOW, a ref or the path of a file: its tasks, and what leads from one to the next.",
    "actions": "List the actions that workflows can call, or show one.",
    "completion": "Print the script that has a shell complete `stretto`.",
}
"""Each command, with what `stretto --help` says of it; its module has its name, and holds it under its name."""


class _Main(LazyGroup):
    """All commands."""

    def invoke(self, ctx: click.Context) -> Any:
        """Perform a command; Ctrl-C, whenever it comes, ends it as the shell expects (click's own exit code is 1)."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("stretto: interrupted", err=True)
            end_process(INTERRUPTED)


@click.command(
    cls=_Main,
    places={name: (f"stretto.actors.cli.{name}:{name}", told) for name, told in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="stretto", prog_name="stretto")
def main() -> None:
    """Stretto runs workflows written in YAML."""
