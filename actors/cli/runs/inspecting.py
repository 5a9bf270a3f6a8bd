"""`stretto runs errors`, `history` and `definition`: what happened in a run, and by which definition."""

from typing import Any

import click
import msgspec

from stretto.actors.cli.runs.options import LIMIT, RUN, UTC, print_json, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.cli.runs.times import Clock
from stretto.actors.cli.support.printable import echo_json, echo_lines, one_line
from stretto.actors.operations import (
    Context,
    ContextAnswer,
    DefinitionAnswer,
    Errors,
    ErrorsAnswer,
    History,
    HistoryAnswer,
    RunDefinition,
)

_WIDTH = 100
"""The characters of an entry's fields that are shown."""


@click.command()
@RUN
@click.option("--task", metavar="TASK", help="Only items of this task.")
@UTC
@with_runs
def errors(source: Source, *, run: str, task: str | None, utc: bool, as_json: bool) -> None:
    """Show why items of RUN have not succeeded: like failures are one line, the most frequent first.

    Failures are alike if they have the same task, kind and place, and the same message but for numbers and ids. FIRST
    is the item that failed first. `stretto runs rerun --error-group GROUP` runs the items of a group. With --json:
    {"groups": [{id, task, kind, message, where, count, first, sample}], "others"}.
    """
    found = source.ask(Errors(run, task), ErrorsAnswer)
    if as_json:
        print_json({"groups": found.groups, "others": found.others})
        return
    clock = Clock(utc=utc)
    show_table(
        ("COUNT", "TASK", "KIND", "GROUP", "FIRST", "ENDED", "MESSAGE"),
        [
            (
                group["count"], group["task"], group["kind"], group["id"], group["first"]["index"],
                clock.format(group["first"]["at"]), f"{_place(group['where'])}{group['message']}",
            )
            for group in found.groups
        ],
    )  # fmt: skip
    if found.others:
        click.echo(f"and {found.others:,} other failed items", err=True)
    if not found.groups:
        click.echo("no failed items", err=True)


def _place(where: dict[str, Any] | None) -> str:
    return f"{where['file']}:{where['line']}:{where['column']}: " if where else ""


@click.command()
@RUN
@click.option("--after", type=click.IntRange(min=-1), default=-1, metavar="NUMBER", help="Continue after this entry.")
@click.option("--kind", metavar="TYPE", help="Only entries of this type, e.g. item_completed.")
@click.option("--task", metavar="TASK", help="Only entries of this task.")
@LIMIT
@UTC
@with_runs
def history(
    source: Source,
    *,
    run: str,
    after: int,
    kind: str | None,
    task: str | None,
    limit: int,
    utc: bool,
    as_json: bool,
) -> None:
    """List the entries of RUN in their order: everything that has happened in it.

    Secrets are masked. With --json: {"entries": [{number, type, ...}], "next"}, where a field above 64 KiB is
    {"$bytes": n}.
    """
    page = source.ask(History(run, after, kind, task, limit), HistoryAnswer)
    if as_json:
        print_json({"entries": page.entries, "next": page.next})
        return
    clock = Clock(utc=utc)
    shown = {"number", "type", "at", "task", "index"}
    rows = [
        (
            entry["number"], clock.format(entry.get("at")), entry["type"], entry.get("task"), entry.get("index"),
            _fields({name: value for name, value in entry.items() if name not in shown and value is not None}),
        )
        for entry in page.entries
    ]  # fmt: skip
    show_table(("NUMBER", "AT", "TYPE", "TASK", "INDEX", "FIELDS"), rows)
    if page.next is not None:
        click.echo(f"more: --after {page.next}", err=True)
    elif not page.entries:
        click.echo("no entries", err=True)


def _fields(fields: dict[str, Any]) -> str:
    text = one_line(msgspec.json.encode(fields).decode()) if fields else ""
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


@click.command()
@RUN
@with_runs
def definition(source: Source, *, run: str, as_json: bool) -> None:
    """Print the definition that RUN runs with, as it was when the run was accepted.

    If a daemon's workflow of the same ref is another one now, standard error says so. With --json: {ref, file, text,
    same_as_now}.
    """
    found = source.ask(RunDefinition(run), DefinitionAnswer).definition
    if as_json:
        print_json(found)
        return
    echo_lines(found["text"], nl=not found["text"].endswith("\n"))
    if found["same_as_now"] is False:
        click.echo(f"the definition of {found['ref']} is another one now", err=True)


@click.command()
@RUN
@click.argument("path", nargs=-1)
@click.option("--at", type=click.IntRange(min=-1), metavar="NUMBER", help="Behind this entry, not the last one.")
@with_runs
def context(source: Source, *, run: str, path: tuple[str, ...], at: int | None, as_json: bool) -> None:
    """Print the context of RUN, or the value that the names and indexes of PATH lead to.

    The context is {parameters, variables, tasks}, as expressions read it behind an entry of `stretto runs history`. A
    member without room in 64 KiB is {"$bytes": n}: a longer PATH leads into it. Secrets are masked.
    With --json: {at, value, bytes, left_out}.
    """
    found = source.ask(Context(run, at, path), ContextAnswer)
    if as_json:
        print_json({"at": found.at, "value": found.value, "bytes": found.bytes, "left_out": found.left_out})
        return
    echo_json(found.value, indent=2)
    if found.left_out:
        click.echo(f"and {found.left_out:,} more members: give their index or name", err=True)
