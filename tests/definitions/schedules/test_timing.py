"""Intervals, dates, jitter, and the due times of a time that has passed."""

from itertools import pairwise, takewhile

from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.schedules import (
    Interval,
    Once,
    Timing,
    delay_of,
    due_times,
    find_zone,
    latest_times,
    read_cron,
)

NOW = 1_800_000_000
TIMINGS: list[Timing] = [
    Interval(1),
    Interval(7, start=3),
    Interval(86_400, start=NOW + 5),
    Once(NOW),
    read_cron("*/5 * * * *", find_zone("Europe/Berlin")),
    read_cron("0 3 * * mon", find_zone("America/Santiago")),
]


def test_an_interval_counts_from_its_start_both_ways() -> None:
    timing = Interval(10, start=100)
    assert [timing.next(after) for after in (69, 70, 99, 100, 101)] == [70, 80, 100, 110, 110]


def test_a_date_is_due_once() -> None:
    assert [Once(5).next(after) for after in (0, 4, 5, 6)] == [5, 5, None, None]


@given(st.sampled_from(TIMINGS), st.integers(0, 3_000_000), st.integers(1, 40))
def test_the_latest_times_are_the_end_of_all_times(timing: Timing, length: int, most: int) -> None:
    after = NOW - min(length, 3_000)
    every = list(takewhile(lambda due: due <= NOW, due_times(timing, after)))
    assert latest_times(timing, after, NOW, most) == every[-most:]


def test_the_latest_times_of_a_year_are_found_without_the_others() -> None:
    """The seconds of a year are 31 million."""
    looked_at = []

    class Noted(Interval):
        def next(self, after: int) -> int | None:
            looked_at.append(after)
            return super().next(after)

    assert latest_times(Noted(1), NOW - 31_536_000, NOW) == list(range(NOW - 999, NOW + 1))
    assert len(looked_at) < 5_000


@given(st.sampled_from(TIMINGS), st.integers(1, 100_000), st.text(max_size=20))
def test_jitter_delays_a_time_to_before_the_next(timing: Timing, jitter: int, ref: str) -> None:
    times = [due for due, _ in zip(due_times(timing, NOW - 1), range(5), strict=False)]
    starts = [due + delay_of(ref, timing, due, jitter) for due in times]
    assert all(start < later for start, later in pairwise(starts))
    assert all(due <= start < due + jitter for due, start in zip(times, starts, strict=True))
    assert starts == [due + delay_of(ref, timing, due, jitter) for due in times]


def test_jitter_spreads_schedules() -> None:
    delays = {round(delay_of(f"a.{number}", Interval(3600), NOW, 60)) for number in range(300)}
    assert len(delays) > 50
    assert delay_of("a.b", Interval(60), NOW, 0) == 0
