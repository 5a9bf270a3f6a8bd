"""`stretto rehearse SCHEDULE --since TIME --until TIME`: the runs of a schedule in a span, on virtual time."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import click

from stretto.actors.cli.support.exit_codes import FAILED, USAGE, give_up
from stretto.actors.cli.support.printable import echo_json, echo_lines

if TYPE_CHECKING:
    from stretto.actors.rehearsal import Rehearser, Scripted

TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


def rehearse_span(
    ref: str, rehearser: "Rehearser", script: "Scripted", *, since: datetime | None, until: datetime | None,
    as_json: bool,
) -> NoReturn:  # fmt: skip
    """Rehearse a schedule between two times in UTC, print its runs, and exit."""
    from stretto.actors.rehearsal import ScheduleRehearsal, rehearse_schedule, schedule_lines, schedule_object
    from stretto.definitions.errors import StrettoError

    if since is None or until is None:
        raise click.UsageError("a schedule is rehearsed from --since to --until: give both")
    if script.controls:
        raise click.UsageError("a schedule is rehearsed without `controls`: leave them out of the script")
    rehearsal = ScheduleRehearsal(
        schedule=ref, since=since.replace(tzinfo=UTC).timestamp(), until=until.replace(tzinfo=UTC).timestamp(),
        rules=script.rules,
    )  # fmt: skip
    try:
        rehearsed = rehearse_schedule(rehearsal, rehearser)
    except StrettoError as error:
        give_up(str(error), USAGE)
    if as_json:
        echo_json(schedule_object(rehearsal, rehearsed))
    else:
        echo_lines("\n".join(schedule_lines(rehearsal, rehearsed)))
    for number in rehearsed.unused:
        echo_lines(f"stretto: {script.places[number]}: warning: rule {number + 1} matched no attempt", err=True)
    wrong = {"failed", "not started"}
    sys.exit(FAILED if any(each.status in wrong for each in rehearsed.runs) else 0)
