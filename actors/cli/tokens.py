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
from stretto.actors.cli.support.choices import Choice
from stretto.actors.cli.support.client_tokens import DAEMON_VARIABLE, TOKEN_FILE, client_of
from stretto.actors.cli.support.error_exits import exiting_on_errors
from stretto.actors.cli.support.exit_codes import USAGE, give_up
from stretto.actors.cli.support.running_daemon import daemon_of_store
from stretto.actors.gateway import Client
from stretto.actors.history import token_as_json
from stretto.actors.journal import InFile, keyring_for, locate, open_reader, open_store
from stretto.actors.locating import exists
from stretto.actors.operations import CreateToken, RevokeToken, Tokens
from stretto.metrics import configure_logging

if TYPE_CHECKING:
    from stretto.actors.settings import Settings

_DAEMON = click.option(
    "--daemon", metavar="URL", help="Ask the daemon at unix:///PATH or http://HOST:PORT. [default: $STRETTO_DAEMON]"
)
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

    def create(self, request: CreateToken) -> dict[str, Any]:
        """Make a token, and return it with its text as `token`."""
        with self._writable() as access:
            workflows = tuple(request.workflows or ()) or None
            created = access.create_token(
                request.name, request.role, by=local_caller(os.getuid()), lasts=request.lasts, workflows=workflows,
                note=request.note,
            ).result()  # fmt: skip
        return {"token": created.text, **token_as_json(created.record)}

    def revoke(self, request: RevokeToken) -> None:
        """Revoke a token."""
        with self._writable() as access:
            access.revoke_token(request.token, by=local_caller(os.getuid()), note=request.note).result()

    def read(self) -> list[dict[str, Any]]:
        """Return all tokens, also while a daemon runs."""
        if self._store is None:
            with contextlib.closing(access_of_file(self._file)) as access:
                return [token_as_json(token) for token in access.tokens()]
        with contextlib.closing(open_reader(self._store, None)) as reader:
            return [token_as_json(token) for token in reader.access.tokens()]

    @contextlib.contextmanager
    def _writable(self) -> Iterator[Access]:
        """Open it, and create it if it does not exist. A store must not be a running daemon's."""
        if self._store is None:
            with contextlib.closing(access_of_file(self._file)) as access:
                yield access
            return
        location = locate(self._store)
        # A store without its key could not be opened by the daemon, so both are created together.
        is_new = isinstance(location, InFile) and not exists(location.path)
        # `exiting_on_errors` leads from a store in use to --daemon.
        with open_store(self._store, keyring_for(self._store, self._store_key) if is_new else None) as store:
            yield access_of_store(store)


class _Daemon:
    """A running daemon, which is asked for its tokens."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, request: CreateToken) -> dict[str, Any]:
        """Make a token, and return it with its text as `token`."""
        answer: Any = self._client.ask(request)
        return {"token": answer.text, **answer.token}

    def revoke(self, request: RevokeToken) -> None:
        """Revoke a token."""
        self._client.ask(request)

    def read(self) -> list[dict[str, Any]]:
        """Return all tokens."""
        answer: Any = self._client.ask(Tokens())
        tokens: list[dict[str, Any]] = answer.tokens
        return tokens


def _with_place(command: Callable[..., None]) -> Callable[..., None]:
    """Pass a command the place that its options name; an error ends the process."""

    @_DAEMON
    @TOKEN_FILE
    @_STORE
    @_STORE_KEY
    @_FILE
    @_CONFIG
    @wraps(command)
    def opened(
        *,
        daemon: str | None,
        token_file: str | None,
        store: str | None,
        store_key: str | None,
        tokens_file: str | None,
        config: str | None,
        **given: Any,
    ) -> None:
        configure_logging("WARNING")
        if daemon is not None and (store is not None or tokens_file is not None):
            raise click.UsageError("--daemon excludes --store and --tokens-file: the daemon knows where its tokens are")
        if store is None and tokens_file is None:
            daemon = daemon or os.environ.get(DAEMON_VARIABLE) or None
        if daemon is not None:
            with exiting_on_errors():
                command(_Daemon(client_of(daemon, token_file)), **given)
            return
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
            running = None if store is None else daemon_of_store(store, config)
            command(_Place(store, store_key, tokens_file) if running is None else _Daemon(running), **given)

    return opened


@click.group()
def tokens() -> None:
    """Make, list and revoke the tokens with which clients use a daemon.

    The tokens are in the daemon's store. If a daemon of this machine has it open, the daemon is asked over its socket
    (serve.socket, or the default one); otherwise the store is opened. A daemon without a store has them in the file of
    serve.tokens_file. With --daemon, that daemon is asked.

    Exit codes: 0 done, 2 wrong usage, 3 the daemon, the store or the file cannot be used.
    """


@tokens.command()
@click.argument("name")
@click.option("--role", type=Choice(ROLES), required=True, help="The rights of the token.")
@click.option(
    "--expires", "lasts", callback=seconds_of, metavar="DURATION", help="Its end, such as 90d. [default: none]"
)
@click.option("--workflow", "workflows", multiple=True, metavar="REF", help="Only runs of this workflow; repeatable.")
@click.option("--note", metavar="TEXT", help="A note for the audit.")
@_JSON
@_with_place
def create(
    place: _Place | _Daemon,
    *,
    name: str,
    role: Any,
    lasts: float | None,
    workflows: tuple[str, ...],
    note: str | None,
    as_json: bool,
) -> None:
    """Make the token NAME, and print it. It is shown only now.

    A viewer reads, an operator also starts and changes runs, an admin may do everything. A hook only sends events.

    With --json: {token, id, name, role, made_at, made_by, expires_at, used_on, workflows, revoked_at}.
    """
    created = place.create(CreateToken(name, role, lasts, list(workflows) or None, note))
    if as_json:
        print_json(created)
        return
    click.echo(created["token"])
    click.echo("keep it: only its digest is stored, and it is not shown again", err=True)


@tokens.command("list")
@UTC
@_JSON
@_with_place
def list_tokens(place: _Place | _Daemon, *, utc: bool, as_json: bool) -> None:
    """List all tokens, also expired and revoked ones. None is shown itself.

    With --json: [{id, name, role, made_at, made_by, expires_at, used_on, workflows, revoked_at}].
    """
    found = place.read()
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
def revoke(place: _Place | _Daemon, *, name: str, note: str | None) -> None:
    """Revoke a token, by its NAME or id: it is refused from now on, and its sessions end."""
    place.revoke(RevokeToken(name, note))


def _settings(config: str | None) -> "Settings":
    from stretto.actors.settings import InvalidSettings, read_settings

    try:
        return read_settings(config).settings
    except InvalidSettings as error:
        give_up("\n  ".join(["the settings cannot be used", *error.problems]), USAGE)
