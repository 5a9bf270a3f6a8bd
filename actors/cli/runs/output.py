"""`stretto runs output`: what an item has written, at once or as it comes."""

import time
from typing import Any, Final

import click

from stretto.actors.cli.runs.options import RUN, TASK, print_json, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.support.exit_codes import INTERRUPTED, give_up
from stretto.actors.cli.support.printable import echo_lines
from stretto.actors.gateway import RequestRefused
from stretto.actors.operations import ItemOutput, OutputAnswer

FOLLOW_SECONDS: Final = 0.5
"""How often `--follow` asks for more."""


@click.command()
@RUN
@TASK
@click.argument("index", type=click.IntRange(min=0), default=0)
@click.option("--follow", is_flag=True, help="Print further output until the attempt ends.")
@with_runs
def output(source: Source, *, run: str, task: str, index: int, follow: bool, as_json: bool) -> None:
    """Print the output of item INDEX of TASK in RUN: so far, or of its last ended attempt.

    A task without items is item 0. Of a process, standard output goes to standard output and standard error to standard
    error, the newest part of each. Prints and log records of a function go to standard output, the newest 64 KiB.
    A terminal gets it without colours and control characters, a file or a pipe as it was written.

    With --json: {task, visit, index, attempt, outcome, stdout, stderr, truncated, cut}, with --follow a line for each
    change. `outcome` is null in flight, and `cut` bytes come before what is kept.
    """
    request = ItemOutput(run, task, index)
    shown = source.ask(request, OutputAnswer).output
    if as_json:
        print_json(shown)
    else:
        _show_first(shown)
    just_ended = False
    try:
        while follow and shown["outcome"] is None:
            time.sleep(FOLLOW_SECONDS)
            try:
                later = source.ask(request, OutputAnswer).output
            except RequestRefused as error:
                if error.refusal.code != "item_not_in_flight" or just_ended:
                    raise
                just_ended = True  # its end is known in a moment
                continue
            just_ended = False
            if _attempt_of(later) != _attempt_of(shown):
                click.echo(f"(attempt {shown['attempt']} has ended, and the next one has begun)", err=True)
                return
            if as_json and later != shown:
                print_json(later)
            elif not as_json:
                _show_news(shown, later)
            shown = later
    except KeyboardInterrupt:
        give_up(f"interrupted; the run {run} continues", INTERRUPTED)


def _attempt_of(shown: dict[str, Any]) -> tuple[int, int]:
    return shown["visit"], shown["attempt"]


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


def _show_news(shown: dict[str, Any], later: dict[str, Any]) -> None:
    for stream in ("stdout", "stderr"):
        news = further_text(shown[stream] or "", later[stream] or "")
        if news is None:
            click.echo("\n(some output is left out: it came faster than it was read)", err=True)
            news = later[stream]
        echo_lines(news or "", nl=False, err=stream == "stderr")


def further_text(shown: str, later: str) -> str | None:
    """Return what a later text has behind an earlier one, or None if it begins behind the end of that.

    Either is the newest part of the same output, so the later one may have lost its beginning.
    """
    if not later or later.startswith(shown):
        return later[len(shown) :]
    # The longest end of the earlier text that the later one begins with, by the prefix function of both.
    joined = [*later, None, *shown[-len(later) :]]
    lengths = [0] * len(joined)
    for at in range(1, len(joined)):
        length = lengths[at - 1]
        while length and joined[at] != joined[length]:
            length = lengths[length - 1]
        lengths[at] = length + (joined[at] == joined[length])
    return later[lengths[-1] :] if lengths[-1] else None
