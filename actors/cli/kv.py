"""`stretto kv`: gets, sets, lists and deletes keys of the key-value store, of a daemon or of a store."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
import msgspec

from stretto.actors.cli.runs.listing import show_cursor
from stretto.actors.cli.runs.options import CURSOR, LIMIT, NOTE, UTC, print_json, with_runs
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.cli.runs.times import Clock, seconds_of
from stretto.actors.cli.support.choices import Choice
from stretto.actors.cli.support.printable import echo_json, echo_lines
from stretto.actors.kv import MAX_SECONDS
from stretto.actors.operations import (
    DeleteKey,
    Done,
    Key,
    KeyAnswer,
    Keys,
    KeysAnswer,
    KeyValue,
    SetKey,
    ValueAnswer,
)
from stretto.actors.text_files import MAX_BYTES

if TYPE_CHECKING:
    from stretto.actors.cli.runs.source import Source

_WIDTH = 120
_NAME = click.argument("name")


def _with_place(command: Callable[..., None]) -> Callable[..., None]:
    """Pass a command the scope and the owner of a key, from --user or --pack; without them it is a key of everyone."""

    @click.option("--user", metavar="NAME", help="A key of this user.")
    @click.option("--pack", metavar="REF", help="A key of this pack.")
    @wraps(command)
    def placed(*arguments: Any, user: str | None, pack: str | None, **given: Any) -> None:
        if user is not None and pack is not None:
            raise click.UsageError("--user and --pack exclude each other: a key has one owner")
        scope = "user" if user is not None else "pack" if pack is not None else "system"
        command(*arguments, scope=scope, owner=user if user is not None else pack, **given)

    return placed


@click.group()
def kv() -> None:
    """Get, set, list and delete keys of the key-value store.

    A daemon is asked over its socket or its port; without one, the keys are in a store (--store). A key is everyone's,
    a user's (--user) or a pack's (--pack).

    Exit codes: 0 done, 2 wrong usage or no such key, 3 the daemon or the store cannot be used.
    """


@kv.command()
@_NAME
@click.option("--reveal", is_flag=True, help="Show the value of a secret key. It needs the role admin.")
@with_runs
@_with_place
def get(source: "Source", *, name: str, scope: Any, owner: str | None, reveal: bool, as_json: bool) -> None:
    """Print the value of the key NAME: a text as it is, anything else as JSON.

    With --json: {scope, owner, name, secret, version, bytes, set_at, set_by, expires_at, value}.
    """
    key = source.ask(Key(name, scope, owner), KeyAnswer).key
    if reveal:
        key = {**key, "value": source.ask(KeyValue(name, scope, owner), ValueAnswer).value}
    elif key["secret"]:
        click.echo("the value is secret: --reveal shows it", err=True)
    if as_json:
        print_json(key)
    elif isinstance(key["value"], str):
        echo_lines(key["value"])
    else:
        echo_json(key["value"])


@kv.command("set")
@_NAME
@click.argument("value")
@click.option("--secret", is_flag=True, help="Encrypt the value in the store, and mask it wherever it is shown.")
@click.option("--type", "kind", type=Choice(["text", "json"]), help="How VALUE is read. [default: see above]")
@click.option("--expires", "lasts", callback=seconds_of, metavar="DURATION", help="When it is deleted, such as 90d.")
@click.option("--version", type=click.IntRange(0), help="Only if the key has this version; 0: only if it is not there.")
@NOTE
@with_runs
@_with_place
def set_key(
    source: "Source",
    *,
    name: str,
    value: str,
    scope: Any,
    owner: str | None,
    secret: bool,
    kind: str | None,
    lasts: float | None,
    version: int | None,
    note: str | None,
    as_json: bool,
) -> None:
    """Set the key NAME to VALUE, or to what standard input has if VALUE is -.

    VALUE is text, unless it is a JSON list or object. With --type json it is any JSON, such as 7 or true. A secret on
    the command line can be seen by other users: pass it on standard input.

    With --json: {scope, owner, name, secret, version, bytes, set_at, set_by, expires_at, durable}.
    """
    if lasts is not None and not 0 < lasts <= MAX_SECONDS:
        raise click.UsageError(f"--expires must be more than 0 and at most {MAX_SECONDS:.0f} seconds")
    given = _read_standard_input() if value == "-" else value
    request = SetKey(name, _parsed(given, kind), scope, owner, secret, lasts, version, note=note)
    key = source.ask(request, KeyAnswer).key
    if as_json:
        print_json(key)
    if not key["durable"]:
        click.echo("the daemon has no store: the key is lost when the daemon ends", err=True)


@kv.command("list")
@click.option("--scope", type=Choice(["system", "user", "pack"]), help="Only keys of this scope.")
@click.option("--owner", metavar="NAME", help="Only keys of this user or pack.")
@click.option("--prefix", metavar="TEXT", help="Only keys whose names begin so.")
@LIMIT
@CURSOR
@UTC
@with_runs
def list_keys(
    source: "Source",
    *,
    scope: Any,
    owner: str | None,
    prefix: str | None,
    limit: int,
    cursor: str | None,
    utc: bool,
    as_json: bool,
) -> None:
    """List the keys without their values, by scope, owner and name.

    With --json: {"keys": [{scope, owner, name, secret, version, bytes, set_at, set_by, expires_at}], "next"}.
    """
    page = source.ask(Keys(scope, owner, prefix, cursor, limit), KeysAnswer)
    if as_json:
        print_json({"keys": page.keys, "next": page.next})
        return
    clock = Clock(utc=utc)
    headings = ("NAME", "SCOPE", "OWNER", "SECRET", "VERSION", "BYTES", "SET", "BY", "EXPIRES")
    rows = [
        (
            key["name"], key["scope"], key["owner"], "yes" if key["secret"] else None, key["version"], key["bytes"],
            clock.format(key["set_at"]), key["set_by"], clock.format(key["expires_at"]),
        )
        for key in page.keys
    ]  # fmt: skip
    show_table(headings, rows, elastic=("OWNER", "NAME"), width=_WIDTH)
    show_cursor(page.next, empty=None if page.keys else "no keys")


@kv.command()
@_NAME
@click.option("--version", type=click.IntRange(1), help="Only if the key has this version.")
@NOTE
@with_runs
@_with_place
def delete(
    source: "Source",
    *,
    name: str,
    scope: Any,
    owner: str | None,
    version: int | None,
    note: str | None,
    as_json: bool,
) -> None:
    """Delete the key NAME.

    With --json: {}.
    """
    source.ask(DeleteKey(name, scope, owner, version, note=note), Done)
    if as_json:
        print_json({})


def _read_standard_input() -> str:
    text = sys.stdin.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise click.UsageError(f"the value on standard input must have at most {MAX_BYTES:,} bytes, and has more")
    return text.removesuffix("\n")


def _parsed(text: str, kind: str | None) -> Any:
    """Return a value from its text. Errors do not quote it: it may be a secret."""
    if kind == "text" or (kind is None and text[:1] not in {"[", "{"}):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if kind is None:
            return text
        raise click.UsageError("VALUE must be JSON, got other text") from None
