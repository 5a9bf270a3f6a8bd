"""The option --progress."""

import click

from stretto.actors.cli.support.choices import Choice

PROGRESS = click.option(
    "--progress",
    type=Choice(["live", "plain", "none"]),
    help="Show the progress on standard error: in place, or as a line every few seconds. Without a terminal `live` is "
    "`plain`. [default: live]",
)
