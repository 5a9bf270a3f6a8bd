"""`stretto open`: the pages of a daemon, logged in."""

import os
import sys
from typing import Final

import click

from stretto.actors.cli.runs.daemon import DaemonRuns
from stretto.actors.cli.runs.options import DAEMON, find_run, url_of_the_users_daemon
from stretto.actors.cli.support.client_tokens import DAEMON_VARIABLE, TOKEN_FILE, client_of
from stretto.actors.cli.support.error_exits import exiting_on_errors
from stretto.actors.operations import CreateEnterCode, EnterCodeCreated

_DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY")
"""The variables of which one is set where programs can show windows."""


@click.command("open")
@click.argument("run", required=False)
@DAEMON
@TOKEN_FILE
@click.option("--print", "only_print", is_flag=True, help="Print the URL only, and open no browser.")
def open(run: str | None, daemon: str | None, token_file: str | None, *, only_print: bool) -> None:  # noqa: A001
    """Open the pages of a daemon in a browser, logged in, or the page of RUN.

    The URL is printed, too. It is good once, for a minute, with the rights of who asks: those of the token, or all on
    the UNIX socket. Without --daemon and $STRETTO_DAEMON, the daemon of this user is asked.
    """
    with exiting_on_errors():
        client = client_of(daemon or os.environ.get(DAEMON_VARIABLE) or url_of_the_users_daemon(), token_file)
        source = DaemonRuns(client)
        found = None if run is None else find_run(source, run)
        url = source.ask(CreateEnterCode(found), EnterCodeCreated).url
    click.echo(url)
    if not only_print and _has_display():
        import webbrowser

        webbrowser.open(url)


def _has_display() -> bool:
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in _DISPLAYS)
