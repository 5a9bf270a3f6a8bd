"""Schedules as plain data for people."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from stretto.actors.journal import ScheduleReader, ScheduleRow
from stretto.actors.schedules.held import Held, HeldSchedules
from stretto.actors.schedules.payloads import shown_time
from stretto.definitions.errors import StrettoError
from stretto.definitions.rules import Rule
from stretto.definitions.schedules import Once, Schedule, due_times
from stretto.metrics import ScheduleFigures

SHOWN_TIMES: Final = 5
"""The next due times in a schedule's report."""
STATUSES: Final = ("active", "paused", "disabled", "elsewhere")
MAX_TIMES: Final = 1_000
"""The most due times to ask for at once."""


class ScheduleElsewhere(StrettoError):
    """Another engine looks after the schedule, or none does yet."""

    code = "schedule_elsewhere"


def elsewhere_error(ref: str) -> ScheduleElsewhere:
    """Return the error of a schedule that is not this engine's."""
    return ScheduleElsewhere(
        f"the schedule {ref!r} is not looked after by this engine: ask the one that does, or try again in a moment"
    )


class ScheduleDisabled(StrettoError):
    """The schedule is disabled by its definition."""

    code = "schedule_disabled"


def disabled_error(rule: Rule) -> ScheduleDisabled:
    """Return the error of a schedule that is disabled."""
    return ScheduleDisabled(f"the schedule {rule.ref!r} is disabled: remove `enabled: false` from {rule.file}")


def check_count(count: int) -> int:
    """Return a number of due times to show. Raises `ValueError`."""
    if not 1 <= count <= MAX_TIMES:
        raise ValueError(f"count must be from 1 to {MAX_TIMES:,}, got {count:,}")
    return count


def next_times(rule: Rule, after: float, count: int) -> list[dict[str, Any]]:
    """Return the due times of a rule after a time.

    Args:
        rule: A rule with a schedule.
        after: Seconds since the epoch.
        count: The most times to return.

    Returns:
        [{due, starts_at}], in the time zone of the schedule.
    """
    schedule = rule.schedule
    if schedule is None:
        return []
    return [
        {
            "due": shown_time(due, schedule.zone),
            "starts_at": shown_time(round(schedule.starts_at(rule.ref, due), 3), schedule.zone),
        }
        for due in islice(due_times(schedule.timing, int(after)), count)
    ]  # fmt: skip


def with_stored(reader: ScheduleReader, schedules: Sequence[Held], now: float) -> list[dict[str, Any]]:
    """Return schedules, each of another engine as the store has it. Called on a reader's thread.

    Args:
        reader: Reads the store.
        schedules: The schedules.
        now: The time, in seconds since the epoch.
    """
    rows = {row.state.ref: row for row in reader.all() if row.owner is not None}
    found = []
    for each in schedules:
        ref = each.rule.ref
        row = rows.get(ref) if each.state is None and each.rule.enabled else None
        in_progress = len(each.running) if row is None else len(reader.in_progress(ref))
        found.append(schedule_as_json(each, now, row) | {"in_progress": in_progress})
    return found


def schedule_as_json(held: Held, now: float, elsewhere: ScheduleRow | None = None) -> dict[str, Any]:
    """Return a schedule with its next due times. `elsewhere` is its state at another engine, if that is known."""
    rule, schedule = held.rule, held.schedule
    state = held.state if elsewhere is None else elsewhere.state
    status = status_of(held) if elsewhere is None else "paused" if elsewhere.state.paused else "active"
    runs: dict[str, Any] = {
        "last_due": None,
        "last_run": None,
        "last_at": None,
        "started": 0,
        "missed": 0,
        "skipped": 0,
        "queued": None,
    }
    if state is not None:
        zone = schedule.zone
        runs = {
            "last_due": None if state.last_due is None else shown_time(state.last_due, zone),
            "last_run": state.last_run,
            "last_at": None if state.last_at is None else shown_time(state.last_at, zone),
            "started": state.started, "missed": state.missed, "skipped": state.skipped,
            "queued": None if state.queued is None else shown_time(state.queued, zone),
        }  # fmt: skip
    is_due = status == "active"
    return {
        "schedule": rule.ref, "status": status, "daemon": None if elsewhere is None else elsewhere.owner,
        "timing": _timing_text(schedule), "timezone": schedule.zone,
        "jitter": schedule.jitter, "missed_policy": missed_text(schedule), "overlap_policy": schedule.overlap,
        "target": rule.target, "description": rule.description, "file": rule.file,
        **runs,
        "in_progress": len(held.running),
        "next": [each["due"] for each in next_times(rule, now, SHOWN_TIMES)] if is_due else [],
    }  # fmt: skip


def _timing_text(schedule: Schedule) -> str:
    """Return when a schedule is due. The text of a date has seconds since the epoch, for comparisons."""
    timing = schedule.timing
    return f"at {shown_time(timing.at, schedule.zone)}" if isinstance(timing, Once) else schedule.text


def figures_of(schedules: HeldSchedules) -> ScheduleFigures:
    """Return the figures of all schedules. Called on any thread."""
    states = Counter(status_of(held) for held in tuple(schedules))
    return ScheduleFigures(states={name: states[name] for name in STATUSES}, due_times=dict(schedules.counts))


def missed_text(schedule: Schedule) -> str:
    """Return the policy of missed due times as text."""
    missed = schedule.missed
    return f"all up to {missed.most:,}" if missed.policy == "all" else missed.policy


def status_of(held: Held) -> str:
    """Return one of `STATUSES`."""
    if not held.rule.enabled:
        return "disabled"
    if held.state is None:
        return "elsewhere"
    return "paused" if held.state.paused else "active"
