"""The command line. Each command is a module that is imported when it runs, so that `stretto --help` is fast."""

from typing import Any

import click

from stretto.actors.cli.lazy import LazyGroup
from stretto.actors.cli.support.exit_codes import FAILED, INTERRUPTED, end_process, is_of_output, leave_output
from stretto.actors.cli.support.lean_imports import hide_rich

COMMANDS = {
    "run": "Run WORKFLOW, a ref or the path of a file, and print its output.",
    "runs": "List, show, follow and control the runs of a daemon or a store.",
    "init": "Make a project: a definition, a pack with an action, a rehearsal and a config file.",
    "validate": "Show every error and warning of definitions, or print their JSON Schema.",
    "rehearse": "Run workflows with scripted results instead of actions, on virtual time.",
    "serve": "Run the daemon, until a signal stops it.",
    "open": "Open the pages of a daemon in a browser, logged in.",
    "store": "Check, back up and upgrade a store of runs, or make its key.",
    "inquiries": "List, show and answer the questions that runs ask people.",
    "tokens": "Make, list and revoke the tokens with which clients use a daemon.",
    "kv": "Get, set, list and delete keys of the key-value store.",
    "daemons": "List, show and drain the daemons that share a store.",
    "rules": "List, show and test the rules of a daemon: which events start which runs.",
    "events": "List, show and replay the events of a daemon or a store.",
    "pools": "List, show and drain the pools of workers of a daemon.",
    "schedules": "List, show, pause, resume and trigger the schedules of a daemon.",
    "sensors": "List, show and restart the sensors of a daemon, and print their logs.",
    "audit": "Show who asked a daemon for which change.",
    "config": "Show the daemon's settings.",
    "graph": "Draw the tasks and transitions of WORKFLOW, a ref or the path of a file.",
    "packs": "Install packs, make their environments, and list, show and remove them.",
    "actions": "List the actions that workflows can call, or show one.",
    "completion": "Print a shell completion script.",
}
"""The commands, each with its line of help. A command and its module have the same name."""


class _Main(LazyGroup):
    """All commands."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Ctrl-C ends it with the exit code that shells expect (click's own is 1).

        A full disk behind standard output ends it with a message. A closed pipe, as of `head`, is click's to end.
        """
        hide_rich()
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("stretto: interrupted", err=True)
            end_process(INTERRUPTED)
        except OSError as error:
            if not is_of_output(error):
                raise
            leave_output()
            click.echo(f"stretto: cannot write the output: {error.strerror}", err=True)
            end_process(FAILED)


@click.command(
    cls=_Main,
    places={name: (f"stretto.actors.cli.{name}:{name}", line) for name, line in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="stretto", prog_name="stretto")
def main() -> None:
    """Run workflows written in YAML."""
