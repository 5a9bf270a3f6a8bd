"""`stretto store`: checks, backs up and upgrades a store of runs."""

import sys
from pathlib import Path

import click

from stretto.actors.cli.support.exit_codes import FAILED

_URL = click.argument("url")
_STORE_KEY = click.option(
    "--store-key", metavar="FILE", help="The file with its key. [default: FILE.key beside an SQLite store]"
)


@click.group()
def store() -> None:
    """Check, back up and upgrade a store of runs, or make its key.

    URL is sqlite:///FILE (with four slashes for an absolute path) or postgresql://USER@HOST/DATABASE. Give a password
    in PGPASSWORD or ~/.pgpass: all users of the machine can read a command's arguments.

    Exit codes: 0 done, 1 the check found problems, 2 wrong usage, 3 the store cannot be opened.
    """


@store.command()
def key() -> None:
    """Print a new key. Keep it in a file that only the daemon's user can read.

    The first key in the file encrypts secrets. All keys in it decrypt. To change the key, put the new one first.
    """
    from stretto.actors.journal import new_key

    click.echo(new_key())


@store.command()
@_URL
@_STORE_KEY
def check(url: str, store_key: str | None) -> None:
    """Check a store, and print one line a problem.

    The check reads everything, as the recovery of runs does. A daemon may use the store meanwhile.
    """
    from stretto.actors.cli.support.error_exits import exiting_on_errors
    from stretto.actors.cli.support.stores import keyring_of
    from stretto.actors.journal import check as problems_of

    with exiting_on_errors(instead=""):
        problems = problems_of(url, keyring_of(url, store_key))
    for problem in problems:
        click.echo(problem)
    if problems:
        sys.exit(FAILED)
    click.echo("no problems found", err=True)


@store.command()
@_URL
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(url: str, file: Path) -> None:
    """Copy an SQLite store into a new FILE.

    A daemon may use the store meanwhile. FILE appears once it is complete. The store's key is not part of it: back
    that up elsewhere.
    """
    from stretto.actors.cli.support.error_exits import exiting_on_errors
    from stretto.actors.journal import backup as copy

    with exiting_on_errors(instead=""):
        copy(url, file)


@store.command()
@_URL
@_STORE_KEY
@click.option("--finish", is_flag=True, help="Also remove what only older versions of Stretto need.")
def upgrade(url: str, store_key: str | None, *, finish: bool) -> None:
    """Upgrade a store's tables to this version of Stretto.

    No daemon may use the store, but for --finish daemons that share it may, if none is older. `stretto serve` upgrades
    its store when it starts, but never finishes an upgrade: until then, the version before this one can still open the
    store.
    """
    from stretto.actors.cli.support.error_exits import exiting_on_errors
    from stretto.actors.cli.support.stores import keyring_of
    from stretto.actors.journal import finish_upgrade
    from stretto.actors.journal import upgrade as bring_up
    from stretto.metrics import configure_logging

    configure_logging("INFO")
    with exiting_on_errors(instead=""):
        found, now = finish_upgrade(url) if finish else bring_up(url, keyring_of(url, store_key))
    click.echo(f"the tables have version {now}" + ("" if found == now else f", upgraded from {found}"), err=True)
