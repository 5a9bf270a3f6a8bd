"""`stretto runs list` and `stretto runs items`: one page at a time."""

from typing import Any, Final

import click
import msgspec

from stretto.actors.cli.runs.options import CURSOR, LIMIT, RUN, UTC, print_json, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.runs.tables import show_fields, show_table
from stretto.actors.cli.runs.times import Clock, between, format_seconds
from stretto.actors.operations import Item, ItemAnswer, Items, ItemsAnswer, Runs, RunsAnswer

STATUSES: Final = (
    *("running", "paused", "cancelling", "cleaning", "failing", "quarantined"),
    *("succeeded", "failed", "cancelled"),
)
OUTCOMES: Final = ("succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped")


@click.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs with this status.")
@click.option("--workflow", metavar="REF", help="Only runs of this workflow.")
@LIMIT
@CURSOR
@UTC
@with_runs
def list_runs(
    source: Source,
    *,
    status: str | None,
    workflow: str | None,
    limit: int,
    cursor: str | None,
    utc: bool,
    as_json: bool,
) -> None:
    """List runs, newest first, including those of sub-workflows.

    With --json: {"runs": [{id, workflow, status, accepted_at, ended_at, parent, rerun_of, rerun_scope, origin}],
    "next"}.
    """
    page = source.ask(Runs(status, workflow, cursor, limit), RunsAnswer)
    if as_json:
        print_json({"runs": page.runs, "next": page.next})
        return
    clock = Clock(utc=utc)
    headings = ("RUN", "WORKFLOW", "STATUS", "ACCEPTED", "TOOK", "CHILD OF", "RERUN OF")
    show_table(
        headings,
        [
            (
                run["id"], run["workflow"], run["status"], clock.format(run["accepted_at"]),
                between(run["accepted_at"], run["ended_at"]), run["parent"], run["rerun_of"],
            )
            for run in page.runs
        ],
    )  # fmt: skip
    show_cursor(page.next, empty=None if page.runs else "no runs")


@click.command()
@RUN
@click.option("--task", metavar="TASK", help="Only items of this task.")
@click.option(
    "--outcome", type=click.Choice(OUTCOMES), help="Only items with this outcome; `failed`: all but succeeded."
)
@click.option("--index", type=click.IntRange(min=0), help="With --task: show this item, with its result.")
@LIMIT
@CURSOR
@UTC
@with_runs
def items(
    source: Source,
    *,
    run: str,
    task: str | None,
    outcome: str | None,
    index: int | None,
    limit: int,
    cursor: str | None,
    utc: bool,
    as_json: bool,
) -> None:
    """List the ended items of RUN, one line per attempt, in the order in which they ended.

    TOOK is the time from the begin of the action to its end, "-" if it never began. With --json: {"items": [{task,
    visit, index, attempt, outcome, at, began_at, seconds, error}], "next"}; of one item: everything.
    """
    if index is not None:
        if task is None:
            raise click.UsageError("--index requires --task: it is the index of an item of that task")
        item = source.ask(Item(run, task, index), ItemAnswer).item
        print_json(item) if as_json else _show_item(item, Clock(utc=utc))
        return
    page = source.ask(Items(run, task, outcome, cursor, limit), ItemsAnswer)
    if as_json:
        print_json({"items": page.items, "next": page.next})
    else:
        show_items(page, Clock(utc=utc))


def show_items(page: ItemsAnswer, clock: Clock) -> None:
    """Print a page of items."""
    headings = ("TASK", "VISIT", "ITEM", "TRY", "OUTCOME", "AT", "TOOK", "ERROR")
    show_table(
        headings,
        [
            (
                item["task"], item["visit"], item["index"], item["attempt"], item["outcome"], clock.format(item["at"]),
                _took(item), item["error"]["message"] if "error" in item else None,
            )
            for item in page.items
        ],
    )  # fmt: skip
    if page.untimed:
        click.echo(
            '"-" in TOOK: runs that an earlier version of Stretto accepted lack the times of its items', err=True
        )
    show_cursor(page.next, empty=None if page.items else "no items")


def _took(item: dict[str, Any]) -> str:
    seconds = item.get("seconds")  # a daemon of an earlier version sends none
    return "-" if seconds is None else format_seconds(seconds)


def show_cursor(cursor: str | None, empty: str | None) -> None:
    """Print on standard error how to get the next page, or that there is nothing."""
    if cursor is not None:
        click.echo(f"more: --cursor {cursor}", err=True)
    elif empty is not None:
        click.echo(empty, err=True)


def _show_item(item: dict[str, Any], clock: Clock) -> None:
    show_fields(
        [
            ("task", item["task"]), ("visit", item["visit"]), ("item", item["index"]), ("try", item["attempt"]),
            ("outcome", item["outcome"]), ("began", clock.format(item.get("began_at")) or "-"),
            ("ended", clock.format(item["at"])), ("took", _took(item)),
        ]
    )  # fmt: skip
    for name in ("error", "result"):
        if item[name] is not None:
            click.echo(f"{name}:")
            click.echo(msgspec.json.format(msgspec.json.encode(item[name]), indent=2))
