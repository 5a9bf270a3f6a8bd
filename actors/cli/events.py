"""`stretto events`: lists, shows and replays the events of a daemon or a store."""

from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.runs.listing import show_cursor
from stretto.actors.cli.runs.options import CURSOR, LIMIT, NOTE, UTC, print_json, short_id, with_runs
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.cli.runs.times import Clock, moment_of
from stretto.actors.cli.support.printable import echo_json
from stretto.actors.operations import events as requests

if TYPE_CHECKING:
    from stretto.actors.cli.runs.source import Source

_WIDTH = 120


@click.group()
def events() -> None:
    """List, show and replay the events that a daemon has accepted.

    A daemon is asked over its socket or its port; without one, the events are in a store (--store).

    Exit codes: 0 done, 2 wrong usage or no such event, 3 the daemon or the store cannot be used.
    """


@events.command("list")
@click.option("--type", "event_type", metavar="NAME", help="Only events of this type.")
@click.option("--source", "sender", metavar="SOURCE", help="Only events from here, such as hook:alertmanager.")
@click.option("--since", callback=moment_of, metavar="DURATION|TIME", help="Only events since, e.g. 2h or 2026-01-31.")
@click.option(
    "--until", callback=moment_of, metavar="DURATION|TIME", help="Only events before, e.g. 10m or 2026-01-31."
)
@click.option("--matched/--unmatched", default=None, help="Only events that rules have answered, or only the others.")
@LIMIT
@CURSOR
@UTC
@with_runs
def list_(
    source: "Source",
    *,
    event_type: str | None,
    sender: str | None,
    since: float | None,
    until: float | None,
    matched: bool | None,
    limit: int,
    cursor: str | None,
    utc: bool,
    as_json: bool,
) -> None:
    """List the events, the newest first.

    With --json: {"events": [{event, type, source, at, depth, cause, matched}], "next"}.
    """
    request = requests.Events(event_type, sender, since, until, matched, cursor, limit)
    page = source.ask(request, requests.EventsAnswer)
    if as_json:
        print_json({"events": page.events, "next": page.next})
        return
    clock = Clock(utc=utc)
    rows = [
        (each["event"], each["type"], each["source"], clock.format(each["at"]), str(each["matched"]))
        for each in page.events
    ]
    show_table(("EVENT", "TYPE", "FROM", "AT", "RULES"), rows, elastic=("TYPE", "FROM"), width=_WIDTH)
    show_cursor(page.next, empty=None if page.events else "no events")


@events.command()
@click.argument("event")
@UTC
@with_runs
def show(source: "Source", *, event: str, utc: bool, as_json: bool) -> None:
    """Show EVENT with its payload, the rules that have answered, and why the others have not.

    With --json: the event as in `list --json`, with {payload, headers, parameters, matches: [{event, rule, target, run,
    at, started_at, error}], others: [{rule, criteria: [{text, line, held, problem, found}]}]}.
    """
    found = source.ask(requests.ShowEvent(event), requests.EventShown).event
    if as_json:
        print_json(found)
        return
    clock = Clock(utc=utc)
    click.echo(f"{found['event']}  {found['type']}  from {found['source']}  at {clock.format(found['at'])}")
    echo_json(found["payload"])
    show_matches(found["matches"], clock, "RULE")
    for other in found["others"]:
        unmet = [each for each in other["criteria"] if not each["held"]]
        why = "; ".join(each["text"] + (f" ({each['problem']})" if each["problem"] else "") for each in unmet)
        click.echo(f"{other['rule']} did not answer: {why or 'it would now'}")


@events.command()
@click.argument("event")
@NOTE
@with_runs
def replay(source: "Source", *, event: str, note: str | None, as_json: bool) -> None:
    """Accept a copy of EVENT, which the rules in force answer now.

    With --json: {event}, the id of the copy.
    """
    again = source.ask(requests.ReplayEvent(event, note=note), requests.EventAnswer).event
    if as_json:
        print_json({"event": again})
    else:
        click.echo(again)


def show_matches(matches: list[dict[str, Any]], clock: Clock, by: str) -> None:
    """Print a table of matches, whose first column is the event or the rule."""
    if not matches:
        click.echo("no matches", err=True)
        return
    rows = [
        (each[by.lower()], each["target"], short_id(each["run"]), clock.format(each["at"]), each["error"])
        for each in matches
    ]
    show_table((by, "RUNS", "RUN", "AT", "ERROR"), rows, elastic=("ERROR", "RUNS"), width=_WIDTH)
