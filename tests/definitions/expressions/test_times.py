"""Times and durations: arithmetic on the event's time, formats, and refusals."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.evaluating import MANY, evaluate, failure_of

AT = 1_767_225_600.25  # 2026-01-01T00:00:00.250000Z

VALUES: list[tuple[str, Any]] = [
    ("date_add(now(), '1d 2h')", "2026-01-02T02:00:00.250000Z"),
    ("now()|date_add('-250ms')", "2026-01-01T00:00:00.000000Z"),
    ("now()|date_add(0.75)", "2026-01-01T00:00:01.000000Z"),
    ("date_add('2024-02-28T23:00:00-02:00', 'P1D')", "2024-03-01T01:00:00.000000Z"),
    ("date_diff(now(), '2026-01-01')", 0.25),
    ("'2026-01-01'|date_diff('2026-01-02T00:00:00Z')", -86400),
    ("timestamp(now())", AT),
    ("timestamp('1970-01-02')", 86400),
    ("duration('90s')", 90),
    ("duration('1.5h')", 5400),
    ("duration('1w1d')", 691200),
    ("duration('PT1H30M')", 5400),
    ("duration('-P1DT0.5S')", -86400.5),
    ("duration(12.5)", 12.5),
    ("to_datetime(0)", "1970-01-01T00:00:00.000000Z"),
    ("to_datetime('2026-01-31 12:30:00+01:00')", "2026-01-31T11:30:00.000000Z"),
    ("'31 Jan 2026 1:05 PM'|to_datetime('%d %b %Y %I:%M %p')", "2026-01-31T13:05:00.000000Z"),
    ("strftime('%Y%m%d-%H%M%S.%f %% %s', now())", "20260101-000000.250000 % 1767225600"),
    ("'%A %a %B %b %j %u %G-W%V %I %p %z %Z %F %T'|strftime(now())",
     "Thursday Thu January Jan 001 4 2026-W01 12 AM +0000 UTC 2026-01-01 00:00:00"),
]  # fmt: skip

REFUSALS = [
    (
        "date_add([], 1)",
        "date_add() takes a time, as RFC 3339 text or as seconds since 1970, got a value of type array",
    ),
    ("date_add('soon', 1)", "date_add() takes a time such as '2026-01-31T12:00:00Z', got 'soon'"),
    ("date_add(now(), 'soon')", "date_add() takes a duration, seconds, or text such as '90s', '1h30m' or 'PT1H30M'"),
    ("date_add(now(), '9999999w')", "date_add() stays within the years 1 to 9999"),
    ("date_add(now())", "date_add() takes (time, duration), got 1 arguments"),
    (
        "date_diff(1, null)",
        "date_diff() takes a time, as RFC 3339 text or as seconds since 1970, got a value of type null",
    ),
    ("duration('')", "duration() takes a duration"),
    ("duration('PT')", "duration() takes a duration"),
    ("duration('5')", "duration() takes a duration"),
    ("duration([1])", "got a value of type array"),
    ("timestamp(1e300)", "timestamp() takes a time from the years 1 to 9999, got 1e+300 seconds"),
    ("timestamp('a' * 65)", "timestamp() takes text of at most 64 characters here, got 65"),
    ("to_datetime('1', '%d.%m')", "to_datetime() takes a time in the format '%d.%m', got '1'"),
    ("to_datetime('1 1', '%d %d')", "to_datetime() takes a time in the format '%d %d'"),
    ("to_datetime('1', '%Q')", "to_datetime() knows no directive '%Q' in a format; there are: %%"),
    ("strftime('%', now())", "strftime() knows no directive '%' in a format"),
    ("strftime(now(), '%Y')", "strftime() takes a time such as '2026-01-31T12:00:00Z', got '%Y'"),
]

TIMES = st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1))  # noqa: DTZ001 - in UTC


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_function_gives_its_value(text: str, value: Any) -> None:
    """In either form, at the event's time."""
    assert evaluate(f"{{{{ {text} }}}}", at=AT) == value


@pytest.mark.parametrize(("text", "reason"), REFUSALS)
def test_a_refusal_names_the_function_and_what_is_wrong(text: str, reason: str) -> None:
    """So that the author finds it."""
    assert reason in failure_of(f"{{{{ {text} }}}}").reason


@given(TIMES, st.integers(-(10**9), 10**9))
@MANY
def test_the_difference_to_a_later_time_is_what_was_added(time: datetime, seconds: int) -> None:
    """For whole seconds."""
    text = "{{ date_add(workflow.t, workflow.s) | date_diff(workflow.t) }}"
    assert evaluate(text, t=time.isoformat(), s=seconds) == seconds


@given(TIMES)
@MANY
def test_a_timestamp_is_the_same_time(time: datetime) -> None:
    """Up to a few microseconds, which a number cannot hold."""
    seconds = evaluate("{{ timestamp(workflow.t) }}", t=time.isoformat())
    expected = (time.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)
    assert abs(seconds - expected) < 0.0001


@given(TIMES)
@MANY
def test_to_datetime_undoes_strftime(time: datetime) -> None:
    """With a format that has all of it."""
    text = "{{ '%d/%m/%Y %H:%M:%S.%f' | strftime(workflow.t) | to_datetime('%d/%m/%Y %H:%M:%S.%f') }}"
    assert evaluate(text, t=time.isoformat()) == time.isoformat(timespec="microseconds") + "Z"
