"""What a schedule does at a time, as a pure function."""

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal import ScheduleState
from stretto.actors.schedules.planning import ON_TIME_SECONDS, plan
from stretto.definitions.schedules import Interval, Missed, MissedPolicy, Once, Schedule

NOW = 1_800_000_000


def state(after: int) -> ScheduleState:
    return ScheduleState(ref="a.b", timing="", after=after)


def schedule(seconds: int, policy: MissedPolicy = "one", most: int = 1, jitter: int = 0) -> Schedule:
    return Schedule(Interval(seconds), "", jitter=jitter, missed=Missed(policy, most))


def test_nothing_is_due_before_its_time() -> None:
    assert plan(schedule(100), state(NOW), NOW + 99.9) == ((), 0, NOW, NOW + 100)
    assert plan(schedule(100), state(NOW), NOW + 100.0) == ((NOW + 100,), 0, NOW + 100, NOW + 200)


def test_jitter_delays_the_start() -> None:
    with_jitter = schedule(100, jitter=50)
    starts_at = with_jitter.starts_at("a.b", NOW + 100)
    assert plan(with_jitter, state(NOW), starts_at - 0.01) == ((), 0, NOW, starts_at)
    assert plan(with_jitter, state(NOW), starts_at).start == (NOW + 100,)


def test_a_date_is_followed_by_nothing() -> None:
    assert plan(Schedule(Once(NOW), ""), state(NOW - 1), NOW) == ((NOW,), 0, NOW, None)
    assert plan(Schedule(Once(NOW), ""), state(NOW), NOW + 500) == ((), 0, NOW, None)


@given(
    st.integers(1, 200), st.sampled_from(["skip", "one", "all"]), st.integers(1, 5), st.integers(0, 900),
    st.integers(0, 100), st.integers(0, 900),
)  # fmt: skip
def test_each_due_time_is_started_or_counted_once(  # noqa: PLR0917 - what is drawn
    seconds: int, policy: MissedPolicy, most: int, first: int, jitter: int, second: int
) -> None:
    """However late it is looked at, and how often."""
    each = schedule(seconds, policy, most, jitter)
    started: list[int] = []
    left_out, after = 0, NOW
    for now in (NOW + first, NOW + first + second):
        planned = plan(each, state(after), now)
        started += planned.start
        left_out += planned.left_out
        after = planned.after
        if planned.wake_at is not None:
            assert planned.wake_at > now
    assert started == sorted(set(started))
    assert len(started) + left_out == len(range(NOW - NOW % seconds + seconds, after + 1, seconds))


@given(st.integers(1, 200), st.integers(0, 3_000))
def test_what_is_in_time_is_always_started(seconds: int, late: int) -> None:
    planned = plan(schedule(seconds, "skip"), state(NOW), NOW + late)
    in_time = [
        due
        for due in range(NOW - NOW % seconds + seconds, NOW + late + 1, seconds)
        if NOW + late - due <= ON_TIME_SECONDS
    ]
    assert list(planned.start) == in_time


def test_a_clock_that_was_set_back_waits_for_the_next_due_time() -> None:
    assert plan(schedule(100), state(NOW), NOW - 3_600) == ((), 0, NOW, NOW + 100)
