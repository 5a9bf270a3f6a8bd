"""The commands of `stretto runs` that change something."""

from typing import TYPE_CHECKING

import click

from stretto.actors.cli.runs.options import INDEX, RUN, TASK, print_json, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.runs.times import seconds_of

if TYPE_CHECKING:
    from stretto.actors.journal import RerunScope


@click.command()
@RUN
@with_runs
def cancel(source: Source, *, run: str, as_json: bool) -> None:
    """End RUN by its cancellation policy; nothing new starts in it, nor in its sub-workflows."""
    source.cancel(run)
    _tell(run, "cancel", as_json=as_json)


@click.command()
@RUN
@with_runs
def pause(source: Source, *, run: str, as_json: bool) -> None:
    """Have RUN and its sub-workflows start nothing new; what runs goes on."""
    source.pause(run)
    _tell(run, "pause", as_json=as_json)


@click.command()
@RUN
@with_runs
def resume(source: Source, *, run: str, as_json: bool) -> None:
    """Let RUN, which is paused, and its sub-workflows go on."""
    source.resume(run)
    _tell(run, "resume", as_json=as_json)


@click.command()
@RUN
@click.option("--failed", is_flag=True, help="Keep what succeeded and does not follow on a failed task.")
@click.option("--failed-items", is_flag=True, help="Keep the items of failed tasks that succeeded, too.")
@with_runs
def rerun(source: Source, *, run: str, failed: bool, failed_items: bool, as_json: bool) -> None:
    """Do RUN, which has ended, again with its definition and inputs; print the new run's id.

    RUN itself stays as it was. In a --store, the daemon that opens it next performs the new run.
    With --json: {"run", "rerun_of", "rerun_scope"}.
    """
    if failed and failed_items:
        raise click.UsageError("--failed and --failed-items exclude each other")
    scope: RerunScope = "failed_items" if failed_items else "failed_tasks" if failed else "everything"
    new = source.rerun(run, scope)
    if as_json:
        print_json({"run": new, "rerun_of": run, "rerun_scope": scope})
    else:
        click.echo(new)


@click.command()
@RUN
@TASK
@INDEX
@with_runs
def skip(source: Source, *, run: str, task: str, index: int, as_json: bool) -> None:
    """Have item INDEX of TASK in RUN end without a result, as if it had succeeded."""
    source.skip_item(run, task, index)
    _tell(run, "skip", as_json=as_json, task=task, index=index)


@click.command()
@RUN
@TASK
@INDEX
@with_runs
def retry(source: Source, *, run: str, task: str, index: int, as_json: bool) -> None:
    """Try item INDEX of TASK in RUN again now: it has failed, or waits for its next try."""
    source.retry_item(run, task, index)
    _tell(run, "retry", as_json=as_json, task=task, index=index)


@click.command()
@RUN
@TASK
@click.argument("items", type=click.IntRange(min=1))
@with_runs
def concurrency(source: Source, *, run: str, task: str, items: int, as_json: bool) -> None:
    """Let so many ITEMS of TASK in RUN be in flight at once from now on; those that are, go on."""
    source.set_concurrency(run, task, items)
    _tell(run, "concurrency", as_json=as_json, task=task, items=items)


@click.command()
@click.option(
    "--older-than", callback=seconds_of, metavar="DURATION", help="Those that ended so long ago, as 30d or 12h."
)
@click.option("--keep", type=click.IntRange(min=0), metavar="NUMBER", help="Those beyond the newest NUMBER.")
@with_runs
def prune(source: Source, *, older_than: float | None, keep: int | None, as_json: bool) -> None:
    """Delete ended runs for good: those that are old, and those beyond a number.

    What belongs to a run in progress stays. With --json: {"deleted"}.
    """
    if older_than is None and keep is None:
        raise click.UsageError("which runs? Give --older-than DURATION, --keep NUMBER, or both")
    deleted = source.prune(older_than, keep)
    if as_json:
        print_json({"deleted": deleted})
    else:
        click.echo("1 run deleted" if deleted == 1 else f"{deleted:,} runs deleted")


def _tell(run: str, done: str, *, as_json: bool, **about: str | int) -> None:
    """Tell programs what was done; people, who have just said it, need no more than silence."""
    if as_json:
        print_json({"run": run, "done": done, **about})
