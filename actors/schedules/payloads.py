"""The event of a due time, with the payload that the dialect of its rule expects."""

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from stretto.actors.journal import new_event_id
from stretto.definitions.data import freeze
from stretto.definitions.rules import SCHEDULE_EVENT, Event, Rule, due_parameters
from stretto.definitions.schedules import Interval, Once, Schedule

_ATTUNE_TYPES: Final = {Interval: "interval", Once: "one_shot"}


def due_event(rule: Rule, schedule: Schedule, due: int, now: float, count: int) -> Event:
    """Return the event of a due time.

    Args:
        rule: The rule of the schedule.
        schedule: The schedule.
        due: The due time, or the time of a trigger by hand.
        now: The present time.
        count: The number of runs before it.
    """
    payload = _PAYLOADS[rule.dialect](rule.ref, schedule, due, now, count)
    return Event(
        id=new_event_id(), type=SCHEDULE_EVENT, payload=freeze(payload), at=now, source=f"schedule:{rule.ref}",
        origin="owner", parameters=due_parameters(rule.ref),
    )  # fmt: skip


def shown_time(instant: float, zone: str = "UTC") -> str:
    """Return a time in ISO 8601, as the clocks of a zone show it."""
    return datetime.fromtimestamp(instant, ZoneInfo(zone)).isoformat()


def _native(ref: str, schedule: Schedule, due: int, now: float, count: int) -> dict[str, Any]:
    return {
        "schedule": ref, "due": shown_time(due, schedule.zone), "late_seconds": round(max(now - due, 0.0), 3),
        "count": count + 1,
    }  # fmt: skip


def _stackstorm(_ref: str, _schedule: Schedule, due: int, _now: float, _count: int) -> dict[str, Any]:
    return {"executed_at": str(datetime.fromtimestamp(due, UTC)), "schedule": None}


def _attune(_ref: str, schedule: Schedule, due: int, now: float, count: int) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "type": _ATTUNE_TYPES.get(type(schedule.timing), "cron"), "fired_at": shown_time(now),
        "scheduled_at": shown_time(due), "timezone": schedule.zone, "execution_count": count + 1,
    }  # fmt: skip
    if isinstance(schedule.timing, Interval):
        payload["interval_seconds"] = schedule.timing.seconds
    if isinstance(schedule.timing, Once):
        payload["fire_at"] = shown_time(due)
    return payload


_PAYLOADS: Final = {"native": _native, "stackstorm": _stackstorm, "attune": _attune}
