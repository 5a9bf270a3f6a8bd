"""`stretto runs list` and `stretto runs items`: one page at a time."""

from typing import Any, Final, Literal

import click

from stretto.actors.cli.inputs import labels_of
from stretto.actors.cli.runs.options import CURSOR, LIMIT, RUN, UTC, find_run, print_json, short_id, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.runs.tables import show_fields, show_table
from stretto.actors.cli.runs.times import Clock, between, format_seconds, moment_of
from stretto.actors.cli.support.choices import Choice
from stretto.actors.cli.support.printable import echo_json
from stretto.actors.journal import OUTCOMES, STATUSES
from stretto.actors.operations import Item, ItemAnswer, Items, ItemsAnswer, Runs, RunsAnswer
from stretto.definitions.model import PRIORITIES, Priority

INTERRUPTED: Final = "interrupted"


@click.command("list")
@click.option(
    "--status", "statuses", type=Choice(STATUSES), multiple=True, metavar="STATUS",
    help=f"Only runs with this status, or with one of several: {', '.join(STATUSES)}.",
)  # fmt: skip
@click.option("--workflow", metavar="REF", help="Only runs of this workflow.")
@click.option(
    "--since", callback=moment_of, metavar="DURATION|TIME", help="Only runs accepted since, e.g. 2h or 2026-01-31."
)
@click.option("--until", callback=moment_of, metavar="DURATION|TIME", help="Only runs accepted before.")
@click.option(
    "--label", "labels", multiple=True, callback=labels_of, metavar="KEY=VALUE",
    help="Only runs with this label; several: with all of them.",
)  # fmt: skip
@click.option("--search", metavar="TEXT", help="Only runs with TEXT in the workflow's ref or in a label.")
@click.option("--by", metavar="NAME", help="Only runs that this token or user has started.")
@click.option("--priority", type=Choice(PRIORITIES), help="Only runs of this priority.")
@click.option("--parent", metavar="RUN", help="Only the runs of this run's sub-workflows.")
@click.option("--all", "everything", is_flag=True, help="List the runs of sub-workflows, too.")
@LIMIT
@CURSOR
@UTC
@with_runs
def list_runs(
    source: Source,
    *,
    statuses: tuple[str, ...],
    workflow: str | None,
    since: float | None,
    until: float | None,
    labels: dict[str, str] | None,
    search: str | None,
    by: str | None,
    priority: Priority | None,
    parent: str | None,
    everything: bool,
    limit: int,
    cursor: str | None,
    utc: bool,
    as_json: bool,
) -> None:
    """List runs, newest first. Those of sub-workflows are only counted, in CHILDREN.

    Ids are shown by their last 8 digits, by which other commands find the run. A run in a --store is "interrupted" if
    it has not ended, and no process has the store open: `stretto run --resume RUN` continues it.

    With --json: {"runs": [{id, workflow, status, accepted_at, ended_at, parent, rerun_of, rerun_scope, rerun_task,
    origin, labels, priority, requested_by, child_count, parent_item}], "next"}, with the whole ids; of an interrupted
    run also {interrupted: true}. parent_item is {task, visit, index}, or null.
    """
    children: Literal["listed", "folded"] = "listed" if everything or parent is not None else "folded"
    above = None if parent is None else find_run(source, parent)
    query = Runs(
        list(statuses) or None, workflow, since, labels, search, children, cursor, limit, until, above, by=by,
        priority=priority,
    )  # fmt: skip
    page = source.ask(query, RunsAnswer)
    source.mark_interrupted(page.runs)
    if as_json:
        print_json({"runs": page.runs, "next": page.next})
        return
    clock = Clock(utc=utc)
    headings = ("RUN", "WORKFLOW", "STATUS", "ACCEPTED", "TOOK", "CHILDREN", "CHILD OF", "ITEM", "RERUN OF", "LABELS")
    rows = [
        (
            short_id(run["id"]), run["workflow"], shown_status(run), clock.format(run["accepted_at"]),
            between(run["accepted_at"], run["ended_at"]), run.get("child_count") or None, short_id(run["parent"]),
            item_of_parent(run), short_id(run["rerun_of"]), format_labels(run.get("labels")),
        )
        for run in page.runs
    ]  # fmt: skip
    show_table(headings, rows, elastic=("WORKFLOW", "LABELS"))
    show_cursor(page.next, empty=None if page.runs else "no runs")


def shown_status(run: dict[str, Any]) -> str:
    """Return a run's status for people."""
    return INTERRUPTED if run.get(INTERRUPTED) else str(run["status"])


def item_of_parent(run: dict[str, Any]) -> str | None:
    """Return the item that a sub-workflow's run is for, as task[index], or None."""
    item = run.get("parent_item")
    return None if item is None else f"{item['task']}[{item['index']}]"


def format_labels(labels: dict[str, str] | None) -> str:
    """Return labels as KEY=VALUE, separated by spaces."""
    return " ".join(f"{key}={value}" for key, value in (labels or {}).items())


@click.command()
@RUN
@click.option("--task", metavar="TASK", help="Only items of this task.")
@click.option(
    "--outcome", "outcomes", type=Choice(OUTCOMES), multiple=True,
    help="Only attempts with this outcome, `failed`: all but succeeded; several: with one of them.",
)  # fmt: skip
@click.option("--visit", type=click.IntRange(min=1), help="Only items of this visit of the task.")
@click.option("--order", type=Choice(["ended", "index"]), default="ended", help="Sort by end or by index.")
@click.option("--min-attempts", type=click.IntRange(min=1), default=1, help="Only attempts with this number or more.")
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
    outcomes: tuple[str, ...],
    visit: int | None,
    order: Literal["ended", "index"],
    min_attempts: int,
    index: int | None,
    limit: int,
    cursor: str | None,
    utc: bool,
    as_json: bool,
) -> None:
    """List the ended items of RUN, one line per attempt, in the order in which they ended or of their indexes.

    TOOK is the time from the begin of the action to its end, "-" if it never began. With --json: {"items": [{task,
    visit, index, attempt, outcome, at, began_at, seconds, error}], "next"}; of one item: everything.
    """
    if index is not None:
        if task is None:
            raise click.UsageError("--index requires --task: it is the index of an item of that task")
        item = source.ask(Item(run, task, index, visit), ItemAnswer).item
        print_json(item) if as_json else _show_item(item, Clock(utc=utc))
        return
    query = Items(run, task, list(outcomes) or None, cursor, limit, visit, order, min_attempts)
    page = source.ask(query, ItemsAnswer)
    if as_json:
        print_json({"items": page.items, "next": page.next})
    else:
        show_items(page, Clock(utc=utc))


def show_items(page: ItemsAnswer, clock: Clock) -> None:
    """Print a page of items."""
    headings = ("TASK", "VISIT", "ITEM", "ATTEMPT", "OUTCOME", "AT", "TOOK", "ERROR")
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
            ("task", item["task"]), ("visit", item["visit"]), ("item", item["index"]), ("attempt", item["attempt"]),
            ("state", item.get("state")), ("outcome", item["outcome"]),
            ("began", clock.format(item.get("began_at")) or "-"),
            ("ended", clock.format(item["at"])), ("took", _took(item)),
        ]
    )  # fmt: skip
    for name in ("error", "result"):
        if item[name] is not None:
            click.echo(f"{name}:")
            echo_json(item[name], indent=2)
