"""`stretto runs output`: what an item has written, at once or as it comes."""

from typing import Any, Final

import click

from stretto.actors.cli.runs.options import RUN, TASK, print_json, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.support.exit_codes import INTERRUPTED, give_up
from stretto.actors.cli.support.printable import echo_lines
from stretto.actors.operations import FollowOutput, ItemOutput, OutputAnswer

KEPT_CHARACTERS: Final = 65_536
"""The newest part of each stream in the lines of `--follow --json`."""
_STREAMS: Final = "stdout", "stderr"


@click.command()
@RUN
@TASK
@click.argument("index", type=click.IntRange(min=0), default=0)
@click.option("--attempt", type=click.IntRange(min=1), metavar="NUMBER", help="Print the output of this attempt.")
@click.option("--follow", is_flag=True, help="Print further output until the attempt ends.")
@with_runs
def output(
    source: Source, *, run: str, task: str, index: int, attempt: int | None, follow: bool, as_json: bool
) -> None:
    """Print the output of item INDEX of TASK in RUN: so far, or of its last ended attempt.

    A task without items is item 0. Of a process, standard output goes to standard output and standard error to standard
    error, the newest part of each. Prints and log records of a function go to standard output, the newest 64 KiB.
    A terminal gets it without colours and control characters, a file or a pipe as it was written.

    With --json: {task, visit, index, attempt, outcome, stdout, stderr, truncated, cut}, with --follow a line for each
    change. `outcome` is null in flight, and `cut` bytes come before what is kept.
    """
    if not follow:
        shown = source.ask(ItemOutput(run, task, index, attempt), OutputAnswer).output
        print_json(shown) if as_json else _show_first(shown)
        return
    try:
        for name, data, _ in source.follow(FollowOutput(run, task, index, attempt)):
            if as_json:
                shown = _report_of(data) if name == "output" else _with_news(shown, data)
                print_json(shown)
            elif name == "output":
                _show_first(data)
            elif name == "more":
                _show_news(data)
    except KeyboardInterrupt:
        give_up(f"interrupted; the run {run} continues", INTERRUPTED)


def _report_of(first: dict[str, Any]) -> dict[str, Any]:
    """Return the report in the first event, without the sizes of texts that follow."""
    return {name: value for name, value in first.items() if name != "characters"}


def _with_news(shown: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    """Return a report with what has come since: further text, of which the newest part is kept, or the outcome."""
    texts = {name: ((shown[name] or "") + news[name])[-KEPT_CHARACTERS:] for name in _STREAMS if news.get(name)}
    return {**shown, **texts, **({"outcome": news["outcome"]} if "outcome" in news else {})}


def _show_first(shown: dict[str, Any]) -> None:
    if shown["stdout"] is None and shown["stderr"] is None:
        why = "it has not written any so far, or is not captured" if shown["outcome"] is None else "none is kept"
        click.echo(f"no output: {why}", err=True)
    if shown["cut"] and not shown["stdout"]:
        limit = "the outputs of its run have more than engine.max_output_bytes"
        click.echo(f"... {shown['cut']:,} bytes before this are not kept: {limit}", err=True)
    elif shown["cut"]:
        click.echo(f"... {shown['cut']:,} bytes before this are not kept", err=True)
    elif shown["truncated"]:
        click.echo("(the beginning is cut off)", err=True)
    echo_lines(shown["stdout"] or "", nl=False)
    echo_lines(shown["stderr"] or "", nl=False, err=True)


def _show_news(news: dict[str, Any]) -> None:
    if news["left_out"]:
        click.echo("\n(some output is left out: it came faster than it was read)", err=True)
    for stream in _STREAMS:
        echo_lines(news[stream], nl=False, err=stream == "stderr")
