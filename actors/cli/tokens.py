"""`stretto tokens`: makes, lists and revokes tokens, in a store or in a file."""

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stretto.actors.access import ROLES, Access, access_of_file, access_of_store, local_caller
from stretto.actors.cli.runs.options import UTC, print_json
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.cli.runs.times import Clock, seconds_of
from stretto.actors.cli.support.error_exits import exiting_on_errors
from stretto.actors.cli.support.exit_codes import UNREACHABLE, USAGE, give_up
from stretto.actors.history import token_as_json
from stretto.actors.journal import InFile, StoreInUse, keyring_for, locate, open_reader, open_store
from stretto.actors.locating import exists
from stretto.metrics import configure_logging

if TYPE_CHECKING:
    from stretto.actors.journal import TokenRecord
    from stretto.actors.settings import Settings

_STORE = click.option(
    "--store", metavar="URL", help="The daemon's store. [default: $STRETTO_STORE, or engine.store of the config file]"
)
_STORE_KEY = click.option("--store-key", metavar="FILE", help="The file with the key of a --store that is created.")
_FILE = click.option(
    "--tokens-file", metavar="FILE", help="The tokens file of a daemon without a store. [default: serve.tokens_file]"
)
_CONFIG = click.option(
    "--config", metavar="FILE", help="The config file. [default: $STRETTO_CONFIG, or /etc/stretto/stretto.yaml]"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class _Place:
    """Where the tokens are: in a store, or in a file."""

    def __init__(self, store: str | None, store_key: str | None, tokens_file: str | None) -> None:
        self._store = store
        self._store_key = store_key
        self._file = Path(tokens_file or "")

    @contextlib.contextmanager
    def writable(self) -> Iterator[Access]:
        """Open it, and create it if it does not exist. A store must not be a running daemon's."""
        if self._store is None:
            with contextlib.closing(access_of_file(self._file)) as access:
                yield access
            return
        location = locate(self._store)
        # A store without its key could not be opened by the daemon, so both are created together.
        is_new = isinstance(location, InFile) and not exists(location.path)
        try:
            opened = open_store(self._store, keyring_for(self._store, self._store_key) if is_new else None)
        except StoreInUse as error:
            give_up(f"{error} (to list tokens, for example)", UNREACHABLE)
        with opened as store:
            yield access_of_store(store)

    def read(self) -> "list[TokenRecord]":
        """Return all tokens, also while a daemon runs."""
        if self._store is None:
            with contextlib.closing(access_of_file(self._file)) as access:
                return access.tokens()
        with contextlib.closing(open_reader(self._store, None)) as reader:
            return reader.access.tokens()


def _with_place(command: Callable[..., None]) -> Callable[..., None]:
    """Pass a command the place that its options name; an error ends the process."""

    @_STORE
    @_STORE_KEY
    @_FILE
    @_CONFIG
    @wraps(command)
    def opened(
        *, store: str | None, store_key: str | None, tokens_file: str | None, config: str | None, **given: Any
    ) -> None:
        configure_logging("WARNING")
        if store is not None and tokens_file is not None:
            raise click.UsageError("--store and --tokens-file exclude each other: with a store, tokens are in it")
        if store is None and tokens_file is None:
            settings = _settings(config)
            store, tokens_file = settings.engine.store, settings.serve.tokens_file
            store_key = store_key or settings.engine.store_key
        if store is None and tokens_file is None:
            raise click.UsageError(
                "no place for tokens: use --store URL or --tokens-file FILE, or set engine.store or serve.tokens_file"
            )
        with exiting_on_errors():
            command(_Place(store, store_key, tokens_file), **given)

    return opened


@click.group()
def tokens() -> None:
    """Make, list and revoke the tokens with which clients use a daemon.

    Tokens are in the daemon's store. A daemon without a store has them in the file of serve.tokens_file.

    Exit codes: 0 done, 2 wrong usage, 3 the store or the file cannot be used. A store cannot be changed while a daemon
    uses it; a file can.
    """


@tokens.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="The rights of the token.")
@click.option(
    "--expires", "lasts", callback=seconds_of, metavar="DURATION", help="Its end, such as 90d. [default: none]"
)
@click.option("--workflow", "workflows", multiple=True, metavar="REF", help="Only runs of this workflow; repeatable.")
@click.option("--note", metavar="TEXT", help="A note for the audit.")
@_JSON
@_with_place
def create(
    place: _Place,
    *,
    name: str,
    role: Any,
    lasts: float | None,
    workflows: tuple[str, ...],
    note: str | None,
    as_json: bool,
) -> None:
    """Make the token NAME, and print it. It is shown only now.

    A viewer reads, an operator also starts and changes runs, an admin may do everything.

    With --json: {token, id, name, role, made_at, made_by, expires_at, used_on, workflows, revoked_at}.
    """
    with place.writable() as access:
        created = access.create_token(
            name, role, by=local_caller(os.getuid()), lasts=lasts, workflows=workflows or None, note=note
        ).result()
    if as_json:
        print_json({"token": created.text, **token_as_json(created.record)})
        return
    click.echo(created.text)
    click.echo("keep it: only its digest is stored, and it is not shown again", err=True)


@tokens.command("list")
@UTC
@_JSON
@_with_place
def list_tokens(place: _Place, *, utc: bool, as_json: bool) -> None:
    """List all tokens, also expired and revoked ones. None is shown itself.

    With --json: [{id, name, role, made_at, made_by, expires_at, used_on, workflows, revoked_at}].
    """
    found = [token_as_json(token) for token in place.read()]
    if as_json:
        print_json(found)
        return
    clock = Clock(utc=utc)
    show_table(
        ("ID", "NAME", "ROLE", "MADE", "BY", "EXPIRES", "USED", "REVOKED", "WORKFLOWS"),
        [
            (
                token["id"], token["name"], token["role"], clock.format(token["made_at"]), token["made_by"],
                clock.format(token["expires_at"]), token["used_on"], clock.format(token["revoked_at"]),
                " ".join(token["workflows"] or ()),
            )
            for token in found
        ],
    )  # fmt: skip
    if not found:
        click.echo("no tokens", err=True)


@tokens.command()
@click.argument("name")
@click.option("--note", metavar="TEXT", help="A note for the audit.")
@_with_place
def revoke(place: _Place, *, name: str, note: str | None) -> None:
    """Revoke a token, by its NAME or id: it is refused from now on, and its sessions end."""
    with place.writable() as access:
        access.revoke_token(name, by=local_caller(os.getuid()), note=note).result()


def _settings(config: str | None) -> "Settings":
    from stretto.actors.settings import InvalidSettings, read_settings

    try:
        return read_settings(config).settings
    except InvalidSettings as error:
        give_up("\n  ".join(["the settings cannot be used", *error.problems]), USAGE)
