"""`stretto runs show`, `why` and `export`: one run."""

import sys
from typing import Any, Final

import click
import msgspec

from stretto.actors.cli.runs.listing import format_labels, item_of_parent, show_items, shown_status
from stretto.actors.cli.runs.options import CURSOR, LIMIT, RUN, UTC, print_json, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.runs.tables import show_fields, show_table
from stretto.actors.cli.runs.times import Clock, between
from stretto.actors.cli.support.choices import Choice
from stretto.actors.cli.support.printable import json_for, one_line
from stretto.actors.history import error_lines
from stretto.actors.operations import (
    Items,
    ItemsAnswer,
    Run,
    RunAnswer,
    Status,
    StatusAnswer,
    WaitsAnswer,
    Why,
)
from stretto.definitions.model import NORMAL

_COUNTS: Final = ("total", "succeeded", "failed")


@click.command()
@RUN
@click.option("--items", type=Choice(["failed", "all", "succeeded"]), help="Show its ended items, too.")
@LIMIT
@CURSOR
@UTC
@with_runs
def show(
    source: Source,
    *,
    run: str,
    items: str | None,
    limit: int,
    cursor: str | None,
    utc: bool,
    as_json: bool,
) -> None:
    """Show RUN: its inputs, output, errors and tasks with their items, and its deadline while it runs.

    Secrets are masked.

    --limit and --cursor apply to --items.

    With --json: {id, workflow, status, accepted_at, ended_at, parent, rerun_of, rerun_scope, rerun_task, origin,
    labels, priority, requested_by, child_count, parent_item, deadline, cancelled, inputs, output, errors, tasks,
    children}, of a quarantined run also {quarantine: {run, at, reason}}, of an interrupted run also {interrupted:
    true}, with --items also {items, next}. requested_by is {who, via}, cancelled {at, by, late}, parent_item {task,
    visit, index}, or null.
    """
    shown = source.ask(Run(run), RunAnswer).run
    source.mark_interrupted([shown])
    if shown["ended_at"] is None and "quarantine" not in shown:  # whose replay could crash this process as well
        shown["tasks"] = _with_counts(shown["tasks"], source.ask(Status(run), StatusAnswer).run["tasks"])
    page = None
    if items is not None:
        page = source.ask(Items(run, None, None if items == "all" else items, cursor, limit), ItemsAnswer)
    if as_json:
        print_json(shown if page is None else {**shown, "items": page.items, "next": page.next})
        return
    clock = Clock(utc=utc)
    _show_run(shown, clock)
    if page is not None:
        click.echo()
        show_items(page, clock)


def _with_counts(rows: list[dict[str, Any]], tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the visits of a run's tasks, those in progress with their present counts of items."""
    return [
        {**row, **{("items" if name == "total" else name): tasks[row["task"]]["items"][name] for name in _COUNTS}}
        if row["ended_at"] is None and tasks.get(row["task"], {}).get("visits") == row["visit"]
        else row
        for row in rows
    ]


def _further_children(run: dict[str, Any]) -> str | None:
    more = (run.get("child_count") or 0) - len(run["children"])
    return f"and {more:,} more: stretto runs list --parent {run['id']}" if more > 0 else None


def _unusual(priority: str | None) -> str | None:
    return None if priority == NORMAL else priority


def _canceller(cancelled: dict[str, Any] | None, clock: Clock) -> str | None:
    """Return who has cancelled a run, and when."""
    if cancelled is None:
        return None
    who = "its deadline" if cancelled["late"] else cancelled["by"] or "a request"
    return f"{who} (cancelled {clock.format(cancelled['at'])})"


def _show_run(run: dict[str, Any], clock: Clock) -> None:
    task = f" of {run['rerun_task']}" if run.get("rerun_task") else ""
    rerun = f"{run['rerun_of']} ({run['rerun_scope']}{task})" if run["rerun_of"] else None
    show_fields(
        [
            ("run", run["id"]), ("workflow", run["workflow"]), ("status", shown_status(run)),
            ("labels", format_labels(run.get("labels"))), ("priority", _unusual(run.get("priority"))),
            ("by", _starter(run.get("requested_by"))),
            ("accepted", clock.format(run["accepted_at"])), ("ended", clock.format(run["ended_at"])),
            ("took", between(run["accepted_at"], run["ended_at"])), ("deadline", clock.format(run.get("deadline"))),
            ("ended by", _canceller(run.get("cancelled"), clock)),
            ("child of", run["parent"]), ("for item", item_of_parent(run)),
            ("rerun of", rerun), ("origin", run["origin"]),
            ("inputs", _data(run["inputs"])), ("output", None if run["output"] is None else _data(run["output"])),
            ("waits", _quarantine_of(run) if "quarantine" in run and run["ended_at"] is None else None),
            *(("" if line.startswith(" ") else "error", line) for line in error_lines(run["errors"])),
            *(("child", child) for child in run["children"]),
            ("", _further_children(run)),
        ]
    )  # fmt: skip
    if run["tasks"]:
        click.echo()
    show_table(
        ("TASK", "VISIT", "STATUS", "STARTED", "TOOK", "ITEMS", "SUCCEEDED", "FAILED"),
        [
            (
                task["task"], task["visit"], task["status"], clock.format(task["started_at"]),
                between(task["started_at"], task["ended_at"]), task["items"], task["succeeded"], task["failed"],
            )
            for task in run["tasks"]
        ],
    )  # fmt: skip


@click.command()
@RUN
@click.argument("task", required=False)
@with_runs
def why(source: Source, *, run: str, task: str | None, as_json: bool) -> None:
    """Explain why RUN, or its TASK, is waiting: for items in flight, timers, joins, ...

    Of a RUN that has ended, explain how and where it failed.

    With --json: [{kind, text, ...}].
    """
    reasons = source.ask(Why(run, task), WaitsAnswer).reasons
    if as_json:
        print_json(reasons)
        return
    for reason in reasons:
        click.echo(one_line(reason["text"]))
    if not reasons:
        click.echo("no known waits", err=True)


@click.command()
@RUN
@with_runs
def export(source: Source, *, run: str, as_json: bool) -> None:
    """Print everything of RUN as one JSON object: its definition, inputs, tasks, output, and every entry.

    Secrets are masked. With --json: a line for the run, then a line for each entry.
    """
    head, entries = source.export(run)
    if as_json:
        print_json(head)
        for entry in entries:
            print_json(entry)
        return
    # Piece by piece: there may be more entries than fit into memory.
    on_terminal = sys.stdout.isatty()
    click.echo(json_for(on_terminal, msgspec.json.encode(head)[:-1] + b',"entries":['), nl=False)
    separator = b"\n"
    for entry in entries:
        click.echo(json_for(on_terminal, separator + msgspec.json.encode(entry)), nl=False)
        separator = b",\n"
    click.echo(b"\n]}")


def _quarantine_of(run: dict[str, Any]) -> str:
    above = "" if run["quarantine"]["run"] == run["id"] else f"the run {run['quarantine']['run']} above it is "
    return f"{above}{run['quarantine']['reason']}"


def _starter(requested_by: dict[str, str] | None) -> str:
    """Return who started a run, and how, for people."""
    return "" if requested_by is None else f"{requested_by['who']} ({requested_by['via']})"


def _data(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
