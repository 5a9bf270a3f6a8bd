"""The option by which a command on definitions asks a daemon, in place of the files and code of this machine.

It has to be given: `$STRETTO_DAEMON` alone does not send a file that is validated here to a daemon.
"""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stretto.actors.cli.support.client_tokens import TOKEN_FILE

if TYPE_CHECKING:
    from stretto.actors.operations import Request

A = TypeVar("A")


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


def with_asked_daemon(*own: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Pass a command the daemon of --daemon, or None.

    Args:
        own: The command's parameters that are about this machine, and so exclude --daemon.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @click.option("--daemon", metavar="URL", help="Ask the daemon at unix:///PATH or http://HOST:PORT.")
        @TOKEN_FILE
        @wraps(command)
        def asked(*, daemon: str | None, token_file: str | None, **given: Any) -> None:
            if daemon is None and token_file is not None:
                raise click.UsageError("--token-file needs --daemon")
            taken = [f"--{name.replace('_', '-')}" for name in own if given.get(name)]
            if daemon is not None and taken:
                raise click.UsageError(f"--daemon excludes {' and '.join(taken)}: the daemon has its own")
            command(daemon=None if daemon is None else AskedDaemon(daemon, token_file), **given)

        return asked

    return decorated
