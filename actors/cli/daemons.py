"""`stretto daemons`: lists, shows and drains the daemons that share a store."""

from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.runs.options import NOTE, print_json, with_runs
from stretto.actors.cli.runs.tables import show_table
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
@with_runs
def list_(source: "Source", *, as_json: bool) -> None:
    """List the daemons with their states and numbers of runs.

    With --json: [{daemon, name, host, version, started_at, lease_left, state, runs, lacks, here}].
    """
    found = source.ask(Daemons(), DaemonsAnswer).daemons
    if as_json:
        print_json(found)
        return
    headings = ("DAEMON", "STATE", "RUNS", "LEASE", "VERSION", "STARTED", "PROCESS")
    show_table(headings, [_row(each) for each in found], elastic=("PROCESS", "VERSION"), width=_WIDTH)
    for each in found:
        for lacked in each["lacks"]:
            click.echo(f"daemon {each['daemon']} lacks {lacked['text']}: {_runs(lacked['runs'])} without a daemon")


@daemons.command()
@click.argument("number", type=click.IntRange(min=1))
@with_runs
def show(source: "Source", *, number: int, as_json: bool) -> None:
    """Show the daemon with a number.

    With --json: the daemon as in `list --json`.
    """
    found = source.ask(Daemon(number), DaemonAnswer).daemon
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        click.echo(f"{name}: {_shown(name, value)}")


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


def _row(daemon: dict[str, Any]) -> tuple[str, ...]:
    here = " (asked)" if daemon["here"] else ""
    return (
        str(daemon["daemon"]), daemon["state"], f"{daemon['runs']:,}", _shown("lease_left", daemon["lease_left"]),
        daemon["version"], _shown("started_at", daemon["started_at"]), f"{daemon['name']}{here}",
    )  # fmt: skip


def _runs(number: int) -> str:
    return "it is needed by 1 run" if number == 1 else f"it is needed by {number:,} runs"


def _shown(name: str, value: Any) -> str:
    if name == "lease_left":
        return "none" if value is None else f"{value:.1f} s"
    if name == "lacks":
        return "; ".join(f"{each['text']} ({each['runs']:,} runs)" for each in value) or "nothing"
    return str(value)
