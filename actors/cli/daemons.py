"""`stretto daemons`: lists, shows and drains the daemons that share a store."""

from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.runs.options import NOTE, UTC, print_json, with_runs
from stretto.actors.cli.runs.tables import show_fields, show_table
from stretto.actors.cli.runs.times import Clock
from stretto.actors.operations import Daemon, DaemonAnswer, Daemons, DaemonsAnswer, Done, DrainDaemon

if TYPE_CHECKING:
    from stretto.actors.cli.runs.source import Source

_WIDTH = 120


@click.group()
def daemons() -> None:
    """List, show and drain the daemons that share a store.

    Each start of a daemon has a new number.

    Exit codes: 0 done, 2 refused, wrong usage or no such daemon, 3 the daemon cannot be used.
    """


@daemons.command("list")
@UTC
@with_runs
def list_(source: "Source", *, utc: bool, as_json: bool) -> None:
    """List the daemons with their states and numbers of runs.

    With --json: [{daemon, name, host, version, started_at, lease_left, state, runs, lacks, here}].
    """
    found = source.ask(Daemons(), DaemonsAnswer).daemons
    if as_json:
        print_json(found)
        return
    headings = ("DAEMON", "STATE", "RUNS", "LEASE", "VERSION", "STARTED", "PROCESS")
    clock = Clock(utc=utc)
    show_table(headings, [_row(each, clock) for each in found], elastic=("PROCESS", "VERSION"), width=_WIDTH)
    for each in found:
        for lacked in each["lacks"]:
            click.echo(f"daemon {each['daemon']} lacks {_lacked(lacked)}")


@daemons.command()
@click.argument("number", type=click.IntRange(min=1))
@UTC
@with_runs
def show(source: "Source", *, number: int, utc: bool, as_json: bool) -> None:
    """Show the daemon with a number.

    With --json: the daemon as in `list --json`.
    """
    found = source.ask(Daemon(number), DaemonAnswer).daemon
    if as_json:
        print_json(found)
        return
    started = Clock(utc=utc).format(found["started_at"])
    show_fields(
        [
            ("daemon", found["daemon"]), ("name", _process(found)), ("version", found["version"]),
            ("started", started), ("lease", _lease(found)), ("state", found["state"]),
            ("runs", f"{found['runs']:,}"), *(("lacks", _lacked(each)) for each in found["lacks"]),
        ]
    )  # fmt: skip


@daemons.command()
@click.argument("number", type=click.IntRange(min=1))
@NOTE
@with_runs
def drain(source: "Source", *, number: int, note: str | None, as_json: bool) -> None:
    """Let the daemon with a number give all of its runs to others.

    It accepts and claims no more. Its running actions are stopped, and run again at the next daemon.

    With --json: {daemon}.
    """
    source.ask(DrainDaemon(number, note=note), Done)
    if as_json:
        print_json({"daemon": number})


def _row(daemon: dict[str, Any], clock: Clock) -> tuple[str, ...]:
    return (
        str(daemon["daemon"]), daemon["state"], f"{daemon['runs']:,}", _lease(daemon), daemon["version"],
        clock.format(daemon["started_at"]), _process(daemon),
    )  # fmt: skip


def _process(daemon: dict[str, Any]) -> str:
    """Return the name of a daemon's process, and whether it is the one that answers."""
    return f"{daemon['name']} (asked)" if daemon["here"] else str(daemon["name"])


def _lease(daemon: dict[str, Any]) -> str:
    """Return how long the lease lasts: a store in a file has none."""
    return "none" if daemon["lease_left"] is None else f"{daemon['lease_left']:.1f} s"


def _lacked(lacked: dict[str, Any]) -> str:
    needed = "1 run" if lacked["runs"] == 1 else f"{lacked['runs']:,} runs"
    return f"{lacked['text']}: it is needed by {needed} without a daemon"
