"""`stretto store`: what an operator does with a store of runs as a whole."""

import sys
from pathlib import Path

import click

from stretto.actors.cli.support.exit_codes import FAILED

_URL = click.argument("url")
_STORE_KEY = click.option("--store-key", metavar="FILE", help="The file with its key; else the one beside FILE.")


@click.group()
def store() -> None:
    """Check, back up and upgrade a store of runs; make its key.

    URL is sqlite:///FILE (with four slashes for an absolute path) or postgresql://USER@HOST/DATABASE; a password is
    better given by PGPASSWORD or ~/.pgpass, as everybody on the machine can read a command's arguments.

    Exit codes: 0 done; 1 the check has found problems; 2 wrong usage; 3 the store cannot be opened.
    """


@store.command()
def key() -> None:
    """Print a new key, for a file of the daemon's user alone.

    The first key of the file encrypts secrets, each decrypts what it has encrypted: to change the key, put a new one
    above the old one.
    """
    from stretto.actors.journal import new_key

    click.echo(new_key())


@store.command()
@_URL
@_STORE_KEY
def check(url: str, store_key: str | None) -> None:
    """Tell what is wrong with a store, line by line.

    All of it is read, as the recovery of its runs would; a daemon may work with it meanwhile.
    """
    from stretto.actors.cli.support.error_exits import exiting_on_errors
    from stretto.actors.cli.support.stores import keyring_of
    from stretto.actors.journal import check as problems_of

    with exiting_on_errors():
        problems = problems_of(url, keyring_of(url, store_key))
    for problem in problems:
        click.echo(problem)
    if problems:
        sys.exit(FAILED)
    click.echo("nothing is wrong", err=True)


@store.command()
@_URL
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(url: str, file: Path) -> None:
    """Copy an SQLite store into a new FILE.

    A daemon may work with it meanwhile, and the copy is whole once it is there. The store's key is not in it: keep
    that elsewhere.
    """
    from stretto.actors.cli.support.error_exits import exiting_on_errors
    from stretto.actors.journal import backup as copy

    with exiting_on_errors():
        copy(url, file)


@store.command()
@_URL
@_STORE_KEY
def upgrade(url: str, store_key: str | None) -> None:
    """Bring a store's tables to this version of Stretto.

    No daemon may have it; `stretto serve` does so by itself.
    """
    from stretto.actors.cli.support.error_exits import exiting_on_errors
    from stretto.actors.cli.support.stores import keyring_of
    from stretto.actors.journal import upgrade as bring_up
    from stretto.metrics import configure_logging

    configure_logging("INFO")
    with exiting_on_errors():
        found, now = bring_up(url, keyring_of(url, store_key))
    click.echo(
        f"its tables are of version {now}" + ("" if found == now else f", and were of version {found}"), err=True
    )
