"""Rehearses a schedule: the due times of a span and the runs that they start, on virtual time.

The scheduler is the engine's own. The durations in the script decide which runs overlap.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stretto.actors.catalogue import Catalogue
from stretto.actors.rehearsal.definitions import with_schedule
from stretto.actors.rehearsal.executor import Conditions, Rehearser, Stage
from stretto.actors.rehearsal.script import Rule
from stretto.actors.rehearsal.transcript import whole
from stretto.actors.schedules import BeginSchedules, shown_time
from stretto.definitions.conductor import ENDED
from stretto.definitions.errors import StrettoError
from stretto.definitions.rules import SCHEDULE_EVENT, Event


class InvalidSpan(StrettoError):
    """A span of time to rehearse has no begin before its end."""

    code = "invalid_span"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRehearsal:
    """A span of a schedule to rehearse.

    Attributes:
        schedule: The ref of the schedule.
        since: The begin of the span, in seconds since the epoch. Due times after it start runs.
        until: Its end. Runs that are in progress then go on.
        keys: The key-value store, by the names that expressions read.
        rules: How actions end.
        catalogue: The definitions. By default the rehearser's.
        folder: Where the relative paths of files of items begin.
    """

    schedule: str
    since: float
    until: float
    keys: Mapping[str, Any] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    catalogue: Catalogue | None = None
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run of a due time.

    Attributes:
        due: The due time, in the zone of the schedule.
        started_at: When it was handled, in seconds since the epoch.
        status: The status of the run, or `not started`.
        seconds: How long the run took, or None if it has not ended.
        error: Why there is no run, or None.
    """

    due: str
    started_at: float
    status: str
    seconds: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class RehearsedSchedule:
    """The result of a rehearsed span.

    Attributes:
        schedule: The schedule at the end of the span, as `Engine.schedule` returns it.
        runs: Its runs, in the order of their start.
        unused: The rules that no attempt needed, counted from 0.
    """

    schedule: Mapping[str, Any]
    runs: Sequence[StartedRun]
    unused: Sequence[int]


def rehearse_schedule(rehearsal: ScheduleRehearsal, rehearser: Rehearser) -> RehearsedSchedule:
    """Rehearse a span of a schedule.

    Raises:
        InvalidSpan: The span does not begin before its end.
        UnknownRule: There is no such schedule.
        LimitExceeded: The rehearsal does not end within its bounds.
    """
    if not rehearsal.since < rehearsal.until:
        raise InvalidSpan("the span must begin before its end")
    catalogue = rehearsal.catalogue or rehearser.catalogue
    rule = catalogue.triggers.find_schedule(rehearsal.schedule)
    stage = Stage(
        Conditions(
            keys=rehearsal.keys, rules=rehearsal.rules, catalogue=with_schedule(catalogue, rule.ref),
            folder=rehearsal.folder, begin=rehearsal.since,
        ),
        rehearser,
    )  # fmt: skip
    shown: dict[str, Any] = {}

    def end_span() -> None:
        shown.update(stage.ask("schedule", rule.ref))
        stage.ask("pause_schedule", rule.ref)

    try:
        stage.tell(BeginSchedules())
        stage.take_steps(until=rehearsal.until, at_end=end_span)
        return RehearsedSchedule(shown, [_run(each, rule.ref, stage) for each in _due_events(stage)], stage.unused())
    finally:
        stage.dispatcher.stop()


def _due_events(stage: Stage) -> Sequence[Event]:
    return stage.journal.events.since(SCHEDULE_EVENT, 0.0).events


def _run(event: Event, ref: str, stage: Stage) -> StartedRun:
    """Return the run of a due time."""
    match = next((each for each in stage.journal.events.matches(event.id) if each.rule == ref), None)
    conductor = None if match is None else stage.conductors.get(match.run)
    if conductor is None:
        return StartedRun(_due_of(event), event.at, "not started", None, None if match is None else match.error)
    seconds = round(conductor.last_at - event.at, 6) if conductor.status in ENDED else None
    return StartedRun(_due_of(event), event.at, conductor.status, seconds, None)


def _due_of(event: Event) -> str:
    """Return the due time, which has a name of its own in each dialect."""
    return next(str(event.payload[name]) for name in ("due", "scheduled_at", "executed_at") if name in event.payload)


def schedule_object(rehearsal: ScheduleRehearsal, rehearsed: RehearsedSchedule) -> dict[str, Any]:
    """Return a rehearsed span as a JSON object."""
    shown = rehearsed.schedule
    zone = shown["timezone"]
    return {
        "schedule": shown["schedule"], "timing": shown["timing"], "timezone": zone,
        "since": shown_time(rehearsal.since, zone), "until": shown_time(rehearsal.until, zone),
        "runs": [
            {
                "due": each.due, "started_at": shown_time(each.started_at, zone), "status": each.status,
                "seconds": None if each.seconds is None else whole(each.seconds), "error": each.error,
            }
            for each in rehearsed.runs
        ],
        "missed": shown["missed"], "skipped": shown["skipped"], "queued": shown["queued"],
        "unused_rules": [number + 1 for number in rehearsed.unused],
    }  # fmt: skip


def schedule_lines(rehearsal: ScheduleRehearsal, rehearsed: RehearsedSchedule) -> Iterator[str]:
    """Yield the lines that show a rehearsed span."""
    shown = schedule_object(rehearsal, rehearsed)
    yield f"rehearsal of {shown['schedule']} ({shown['timing']}) from {shown['since']} to {shown['until']}"
    yield ""
    for run in shown["runs"]:
        lasted = "" if run["seconds"] is None else f" after {run['seconds']:g} s"
        late = "" if run["started_at"] == run["due"] else f", started at {run['started_at']}"
        error = "" if run["error"] is None else f": {run['error']}"
        yield f"  {run['due']}  {run['status']}{lasted}{late}{error}"
    yield f"{len(shown['runs']):,} started, {shown['missed']:,} missed, {shown['skipped']:,} skipped"
