"""The times at which items of a rate may start: never more than allowed in any window, for any sequence of events."""

from math import ceil, inf

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal import RatePortion
from stretto.actors.runs.rate_slots import OwnSlots, PortionSlots

INTERVAL = 0.25
"""A power of two: sums of it are exact."""


def most_in_any(seconds: float, starts: list[float]) -> int:
    """Return the most starts in any half-open window of so many seconds."""
    starts = sorted(starts)
    return max((sum(first <= each < first + seconds for each in starts) for first in starts), default=0)


def starts_of(slots: OwnSlots | PortionSlots, now: float) -> list[float]:
    """Start all items that may start now."""
    found = []
    while slots.usable(now):
        slots.take(now)
        found.append(now)
    return found


def test_items_start_one_interval_apart_and_a_burst_at_once() -> None:
    slots = OwnSlots(1.0, 3)
    assert len(starts_of(slots, 100.0)) == 3
    assert slots.opens_at(100.0) == 101.0
    assert starts_of(slots, 100.5) == []
    assert len(starts_of(slots, 101.0)) == 1
    assert len(starts_of(slots, 200.0)) == 3, "time without items gives no more than a burst"


def test_the_times_of_a_portion_end() -> None:
    slots = PortionSlots(1.0, 1)
    assert (slots.usable(0.0), slots.opens_at(0.0), slots.unused()) == (0, inf, None)
    slots.fill(RatePortion("k", 10.0, 2, 12.0), 9.0)
    assert (slots.usable(9.9), slots.opens_at(9.0)) == (0, 10.0)
    assert len(starts_of(slots, 10.0)) == 1
    assert slots.unused() == (11.0, 12.0)
    assert len(starts_of(slots, 11.9)) == 1
    assert slots.opens_at(12.0) == inf


def test_a_time_that_has_passed_is_lost() -> None:
    """Another engine has the times after it."""
    slots = PortionSlots(1.0, 1)
    slots.fill(RatePortion("k", 10.0, 3, 13.0), 10.0)
    assert (len(starts_of(slots, 12.5)), slots.lost, slots.left) == (1, 2, 0)


def test_times_are_dropped_when_the_clock_was_set_back_far() -> None:
    """The next portion has nearer ones."""
    slots = PortionSlots(1.0, 1)
    slots.fill(RatePortion("k", 10_000.0, 2, 10_002.0), 10_000.0)
    assert slots.opens_at(9_900.0) == 10_000.0, "others may have all times before it"
    assert slots.opens_at(6_400.0) == inf
    assert (slots.usable(6_400.0), slots.left) == (0, 0)
    slots.fill(RatePortion("k", 6_401.0, 1, 6_402.0), 6_400.0)
    assert len(starts_of(slots, 6_401.0)) == 1


def test_a_portion_that_comes_too_late_says_by_how_much() -> None:
    slots = PortionSlots(1.0, 1)
    slots.fill(RatePortion("k", 10.0, 1, 11.0), 13.0)
    assert (slots.usable(13.0), slots.late) == (0, 3.0)


STEPS = st.lists(st.integers(0, 40), max_size=60)
"""Sixteenths of a second between two looks."""


@given(st.integers(1, 6), STEPS, st.integers(1, 8))
def test_alone_never_more_start_than_allowed(burst: int, steps: list[int], limit: int) -> None:
    """At most `limit + burst - 1` in the time in which `limit` are due. A burst is always possible after it."""
    slots, now, starts = OwnSlots(INTERVAL, burst), 0.0, []
    for step in steps:
        now += step / 16
        starts += starts_of(slots, now)
    assert most_in_any(limit * INTERVAL, starts) <= limit + burst - 1
    assert len(starts_of(slots, now + burst * INTERVAL)) == burst


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 2), st.integers(1, 6)),
        st.tuples(st.just("look"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("sleep"), st.integers(0, 2), st.integers(0, 40)),
        st.tuples(st.just("return"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("die"), st.integers(0, 2), st.just(0)),
    ),
    max_size=120,
)


@given(st.integers(1, 6), EVENTS, st.integers(1, 8))
def test_engines_together_never_start_more_than_allowed(
    burst: int, events: list[tuple[str, int, int]], limit: int
) -> None:
    """At most `limit + burst` in the time in which `limit` are due, whichever engine is late, returns times or dies."""
    now, row, starts = 1000.0, 0.0, []
    engines = [PortionSlots(INTERVAL, burst) for _ in range(3)]
    for what, number, count in events:
        engine = engines[number]
        if what == "sleep":
            now += count / 16
        elif what == "ask" and not engine.left:
            first, row = max(row, now), max(row, now) + count * INTERVAL
            engine.fill(RatePortion("k", first, count, row), now)
        elif what == "look":
            starts += starts_of(engine, now)
        elif what == "return" and (unused := engine.unused()) is not None:
            row = unused[0] if row == unused[1] else row
            engines[number] = PortionSlots(INTERVAL, burst)
        elif what == "die":
            engines[number] = PortionSlots(INTERVAL, burst)
    assert most_in_any(limit * INTERVAL, starts) <= limit + burst


@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 40), st.integers(-200, 200)), max_size=40))
def test_a_clock_that_jumps_frees_no_more_than_a_burst(burst: int, steps: list[tuple[int, int]]) -> None:
    """By a true clock. Each jump ahead is one burst more at most, and a jump back none."""
    slots, now, offset, starts = OwnSlots(INTERVAL, burst), 0.0, 1000.0, []
    jumps = 0
    for step, jump in steps:
        now += step / 16
        offset += jump / 16
        jumps += jump > 0
        starts += starts_of(slots, now + offset)
    for seconds in (1.0, 4.0, 16.0):
        assert most_in_any(seconds, starts) <= ceil(seconds / INTERVAL) + burst * (1 + jumps)
