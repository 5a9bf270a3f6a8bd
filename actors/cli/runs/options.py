"""What all commands on runs share: whose runs they are, how much is told and how, and how an error ends a command."""

import contextlib
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
import msgspec

from stretto.actors.cli.support.error_exits import telling_errors
from stretto.actors.gateway import default_path
from stretto.actors.journal import MAX_PAGE, PAGE

if TYPE_CHECKING:
    from stretto.actors.cli.runs.source import Source

LATEST = "@latest"
"""Stands for the id of the newest run."""
RUN = click.argument("run")
TASK = click.argument("task")
INDEX = click.argument("index", type=click.IntRange(min=0))
LIMIT = click.option(
    "--limit", type=click.IntRange(1, MAX_PAGE), default=PAGE, show_default=True, help="How many at once."
)
CURSOR = click.option("--cursor", metavar="CURSOR", help="Go on where an earlier page told so.")
UTC = click.option("--utc", is_flag=True, help="Tell times in UTC, not in this machine's time zone.")

_DAEMON = click.option("--daemon", metavar="URL", help="The runs of the daemon at unix:///PATH.")
_STORE = click.option("--store", metavar="URL", help="The runs in the store at sqlite:///FILE or postgresql://...")
_STORE_KEY = click.option("--store-key", metavar="FILE", help="With --store: the file with its key.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def with_runs(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the runs that its options name, and `as_json`; end the process if something is wrong."""

    @_DAEMON
    @_STORE
    @_STORE_KEY
    @_JSON
    @wraps(command)
    def opened(*, daemon: str | None, store: str | None, store_key: str | None, **given: Any) -> None:
        with telling_errors(), _opened(daemon, store, store_key) as source:
            if given.get("run") == LATEST:
                given["run"] = _latest(source)
            command(source, **given)

    return opened


def _latest(source: "Source") -> str:
    """Return the id of the newest run that is no sub-workflow's."""
    cursor = None
    while True:
        page = source.runs(None, None, cursor, PAGE)
        for run in page["runs"]:
            if run["parent"] is None:
                return str(run["id"])
        cursor = page["next"]
        if cursor is None:
            raise click.UsageError(f"{LATEST}: there is no run yet")


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    click.echo(msgspec.json.encode(value))


@contextlib.contextmanager
def _opened(daemon: str | None, store: str | None, store_key: str | None) -> "Iterator[Source]":
    if daemon is not None and store is not None:
        raise click.UsageError("--daemon and --store exclude each other: a daemon has its own store")
    if store is None and store_key is not None:
        raise click.UsageError("--store-key is for a --store: a daemon has its own key")
    if store is not None:
        from stretto.actors.cli.runs.stored import StoreRuns

        with contextlib.closing(StoreRuns(store, store_key)) as source:
            yield source
        return
    from stretto.actors.cli.runs.daemon import DaemonRuns
    from stretto.actors.gateway import Client

    yield DaemonRuns(Client(daemon or _url_of_the_users_daemon()))


def _url_of_the_users_daemon() -> str:
    path = default_path()
    if not path.is_socket():
        raise click.UsageError(
            f"whose runs? No daemon listens at {path}: name one with --daemon unix:///PATH, or a store with "
            "--store sqlite:///FILE (or postgresql://...)"
        )
    return f"unix://{path}"
