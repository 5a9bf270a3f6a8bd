"""The command line: one module a command, imported when it is run, so that `stretto --help` is quick."""

from importlib import import_module
from typing import Any

import click

from stretto.actors.cli.exits import INTERRUPTED, end_process

COMMANDS = {
    "run": "Run WORKFLOW, a ref or the path of a file, and print its output.",
    "validate": "Tell every error and warning of definitions; print their JSON Schema.",
    "rehearse": "Run workflows with scripted results in place of actions, on virtual time.",
    "serve": "Serve run requests until told to stop.",
    "config": "Show the daemon's settings.",
    "graph": "Draw WORKFLOW, a ref or the path of a file: its tasks, and what leads from one to the next.",
    "actions": "List the actions that workflows can call, or show one.",
    "completion": "Print the script that has a shell complete `stretto`.",
}
"""Each command, with what `stretto --help` says of it; its module has its name, and holds it under its name."""


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return all commands, in the order in which they are told."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"stretto.actors.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Perform a command; Ctrl-C, whenever it comes, ends it as the shell expects (click's own exit code is 1)."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("stretto: interrupted", err=True)
            end_process(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Tell the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stretto", prog_name="stretto")
def main() -> None:
    """Stretto runs workflows written in YAML."""
