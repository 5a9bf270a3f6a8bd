"""The options of all commands on runs: the source, the size of a page, and the format of the output."""

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.support.client_tokens import DAEMON_VARIABLE, TOKEN_FILE, check_daemon_variable, client_of
from stretto.actors.cli.support.error_exits import exiting_on_errors
from stretto.actors.cli.support.printable import echo_json
from stretto.actors.gateway import default_path
from stretto.actors.journal import MAX_NOTE, MAX_PAGE, PAGE
from stretto.actors.operations import FindRun, Found, Runs, RunsAnswer
from stretto.actors.outcome import is_abbreviated
from stretto.actors.settings import STORE_VARIABLE

if TYPE_CHECKING:
    from stretto.actors.cli.runs.source import Source

SHOWN_DIGITS = 8
"""The digits of an id that lists show for people."""


def _checked_note(_context: click.Context, _option: click.Parameter, note: str | None) -> str | None:
    if note is not None and len(note) > MAX_NOTE:
        raise click.BadParameter(f"a note must have at most {MAX_NOTE:,} characters (MAX_NOTE), got {len(note):,}")
    return note


LATEST = "@latest"
"""The newest top-level run, in place of an id."""
RUN = click.argument("run")
TASK = click.argument("task")
LIMIT = click.option(
    "--limit", type=click.IntRange(1, MAX_PAGE), default=PAGE, show_default=True, help="Size of a page."
)
CURSOR = click.option("--cursor", metavar="CURSOR", help="Continue from a previous page.")
UTC = click.option("--utc", is_flag=True, help="Show times in UTC instead of the local time zone.")

NOTE = click.option("--note", metavar="TEXT", callback=_checked_note, help="A note for the audit.")
"""The option of a note, which stands in the audit."""

DAEMON = click.option(
    "--daemon", metavar="URL", help="Use the daemon at unix:///PATH or http://HOST:PORT. [default: $STRETTO_DAEMON]"
)
_STORE = click.option(
    "--store", metavar="URL", help="Use the store at sqlite:///FILE or postgresql://... [default: $STRETTO_STORE]"
)
_STORE_KEY = click.option("--store-key", metavar="FILE", help="The file with the key of the --store.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def with_runs(command: Callable[..., None]) -> Callable[..., None]:
    """Pass a command the source that its options name, and `as_json`; an error ends the process."""

    @DAEMON
    @TOKEN_FILE
    @_STORE
    @_STORE_KEY
    @_JSON
    @wraps(command)
    def opened(
        *, daemon: str | None, token_file: str | None, store: str | None, store_key: str | None, **given: Any
    ) -> None:
        with exiting_on_errors(), _opened(daemon, token_file, store, store_key) as source:
            if "run" in given:
                given["run"] = find_run(source, given["run"])
            command(source, **given)

    return opened


def find_run(source: "Source", run: str) -> str:
    """Return the id of a run that is given as its id, as `@latest`, or by the digits that its id begins or ends with.

    Raises `click.UsageError`, or as the source does.
    """
    if run == LATEST:
        page = source.ask(Runs(children="folded", limit=1), RunsAnswer)
        if not page.runs:
            raise click.UsageError(f"{LATEST}: there is no run yet")
        return str(page.runs[0]["id"])
    if run.startswith(LATEST[0]):
        raise click.UsageError(f"there is no {run[:100]!r} of runs; did you mean {LATEST!r}?")
    return source.ask(FindRun(run), Found).run if is_abbreviated(run) else run


def short_id(run: str | None) -> str | None:
    """Return the last 8 digits of an id: ids of the same time begin alike."""
    return None if run is None else run[-SHOWN_DIGITS:]


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    echo_json(value)


@contextlib.contextmanager
def _opened(daemon: str | None, token_file: str | None, store: str | None, store_key: str | None) -> "Iterator[Source]":
    daemon, store = _chosen(daemon, store)
    if store is None and store_key is not None:
        raise click.UsageError("--store-key requires --store or $STRETTO_STORE: a daemon has its own key")
    if store is not None and token_file is not None:
        raise click.UsageError("--token-file requires --daemon or $STRETTO_DAEMON: a store asks for no token")
    if store is not None:
        from stretto.actors.cli.runs.stored import StoreRuns

        with contextlib.closing(StoreRuns(store, store_key)) as source:
            yield source
        return
    from stretto.actors.cli.runs.daemon import DaemonRuns

    yield DaemonRuns(client_of(daemon or url_of_the_users_daemon(), token_file))


def _chosen(daemon: str | None, store: str | None) -> tuple[str | None, str | None]:
    """Return the daemon or the store to use, from the options or else from the variables. Both are None without any.

    If both variables are set, the daemon is used: its answers include what it has not yet recorded.
    """
    if daemon is not None and store is not None:
        raise click.UsageError("--daemon and --store exclude each other: a daemon has its own store")
    if daemon is not None or store is not None:
        return daemon, store
    if url := os.environ.get(DAEMON_VARIABLE):
        return check_daemon_variable(url), None
    return None, os.environ.get(STORE_VARIABLE) or None


def url_of_the_users_daemon() -> str:
    """Return the URL of the default socket. Raises `click.UsageError` if no daemon listens there."""
    path = default_path()
    if not path.is_socket():
        raise click.UsageError(
            f"no daemon listens at {path}: use --daemon unix:///PATH, or --store sqlite:///FILE (or postgresql://...)"
        )
    return f"unix://{path}"
