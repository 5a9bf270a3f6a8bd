"""`stretto sensors`: lists, shows and restarts the sensors of a daemon, and prints their logs."""

from typing import TYPE_CHECKING

import click

from stretto.actors.cli.runs.options import NOTE, UTC, print_json, with_runs
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.cli.runs.times import Clock
from stretto.actors.cli.support.printable import echo_lines
from stretto.actors.operations import (
    RestartSensor,
    Sensor,
    SensorAnswer,
    SensorLogs,
    SensorLogsAnswer,
    Sensors,
    SensorsAnswer,
)

if TYPE_CHECKING:
    from stretto.actors.cli.runs.source import Source

_WIDTH = 120


@click.group()
def sensors() -> None:
    """List, show and restart the sensors of a daemon, and print their logs.

    Sensors are programs that the daemon runs, and that send it events.

    Exit codes: 0 done, 2 wrong usage or no such sensor, 3 the daemon cannot be used.
    """


@sensors.command("list")
@UTC
@with_runs
def list_(source: "Source", *, utc: bool, as_json: bool) -> None:
    """List the sensors with their states.

    With --json: [{sensor, status, dialect, pack, events, description, file, pid, started_at, restarts, failures, ended,
    accepted, duplicates, invalid, last_event, last_event_at}].
    """
    found = source.ask(Sensors(), SensorsAnswer).sensors
    if as_json:
        print_json(found)
        return
    headings = ("SENSOR", "STATUS", "DIALECT", "EVENTS", "RESTARTS", "LAST EVENT")
    clock = Clock(utc=utc)
    rows = [
        (
            each["sensor"], each["status"], each["dialect"], f"{each['accepted']:,}", f"{each['restarts']:,}",
            clock.format(each["last_event_at"]) or "-",
        )
        for each in found
    ]  # fmt: skip
    if rows:
        show_table(headings, rows, elastic=("SENSOR", "DIALECT"), width=_WIDTH)
    else:
        click.echo("no sensors: a definition with `sensor:` and `command:` makes one", err=True)


@sensors.command()
@click.argument("sensor")
@with_runs
def show(source: "Source", *, sensor: str, as_json: bool) -> None:
    """Show SENSOR with its process and its counts.

    With --json: the sensor as in `list --json`.
    """
    found = source.ask(Sensor(sensor), SensorAnswer).sensor
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['sensor']}  {found['status']}  {found['dialect']}")
    click.echo(f"file     {found['file']}")
    if found["events"]:
        click.echo(f"types    {', '.join(found['events'])}")
    if found["pid"] is not None:
        click.echo(f"process  {found['pid']}, started {found['started_at']}")
    click.echo(
        f"events   {found['accepted']:,} accepted, {found['duplicates']:,} duplicates, {found['invalid']:,} refused"
    )
    if found["last_event"] is not None:
        click.echo(f"last     {found['last_event']} at {found['last_event_at']}")
    click.echo(f"ends     {found['restarts']:,} restarts, {found['failures']:,} failures in a row")
    if found["ended"] is not None:
        echo_lines(f"ended    {found['ended']}")


@sensors.command()
@click.argument("sensor")
@click.option("--lines", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many lines.")
@with_runs
def logs(source: "Source", *, sensor: str, lines: int, as_json: bool) -> None:
    """Print the newest lines of what SENSOR has printed, and what the daemon has noted about it.

    With --json: {sensor, lines: [{at, stream, text}], left_out}.
    """
    found = source.ask(SensorLogs(sensor, lines), SensorLogsAnswer)
    if as_json:
        print_json({"sensor": found.sensor, "lines": found.lines, "left_out": found.left_out})
        return
    for line in found.lines:
        echo_lines(f"{line['at'][:19].replace('T', ' ')} {line['stream']}: {line['text']}")


@sensors.command()
@click.argument("sensor")
@NOTE
@with_runs
def restart(source: "Source", *, sensor: str, note: str | None, as_json: bool) -> None:
    """End the process of SENSOR, and start it anew without a wait.

    With --json: the sensor as in `list --json`.
    """
    found = source.ask(RestartSensor(sensor, note=note), SensorAnswer).sensor
    if as_json:
        print_json(found)
