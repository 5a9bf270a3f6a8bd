"""The option by which a command on definitions asks a daemon, in place of the files and code of this machine.

`$STRETTO_DAEMON` names the daemon, too, except where the command is about this machine: it is given a file, or an
option that a daemon has itself. So the variable alone sends no file to a daemon.
"""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from stretto.actors.cli.support.client_tokens import DAEMON_VARIABLE, TOKEN_FILE, check_daemon_variable
from stretto.actors.locating import exists, is_path

if TYPE_CHECKING:
    from stretto.actors.operations import Request

A = TypeVar("A")
DAEMON_HELP: Final = "Ask the daemon at unix:///PATH or http://HOST:PORT. [default: $STRETTO_DAEMON, except for a file]"


class AskedDaemon:
    """A daemon. Every refusal ends the process, as of other commands."""

    def __init__(self, url: str, token_file: str | None) -> None:
        self._url = url
        self._token_file = token_file

    def ask(self, request: "Request", kind: type[A]) -> A:
        """Return the daemon's answer to a request."""
        from stretto.actors.cli.runs.daemon import DaemonRuns
        from stretto.actors.cli.support.client_tokens import client_of
        from stretto.actors.cli.support.error_exits import exiting_on_errors

        with exiting_on_errors():
            return DaemonRuns(client_of(self._url, self._token_file)).ask(request, kind)


def named_daemon(*, is_local: bool) -> str | None:
    """Return the URL of `$STRETTO_DAEMON`, or None without one or if the command is about this machine.

    Raises:
        click.UsageError: The variable has no URL of a daemon.
    """
    url = os.environ.get(DAEMON_VARIABLE)
    return None if is_local or not url else check_daemon_variable(url)


def with_asked_daemon(*own: str, named: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Pass a command the daemon of --daemon or of `$STRETTO_DAEMON`, or None.

    Args:
        own: The command's parameters that are about this machine, and so exclude --daemon.
        named: The parameter that names a workflow. The variable is not used if that is a path, or are several.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @click.option("--daemon", metavar="URL", help=DAEMON_HELP)
        @TOKEN_FILE
        @wraps(command)
        def asked(*, daemon: str | None, token_file: str | None, **given: Any) -> None:
            taken = [f"--{name.replace('_', '-')}" for name in own if given.get(name)]
            if daemon is None:
                target = None if named is None else given.get(named)
                daemon = named_daemon(is_local=bool(taken) or (named is not None and is_of_this_machine(target)))
            if daemon is None and token_file is not None:
                raise click.UsageError("--token-file needs --daemon")
            if daemon is not None and taken:
                raise click.UsageError(f"--daemon excludes {' and '.join(taken)}: the daemon has its own")
            command(daemon=None if daemon is None else AskedDaemon(daemon, token_file), **given)

        return asked

    return decorated


def is_of_this_machine(target: object) -> bool:
    """Return whether an argument names no workflow by its ref, but a file or a folder, or several of them."""
    return not isinstance(target, str) or is_path(target) or exists(Path(target))
