"""`stretto serve`: the daemon, in the foreground."""

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from stretto.actors.cli.support.action_options import ACTIONS, DEFINITIONS, PACKS
from stretto.actors.cli.support.exit_codes import UNREACHABLE, USAGE, end_process, give_up

if TYPE_CHECKING:
    from stretto.actors.settings import Flag


_OF_THE_ENGINE = frozenset({"definitions", "actions", "packs", "pack_config", "keystore", "store", "store_key"})
"""Flags for settings of the section `engine`; the others are of `serve`."""

SWITCH_SECONDS: Final = 0.001
"""How long one thread may have the interpreter while another waits for it. Beside a fan-out of 60,000 items, a request
is accepted after a third of the time that it takes with Python's own 5 ms (SQLite: 9 ms instead of 31), and the items
take no longer; with less than 1 ms nothing more is gained."""


@click.command()
@click.option("--config", "file", metavar="FILE", help="The config file; else $STRETTO_CONFIG, else /etc's.")
@DEFINITIONS
@ACTIONS
@PACKS
@click.option("--pack-config", metavar="FILE", help="A YAML file with the packs' configuration.")
@click.option("--keystore", metavar="FILE", help="A YAML file with secrets, by the names of keystore.NAME.")
@click.option("--store", metavar="URL", help="Where runs are kept, as sqlite:////FOLDER/FILE.db; else in memory.")
@click.option("--store-key", metavar="FILE", help="The key that secrets are encrypted with in the store.")
@click.option("--host", help="Where /metrics, /healthz and /readyz are served.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="On which port; 0 picks a free one.  [default: 8420]")
@click.option("--socket", metavar="PATH", help="Where run requests are taken, in a folder of mode 700.")
@click.option("--watch/--no-watch", default=None, help="Read changed definitions by themselves.  [default: watch]")
@click.option("--insecure-bind", is_flag=True, default=None, help="Allow a --host that other machines reach.")
def serve(file: str | None, **given: Any) -> None:
    """Serve run requests until told to stop.

    A config file, STRETTO__SECTION__KEY variables and these flags say how; `stretto config show` tells what holds.
    SIGTERM and SIGINT wait for the runs in progress, a second one gives them up; SIGHUP reloads the definitions,
    which happens by itself when one changes.
    """
    import asyncio

    from stretto.actors.daemon import Daemon
    from stretto.actors.journal import CannotOpenStore, StoreUnavailable
    from stretto.actors.settings import InvalidSettings, read_settings
    from stretto.definitions.errors import StrettoError
    from stretto.metrics import configure_logging

    try:
        settings = read_settings(file, flags=_flags(given)).settings
    except InvalidSettings as error:
        give_up("\n  ".join(["the settings cannot be used", *error.problems]), USAGE)
    configure_logging(settings.logging.level, style=settings.logging.style)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        code = asyncio.run(Daemon(settings).serve())
    except (CannotOpenStore, StoreUnavailable) as error:
        give_up(str(error), UNREACHABLE)
    except (StrettoError, ValueError) as error:
        give_up(str(error), USAGE)
    end_process(code)


def _flags(given: dict[str, Any]) -> "list[Flag]":
    """Return the flags that were given, each with its setting."""
    from stretto.actors.settings import Flag

    return [
        Flag(f"--{name.replace('_', '-')}", "engine" if name in _OF_THE_ENGINE else "serve", name, value)
        for name, value in given.items()
        if value not in {None, ()}
    ]
