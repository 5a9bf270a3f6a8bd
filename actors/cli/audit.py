"""`stretto audit`: who asked for which change."""

from typing import Any

import click

from stretto.actors.cli.runs.listing import show_cursor
from stretto.actors.cli.runs.options import CURSOR, LIMIT, UTC, print_json, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.cli.runs.times import Clock, moment_of
from stretto.actors.operations import Audit, AuditAnswer

_WIDTH = 150


@click.command()
@click.option("--since", callback=moment_of, metavar="DURATION|TIME", help="Only changes since, e.g. 2h or 2026-01-31.")
@click.option("--who", metavar="NAME", help="Only changes that this token or user asked for.")
@LIMIT
@CURSOR
@UTC
@with_runs
def audit(
    source: Source,
    *,
    since: float | None,
    who: str | None,
    limit: int,
    cursor: str | None,
    utc: bool,
    as_json: bool,
) -> None:
    """Show who asked for which change, newest first, of the daemon or of the store.

    WHO is a token or a user, with the user whom a proxy has named in parentheses. FROM is an address, or "local" for a
    process of the daemon's machine. ON is what the request named. Only changes
    that were made are shown: each entry is in the commit of its change.

    With --json: {"entries": [{at, who, source, via, operation, target, note, result, for_user}], "next"}.
    """
    page = source.ask(Audit(since, who, cursor, limit), AuditAnswer)
    if as_json:
        print_json({"entries": page.entries, "next": page.next})
        return
    clock = Clock(utc=utc)
    headings = ("AT", "WHO", "FROM", "VIA", "WHAT", "ON", "RESULT", "NOTE")
    rows = [
        (
            clock.format(entry["at"]), _who(entry), entry["source"], entry["via"], entry["operation"], entry["target"],
            entry["result"], entry["note"],
        )
        for entry in page.entries
    ]  # fmt: skip
    show_table(headings, rows, elastic=("ON", "NOTE"), width=_WIDTH)
    show_cursor(page.next, empty=None if page.entries else "no changes")


def _who(entry: dict[str, Any]) -> str:
    who: str = entry["who"]
    return who if entry["for_user"] is None else f"{who} ({entry['for_user']})"
