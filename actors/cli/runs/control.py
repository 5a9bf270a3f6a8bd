"""The commands of `stretto runs` that change something."""

from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import click
import msgspec

from stretto.actors.cli.inputs import labels_of
from stretto.actors.cli.runs.chosen_items import items_of
from stretto.actors.cli.runs.options import NOTE, RUN, print_json, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.runs.times import seconds_of
from stretto.actors.operations import (
    CONTROLS,
    TASK_CONTROLS,
    Accepted,
    Cancel,
    ControlRequest,
    DeleteRun,
    Done,
    FindRun,
    Found,
    PreviewAnswer,
    PreviewCancel,
    PreviewPrune,
    PreviewRerun,
    Prune,
    Pruned,
    Recover,
    Rerun,
    RunControl,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from stretto.actors.journal import RerunScope


@click.command()
@RUN
@click.option("--failed", is_flag=True, help="Run only failed tasks and what follows them.")
@click.option(
    "--failed-items", is_flag=True, help="Run only failed items, also those within max_failures, and what follows them."
)
@click.option("--task", metavar="TASK", help="With --failed-items: only the failed items of this task.")
@click.option(
    "--items",
    "chosen",
    multiple=True,
    metavar="TASK=RANGES",
    help="Run only these items and what follows them, e.g. check=0-9,42. Repeat it for further tasks.",
)
@click.option("--error-group", metavar="ID", help="Run only the items of a group of `runs errors --json`.")
@click.option(
    "--label", "labels", multiple=True, callback=labels_of, metavar="KEY=VALUE",
    help="Label of the new run, in place of the labels of RUN. Repeat it for further ones.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only show how many tasks and items would run again.")
@NOTE
@with_runs
def rerun(
    source: Source,
    *,
    run: str,
    failed: bool,
    failed_items: bool,
    task: str | None,
    chosen: tuple[str, ...],
    error_group: str | None,
    labels: dict[str, str] | None,
    dry_run: bool,
    note: str | None,
    as_json: bool,
) -> None:
    """Run an ended RUN again with its definition and inputs. Print the new run's id.

    With --items and --error-group, all other items are taken over as they ended. RUN itself does not change. In a
    --store, the next daemon that opens it starts the new run. It has the labels of RUN, unless --label gives others.
    With --json: {"run", "rerun_of", "rerun_scope", "rerun_task"}, with --dry-run {"tasks", "items"}.
    """
    parts = {"--failed": failed, "--failed-items": failed_items, "--items": chosen, "--error-group": error_group}
    given = [option for option, value in parts.items() if value]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other")
    if task is not None and not failed_items:
        raise click.UsageError("--task needs --failed-items: it is the only task whose failed items run")
    scope: RerunScope = "failed_items" if failed_items else "failed_tasks" if failed else "everything"
    if chosen or error_group:
        scope = "items"
    fields = run, scope, task, items_of(chosen), error_group
    if dry_run:
        preview = source.ask(PreviewRerun(*fields), PreviewAnswer).preview
        text = f"{_counted(preview['tasks'], 'task')} with {_counted(preview['items'], 'item')} would run again"
        print_json(preview) if as_json else click.echo(text)
        return
    new = source.ask(Rerun(*fields, labels=labels, note=note), Accepted).run
    if as_json:
        print_json({"run": new, "rerun_of": run, "rerun_scope": scope, "rerun_task": task})
    else:
        click.echo(new)


@click.command()
@RUN
@NOTE
@with_runs
def recover(source: Source, *, run: str, note: str | None, as_json: bool) -> None:
    """Try again to recover RUN, which is quarantined because it crashed the daemon while it was being recovered.

    The runs below it are recovered, too. In a --store, the next daemon that opens it recovers them.
    With --json: {"run", "done"}.
    """
    source.ask(Recover(run, note=note), Done)
    if as_json:
        print_json({"run": run, "done": "recover"})


@click.command()
@click.option(
    "--older-than", callback=seconds_of, metavar="DURATION", help="Runs that ended longer ago, e.g. 30d, 12h."
)
@click.option("--keep", type=click.IntRange(min=0), metavar="NUMBER", help="All but the newest NUMBER.")
@click.option("--dry-run", is_flag=True, help="Only say how many runs would be deleted.")
@NOTE
@with_runs
def prune(
    source: Source, *, older_than: float | None, keep: int | None, dry_run: bool, note: str | None, as_json: bool
) -> None:
    """Delete ended runs permanently: old ones, and those beyond a number.

    Runs that belong to a run in progress stay. With --json: {"deleted"}, or {"would_delete"} of a --dry-run.
    """
    if older_than is None and keep is None:
        raise click.UsageError("no runs selected: give --older-than DURATION, --keep NUMBER, or both")
    if dry_run:
        found = source.ask(PreviewPrune(older_than, keep), Pruned).runs
        if as_json:
            print_json({"would_delete": found})
        else:
            click.echo(f"{_counted(found, 'run')} would be deleted")
        return
    deleted = source.ask(Prune(older_than, keep, note=note), Pruned).runs
    if as_json:
        print_json({"deleted": deleted})
    else:
        click.echo(f"{_counted(deleted, 'run')} deleted")


@click.command()
@RUN
@click.option("--yes", is_flag=True, help="Do not ask.")
@NOTE
@with_runs
def delete(source: Source, *, run: str, yes: bool, note: str | None, as_json: bool) -> None:
    """Delete RUN and the runs of its sub-workflows permanently. It must have ended.

    A run on which a run in progress depends stays. With --json: {"run", "done"}.
    """
    if not yes:
        source.ask(FindRun(run), Found)  # before the question, which would be about a run that there is not
        click.confirm(f"Delete the run {run} and the runs of its sub-workflows permanently?", abort=True, err=True)
    source.ask(DeleteRun(run, note=note), Done)
    if as_json:
        print_json({"run": run, "done": "delete"})


# ---- the commands of the table


def _command_of(control: RunControl) -> click.Command:
    """Return a control's command: RUN, then the request's other fields as arguments, but for the note.

    With `--task` it sends the request of `TASK_CONTROLS` with the same command.
    """
    _run, *others, _note = msgspec.inspect.type_info(control.request).fields  # type: ignore[attr-defined]
    fields = list(map(_argument_of, others))

    of_task = TASK_CONTROLS.get(control.command)

    def change(source: Source, *, run: str, note: str | None, as_json: bool, **given: Any) -> None:
        if given.get("dry_run"):
            if given["only"] is not None:
                raise click.UsageError("--dry-run counts what a cancellation of the whole run stops: leave out --task")
            _preview_cancel(source, run, as_json=as_json)
            return
        values = {name: given[name] for name, _ in fields}
        request: Callable[..., ControlRequest] = control.request
        if of_task is not None and given["only"] is not None:
            request, values = of_task, {"task": given["only"]}
        source.control(request(run, *values.values(), note=note))
        if as_json:
            print_json({"run": run, "done": control.command, **values})

    command = NOTE(with_runs(change))
    if of_task is not None:
        described = f"Only the task TASK: {(of_task.__doc__ or '').partition(': ')[2]}"
        command = click.option("--task", "only", metavar="TASK", help=described)(command)
    if control.request is Cancel:
        command = click.option("--dry-run", is_flag=True, help="Only show what a cancellation would stop.")(command)
    for name, kind in reversed(fields):
        command = click.argument(name, type=kind)(command)
    return click.command(control.command, help=cleandoc(control.request.__doc__ or ""))(RUN(command))


def _preview_cancel(source: Source, run: str, *, as_json: bool) -> None:
    """Print what a cancellation of a run would stop."""
    preview = source.ask(PreviewCancel(run), PreviewAnswer).preview
    if as_json:
        print_json(preview)
        return
    done = "be stopped" if preview["policy"] == "cancel_running" else "finish"
    click.echo(
        f"{_counted(preview['items'], 'item')} in flight would {done}, {preview['not_started']:,} would not start "
        f"({preview['policy']})"
    )


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def _argument_of(field: msgspec.inspect.Field) -> "tuple[str, click.ParamType[Any]]":
    """Return a field's name on the command line (its `title`, if it has one), and its type with its bounds."""
    name, kind = field.name, field.type
    if isinstance(kind, msgspec.inspect.Metadata):
        name = (kind.extra_json_schema or {}).get("title", name)
        kind = kind.type
    if isinstance(kind, msgspec.inspect.IntType):
        return name, click.IntRange(min=kind.ge)
    if isinstance(kind, msgspec.inspect.FloatType):
        return name, click.FloatRange(min=kind.gt, min_open=True)
    return name, click.STRING


# The control of a run replaces that of its tasks, which it has with `--task`.
COMMANDS = {control.command: _command_of(control) for control in CONTROLS}
"""The commands that `operations.CONTROLS` has, by name."""
