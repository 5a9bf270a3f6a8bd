"""The scheduler on virtual time."""

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile
from typing import Any

import pytest

from stretto.actors.journal import NoJournal, Requester, Unrecordable
from stretto.actors.schedules import ScheduleDisabled, UnknownSchedule, figures_of
from stretto.definitions.dialects import Reader
from stretto.definitions.rules import Rule, read_trigger
from stretto.definitions.schedules import due_times
from stretto.definitions.source import compose
from tests.support.schedules import Day, instant, rule_of

HOURLY = "{cron: '0 * * * *'}"
BY = Requester(who="mira", via="cli", source="local")


@pytest.fixture
def day() -> Iterator[list[Day]]:
    """Close the days of a test."""
    days: list[Day] = []
    yield days
    for each in days:
        each.close()


def hours(*numbers: int) -> list[str]:
    return [f"2026-06-01T{number:02}:00:00+00:00" for number in numbers]


def begin(day: list[Day], schedule: str, start: str = "2026-06-01T00:30Z", more: str = "") -> Day:
    day.append(Day(start, rule_of(schedule, more=more)))
    return day[-1]


def test_each_due_time_starts_one_run(day: list[Day]) -> None:
    assert begin(day, HOURLY).run_until("2026-06-01T04:00Z") == hours(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("schedule", "year"),
    [
        ("{cron: '30 2 * * *', timezone: Europe/Berlin, jitter: 600}", 2026),
        ("{cron: '0 0 * * *', timezone: America/Santiago}", 2026),
        ("{cron: '0 0 29 2 *', timezone: Asia/Beirut}", 2028),
        ("{cron: '0 12 31 * *', timezone: Australia/Lord_Howe}", 2026),
        ("{cron: '0 */6 * * *', timezone: America/New_York}", 2026),
        ("{every: 7200}", 2026),
    ],
)
def test_a_year_on_virtual_time_starts_all_due_times(day: list[Day], schedule: str, year: int) -> None:
    """That they agree with the clocks of their zones is tested with `Cron`."""
    rule = rule_of(schedule)
    assert rule.schedule is not None
    each = begin(day, schedule, f"{year}-01-01T00:00Z")
    each.compares_clocks = False
    started = each.run_until(f"{year + 1}-01-02T00:00Z")
    begin_at, end = instant(f"{year}-01-01T00:00Z"), instant(f"{year + 1}-01-01T00:00Z")
    expected = list(takewhile(lambda due: due <= end, due_times(rule.schedule.timing, int(begin_at))))
    found = [instant(text) for text in started]
    assert [due for due in found if due <= end] == expected
    assert len(expected) >= 1


def test_a_date_in_the_past_is_never_due(day: list[Day]) -> None:
    assert begin(day, "{at: 2026-05-31T12:00:00Z}").run_until("2026-06-02T00:00Z") == []
    assert begin(day, "{at: 2026-06-01T12:00:00Z}").run_until("2026-06-02T00:00Z") == hours(12)


# ---- time that is missed


@pytest.mark.parametrize(
    ("policy", "made_up"),
    [
        ("skip", hours()),
        ("one", hours(9)),
        ("{all: 3}", hours(7, 8, 9)),
        ("{all: 1000}", hours(1, 2, 3, 4, 5, 6, 7, 8, 9)),
    ],
)
def test_what_was_missed_is_made_up_for_by_the_policy(day: list[Day], policy: str, made_up: list[str]) -> None:
    """The engine was suspended."""
    each = begin(day, f"{{cron: '0 * * * *', missed: {policy}}}")
    each.sleep("2026-06-01T09:30Z")
    assert each.run_until("2026-06-01T11:00Z") == [*made_up, *hours(10, 11)]
    assert each.ask("schedule", "tests.due")["missed"] == 9 - len(made_up)


def test_one_run_in_time_makes_up_for_those_before_it(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 * * * *', missed: one}")
    each.sleep("2026-06-01T09:00:30Z")
    assert each.run_until("2026-06-01T09:30Z") == hours(9)


def test_a_due_time_that_is_a_little_late_was_not_missed(day: list[Day]) -> None:
    """StackStorm dropped one that was late by 1.7 seconds."""
    each = begin(day, "{cron: '0 * * * *', missed: skip}")
    each.sleep("2026-06-01T01:00:01.7Z")
    assert each.run_until("2026-06-01T01:30Z") == hours(1)


def test_a_clock_that_is_set_forward_an_hour_misses_what_it_jumps_over(day: list[Day]) -> None:
    each = begin(day, HOURLY)
    assert each.run_until("2026-06-01T01:15Z") == hours(1)
    each.wall += 3600
    assert each.run_until("2026-06-01T04:00Z") == hours(2, 3, 4)
    assert each.ask("schedule", "tests.due")["missed"] == 0


def test_a_clock_that_is_set_back_an_hour_repeats_nothing(day: list[Day]) -> None:
    each = begin(day, HOURLY)
    assert each.run_until("2026-06-01T03:15Z") == hours(1, 2, 3)
    each.wall -= 3600
    assert each.run_until("2026-06-01T05:00Z") == hours(4, 5)


# ---- overlapping runs


def test_runs_may_overlap(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 * * * *', overlap: allow}")
    assert each.run_until("2026-06-01T03:00Z") == hours(1, 2, 3)
    assert each.ask("schedule", "tests.due")["in_progress"] == 3


def test_a_due_time_is_skipped_while_a_run_is_in_progress(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 * * * *', overlap: skip}")
    assert each.run_until("2026-06-01T03:00Z") == hours(1)
    each.end(*each.started.runs)
    assert each.run_until("2026-06-01T05:00Z") == hours(4)
    report = each.ask("schedule", "tests.due")
    assert (report["skipped"], report["started"]) == (3, 2)


def test_the_last_due_time_waits_for_the_end_of_a_run(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 * * * *', overlap: queue_one}")
    assert each.run_until("2026-06-01T03:30Z") == hours(1)
    assert each.ask("schedule", "tests.due")["queued"] == hours(3)[0]
    each.end(each.started.runs[0])
    assert each.started.due == hours(1, 3)
    assert each.ask("schedule", "tests.due")["queued"] is None
    each.end(each.started.runs[1])
    assert each.started.due == hours(1, 3)


def test_an_older_run_is_cancelled(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 * * * *', overlap: cancel_older}")
    assert each.run_until("2026-06-01T02:00Z") == hours(1, 2)
    assert each.started.cancelled == each.started.runs[:1]


# ---- requests


def test_a_paused_schedule_misses_nothing(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 * * * *', missed: {all: 10}}")
    assert each.run_until("2026-06-01T01:15Z") == hours(1)
    assert each.ask("pause", "tests.due", BY)["status"] == "paused"
    assert each.run_until("2026-06-01T04:15Z") == []
    assert each.ask("resume", "tests.due", BY)["status"] == "active"
    assert each.run_until("2026-06-01T05:15Z") == hours(5)


def test_a_schedule_is_triggered_by_hand_also_while_it_is_paused(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 * * * *', overlap: skip}")
    each.ask("pause", "tests.due", BY)
    first = each.ask("trigger", "tests.due", BY)
    second = each.ask("trigger", "tests.due", BY)
    assert [first["run"], second["run"]] == each.started.runs
    assert first["error"] is None
    assert each.ask("schedule", "tests.due")["last_run"] == second["run"]


def test_a_schedule_that_is_disabled_starts_nothing(day: list[Day]) -> None:
    each = begin(day, HOURLY, more="enabled: false\n")
    assert each.run_until("2026-06-01T05:00Z") == []
    assert each.ask("schedule", "tests.due")["status"] == "disabled"
    with pytest.raises(ScheduleDisabled, match=r"remove `enabled: false` from tests\.due\.yaml"):
        each.ask("trigger", "tests.due", BY)


def test_an_unknown_schedule_is_refused_with_the_nearest_name(day: list[Day]) -> None:
    each = begin(day, HOURLY)
    with pytest.raises(UnknownSchedule, match=r"there is no schedule 'tests\.dew'; did you mean 'tests\.due'"):
        each.ask("schedule", "tests.dew")


def test_the_next_times_are_shown_in_the_zone_of_the_schedule(day: list[Day]) -> None:
    each = begin(day, "{cron: '30 2 * * *', timezone: Europe/Berlin}")
    after = instant("2026-03-28T12:00Z")
    found = each.ask("times", "tests.due", after, 2)
    assert [time["due"] for time in found] == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert each.ask("schedule", "tests.due")["next"][0] == "2026-06-02T02:30:00+02:00"
    with pytest.raises(ValueError, match="count must be from 1 to 1,000, got 0"):
        each.ask("times", "tests.due", None, 0)


# ---- definitions that change


def test_another_timing_begins_when_it_is_loaded(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 0 1 1 *', missed: {all: 1000}}")
    each.run_until("2026-06-01T06:30Z")
    each.use(rule_of("{cron: '0 * * * *', missed: {all: 1000}}"))
    assert each.run_until("2026-06-01T08:30Z") == hours(7, 8)


def test_a_schedule_that_is_removed_starts_nothing_more(day: list[Day]) -> None:
    each = begin(day, HOURLY)
    each.run_until("2026-06-01T01:30Z")
    each.use()
    assert each.run_until("2026-06-01T06:30Z") == []
    assert each.ask("schedules") == []


def test_a_rule_whose_inputs_fail_has_no_run_and_says_why(day: list[Day]) -> None:
    day.append(Day("2026-06-01T00:30Z", rule_of(HOURLY, value="{{ payload.nothing.more }}")))
    found = day[-1].ask("trigger", "tests.due", BY)
    assert found["run"] is None
    assert "nothing" in found["error"]


class Refusing(NoJournal):
    """Refuses the event of a due time."""

    def __init__(self, refused: str) -> None:
        super().__init__()
        self._refused = refused

    def record(self, write: Any, notifications: Any = (), answers: Any = (), family: Any = None) -> None:
        event = None if write.accepted is None else write.accepted.event
        if event is None or self._refused not in event.payload["due"]:
            super().record(write, notifications, answers, family)
            return
        for answer, _value in answers:
            answer.fail(Unrecordable("refused"))


@pytest.mark.parametrize("overlap", ["allow", "skip"])
def test_a_due_time_whose_event_the_store_refuses_is_passed_over(day: list[Day], overlap: str) -> None:
    """Its run is not in progress, and the next due time comes."""
    rule = rule_of(f"{{cron: '0 * * * *', overlap: {overlap}}}")
    day.append(Day("2026-06-01T00:30Z", rule, journal=Refusing("T02:")))
    assert day[-1].run_until("2026-06-01T01:30Z") == hours(1)
    day[-1].end(*day[-1].started.runs)
    assert day[-1].run_until("2026-06-01T03:30Z") == hours(3)


def test_the_figures_count_what_became_of_due_times(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 * * * *', overlap: skip, missed: skip}")
    each.run_until("2026-06-01T02:00Z")
    each.sleep("2026-06-01T09:30Z")
    each.run_until("2026-06-01T09:45Z")
    figures = figures_of(each.held)
    assert figures.due_times == {"started": 1, "missed": 7, "skipped": 1, "queued": 0, "replaced": 0}
    assert figures.states == {"active": 1, "paused": 0, "disabled": 0, "elsewhere": 0}


def test_times_are_in_order_for_schedules_of_every_second(day: list[Day]) -> None:
    each = begin(day, "{every: 1}", "2026-06-01T00:00:00Z")
    found = [datetime.fromisoformat(text) for text in each.run_until("2026-06-01T00:10:00Z")]
    assert len(found) == 600
    assert found == sorted(set(found))


def test_a_schedule_that_is_added_again_has_missed_nothing(day: list[Day]) -> None:
    schedule = "{cron: '0 * * * *', missed: {all: 1000}}"
    each = begin(day, schedule)
    assert each.run_until("2026-06-01T01:30Z") == hours(1)
    each.use()
    each.run_until("2026-06-01T06:30Z")
    each.use(rule_of(schedule))
    assert each.run_until("2026-06-01T08:30Z") == hours(7, 8)


def test_a_schedule_knows_its_run_from_those_of_other_rules(day: list[Day]) -> None:
    """A rule that listens to all due times starts another run, and is listed before."""
    reader = Reader("all.yaml")
    listener = read_trigger(
        reader,
        compose("on: stretto.schedule\nrun: a.b\ninput: {due: '{{ payload.due }}'}", reader.file, reader.report),
    )
    assert isinstance(listener, Rule)
    each = begin(day, HOURLY)
    each.intake.use({"all": listener, "tests.due": rule_of(HOURLY)}, {})
    triggered = each.ask("trigger", "tests.due", BY)
    assert triggered["run"] == each.started.runs[1]
    assert each.ask("schedule", "tests.due")["last_run"] == each.started.runs[1]


def test_what_is_due_while_a_schedule_is_disabled_is_not_missed(day: list[Day]) -> None:
    each = begin(day, "{cron: '0 * * * *', missed: {all: 10}}", more="enabled: false\n")
    assert each.run_until("2026-06-01T05:30Z") == []
    each.use(rule_of("{cron: '0 * * * *', missed: {all: 10}}"))
    each.run_until("2026-06-01T07:30Z")
    assert each.started.due == hours(6, 7)
