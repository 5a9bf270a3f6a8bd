"""`stretto schedules`: lists, shows, pauses, resumes and triggers the schedules of a daemon."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.runs.options import NOTE, print_json, with_runs
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.operations import (
    PauseSchedule,
    ResumeSchedule,
    Schedule,
    ScheduleAnswer,
    Schedules,
    SchedulesAnswer,
    ScheduleTimes,
    ScheduleTimesAnswer,
    ScheduleTriggered,
    TriggerSchedule,
)

if TYPE_CHECKING:
    from stretto.actors.cli.runs.source import Source

_WIDTH = 120


@click.group()
def schedules() -> None:
    """List, show, pause, resume and trigger the schedules of a daemon.

    Schedules are definitions with `schedule:` and `run:`.

    Exit codes: 0 done, 2 wrong usage or no such schedule, 3 the daemon cannot be used.
    """


@schedules.command("list")
@with_runs
def list_(source: "Source", *, as_json: bool) -> None:
    """List the schedules with their states.

    With --json: [{schedule, status, daemon, timing, timezone, jitter, missed_policy, overlap_policy, target,
    description, file, last_due, last_run, last_at, started, missed, skipped, queued, in_progress, next}].
    """
    found = source.ask(Schedules(), SchedulesAnswer).schedules
    if as_json:
        print_json(found)
        return
    headings = ("SCHEDULE", "STATUS", "TIMING", "ZONE", "NEXT", "LAST RUN")
    rows = [
        (
            each["schedule"], each["status"], each["timing"], each["timezone"],
            _short(each["next"][0]) if each["next"] else "-", each["last_run"] or "-",
        )
        for each in found
    ]  # fmt: skip
    if rows:
        show_table(headings, rows, elastic=("SCHEDULE", "TIMING"), width=_WIDTH)
    else:
        click.echo("no schedules: a definition with `schedule:` and `run:` makes one", err=True)


@schedules.command()
@click.argument("schedule")
@with_runs
def show(source: "Source", *, schedule: str, as_json: bool) -> None:
    """Show SCHEDULE with its policies, what became of its due times, and the next ones.

    With --json: the schedule as in `list --json`.
    """
    _print(source.ask(Schedule(schedule), ScheduleAnswer).schedule, as_json=as_json)


@schedules.command("next")
@click.argument("schedule")
@click.option("--count", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many times to show.")
@click.option(
    "--after", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Show those after this time in UTC."
)
@with_runs
def next_(source: "Source", *, schedule: str, count: int, after: datetime | None, as_json: bool) -> None:
    """Show the next due times of SCHEDULE in its time zone.

    With --json: [{due, starts_at}]. Jitter makes the difference between the two.
    """
    since = None if after is None else after.replace(tzinfo=UTC).timestamp()
    times = source.ask(ScheduleTimes(schedule, since, count), ScheduleTimesAnswer).times
    if as_json:
        print_json(times)
        return
    for each in times:
        click.echo(each["due"])
    if not times:
        click.echo(f"{schedule} is never due again", err=True)


@schedules.command()
@click.argument("schedule")
@NOTE
@with_runs
def pause(source: "Source", *, schedule: str, note: str | None, as_json: bool) -> None:
    """Start no runs of SCHEDULE until it is resumed. Due times until then are not missed.

    With --json: the schedule as in `list --json`.
    """
    _print(source.ask(PauseSchedule(schedule, note=note), ScheduleAnswer).schedule, as_json=as_json)


@schedules.command()
@click.argument("schedule")
@NOTE
@with_runs
def resume(source: "Source", *, schedule: str, note: str | None, as_json: bool) -> None:
    """Start runs of SCHEDULE again, from its next due time on.

    With --json: the schedule as in `list --json`.
    """
    _print(source.ask(ResumeSchedule(schedule, note=note), ScheduleAnswer).schedule, as_json=as_json)


@schedules.command()
@click.argument("schedule")
@NOTE
@with_runs
def trigger(source: "Source", *, schedule: str, note: str | None, as_json: bool) -> None:
    """Start a run of SCHEDULE now, also while it is paused, and print its id.

    With --json: {schedule, run, error}.
    """
    triggered = source.ask(TriggerSchedule(schedule, note=note), ScheduleTriggered)
    if as_json:
        print_json({"schedule": triggered.schedule, "run": triggered.run, "error": triggered.error})
    elif triggered.run is not None:
        click.echo(triggered.run)
    else:
        raise click.ClickException(f"no run was started: {triggered.error}")


def _print(schedule: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(schedule)
        return
    jitter = f", jitter {schedule['jitter']} s" if schedule["jitter"] else ""
    click.echo(f"{schedule['schedule']}  {schedule['status']}  runs {schedule['target']}")
    if schedule["daemon"] is not None:
        click.echo(f"daemon   {schedule['daemon']}")
    click.echo(f"timing   {schedule['timing']}  {schedule['timezone']}{jitter}")
    click.echo(f"policies missed: {schedule['missed_policy']}, overlap: {schedule['overlap_policy']}")
    click.echo(
        f"runs     {schedule['started']:,} started, {schedule['missed']:,} missed, {schedule['skipped']:,} skipped, "
        f"{schedule['in_progress']:,} in progress"
    )
    if schedule["last_run"] is not None:
        click.echo(f"last     {schedule['last_run']} for {schedule['last_due']}")
    if schedule["queued"] is not None:
        click.echo(f"queued   {schedule['queued']}")
    for number, due in enumerate(schedule["next"]):
        click.echo(f"{'next' if number == 0 else '    '}     {due}")


def _short(time: str) -> str:
    return time[:16].replace("T", " ")
