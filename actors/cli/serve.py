"""`stretto serve`: the daemon, in the foreground."""

import gc
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from stretto.actors.cli.support.action_options import ACTIONS, DEFINITIONS, KEYSTORE, PACK_CONFIG, PACKS
from stretto.actors.cli.support.exit_codes import UNREACHABLE, USAGE, end_process, give_up

if TYPE_CHECKING:
    from stretto.actors.settings import Flag


_OF_THE_ENGINE = frozenset({"definitions", "actions", "packs", "pack_config", "keystore", "store", "store_key"})
"""The flags of the section `engine`. `--files-KEY` are of `files`, and all others of `serve`."""

SWITCH_SECONDS: Final = 0.001
"""How long a thread may keep the interpreter while others wait. Python's default is 5 ms. During a fan-out of 60,000
items a request is then accepted three times as fast (SQLite: 9 ms instead of 31), and the items are not slower. Less
than 1 ms gains nothing more."""


@click.command()
@click.option(
    "--config", "file", metavar="FILE", help="The config file. [default: $STRETTO_CONFIG, or /etc/stretto/stretto.yaml]"
)
@DEFINITIONS
@ACTIONS
@PACKS
@PACK_CONFIG
@KEYSTORE
@click.option(
    "--store",
    metavar="URL",
    help="The store of runs: sqlite:////FOLDER/FILE.db or postgresql://... [default: $STRETTO_STORE, or memory]",
)
@click.option("--store-key", metavar="FILE", help="The file with the store's encryption key.")
@click.option(
    "--files-read",
    metavar="FOLDER",
    multiple=True,
    help="A folder from which remote clients may read items. Repeatable.",
)
@click.option(
    "--files-write",
    metavar="FOLDER",
    multiple=True,
    help="A folder to which remote clients may write results. Repeatable.",
)
@click.option("--host", help="The address of /metrics, /healthz and /readyz.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="The port of these paths; 0 picks a free one.  [default: 8420]")
@click.option("--socket", metavar="PATH", help="The socket for run requests, in a folder of mode 700.")
@click.option("--watch/--no-watch", default=None, help="Reload definitions when they change.  [default: watch]")
@click.option("--insecure-bind", is_flag=True, default=None, help="Allow a --host that other machines can reach.")
def serve(file: str | None, **given: Any) -> None:
    """Run the daemon, until a signal stops it.

    Settings come from a config file, STRETTO__SECTION__KEY variables and these flags. `stretto config show` prints the
    effective ones. SIGTERM and SIGINT wait for the runs in progress, and a second one abandons them. Definitions reload
    on change, or on SIGHUP.
    """
    # Little of what a start loads becomes garbage, and to look for it would take a third of the start.
    gc.disable()
    try:
        code = _run(file, given)
    finally:
        gc.enable()
    end_process(code)


def _run(file: str | None, given: dict[str, Any]) -> int:
    """Run the daemon, and return its exit code."""
    from stretto.actors.daemon import Daemon
    from stretto.actors.journal import CannotOpenStore, StoreUnavailable
    from stretto.actors.settings import InvalidSettings, read_settings
    from stretto.definitions.errors import StrettoError
    from stretto.metrics import configure_logging

    try:
        effective = read_settings(file, flags=_flags(given))
    except InvalidSettings as error:
        give_up("\n  ".join(["the settings cannot be used", *error.problems]), USAGE)
    settings = effective.settings
    configure_logging(settings.logging.level, style=settings.logging.style)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        return Daemon(settings, effective.file, _announce if sys.stderr.isatty() else None).run()
    except (CannotOpenStore, StoreUnavailable) as error:
        give_up(str(error), UNREACHABLE)
    except (StrettoError, ValueError) as error:
        give_up(str(error), USAGE)


def _announce(url: str) -> None:
    """Show who started the daemon on a terminal how to get into its pages. No log has the URL."""
    click.echo(f"In a browser: {url}\nIt is good once, for a minute. `stretto open` makes another.", err=True)


def _flags(given: dict[str, Any]) -> "list[Flag]":
    """Return the given flags, each with its setting."""
    from stretto.actors.settings import Flag

    return [
        Flag(f"--{name.replace('_', '-')}", *_setting_of(name), value)
        for name, value in given.items()
        if value not in {None, ()}
    ]


def _setting_of(name: str) -> tuple[str, str]:
    """Return the section and the key that a flag sets."""
    key = name.removeprefix("files_")
    if key != name:
        return "files", key
    return "engine" if name in _OF_THE_ENGINE else "serve", name
