"""What a crash says of the runs that were noted, and when it is enough for a quarantine."""

from pathlib import Path
from typing import Any

import pytest

from stretto.actors.engine.crashes import LONE_CRASHES, MOST_LONE_CRASHES, STEPS, cause_of_quarantine, judge_crash
from stretto.actors.engine.suspects import PAUSE_SECONDS
from stretto.actors.engine.trials import TRIAL_SECONDS
from stretto.actors.journal.records import Suspicion
from stretto.actors.journal.replay_trace import BEGINNING, FIRST_ENTRY, RESTARTED, ReplayTrace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace"


@pytest.fixture
def trace(path: Path) -> ReplayTrace:
    return ReplayTrace(path)


def noted(run_id: str = "r", at: float = 100.0, **more: Any) -> Suspicion:
    return Suspicion(run_id=run_id, noted_at=at, **more)


def judged(trace: ReplayTrace, *notes: Suspicion) -> list[Suspicion]:
    return list(judge_crash(notes, trace))


def test_runs_of_a_group_become_suspects_as_they_are(trace: ReplayTrace) -> None:
    """Whichever it was."""
    group = noted("a"), noted("b")
    assert judged(trace, *group) == list(group)


def test_the_run_whose_replay_crashed_is_the_only_one_to_blame(trace: ReplayTrace) -> None:
    """Restarted items of other suspects may be in flight."""
    last, other = noted("a", alone=True), noted("b", 90.0, among=True, shared=1)
    trace.begin(last)
    trace.mark(BEGINNING)
    assert judged(trace, last, other) == [noted("a", crashes=1, places=(BEGINNING,)), noted("b", 90.0, shared=1)]


def test_several_runs_share_a_crash_while_their_items_were_in_flight(trace: ReplayTrace) -> None:
    """None of them was alone."""
    last, other, waiting = noted("a", alone=True), noted("b", 90.0, among=True), noted("c", 80.0)
    trace.begin(last)
    trace.mark_restart("items")
    assert judged(trace, last, other, waiting) == [noted("a", shared=1), noted("b", 90.0, shared=1), waiting]


def test_the_only_run_with_items_in_flight_was_alone(trace: ReplayTrace) -> None:
    """Also if another suspect was recovered after it, and is settled."""
    assert judged(trace, noted(among=True)) == [noted(crashes=1)]


def test_crashes_of_other_kinds_are_not_in_a_row(trace: ReplayTrace) -> None:
    """A crash in a replay follows other reasons than one of an action."""
    last = noted(alone=True, crashes=2, places=(RESTARTED, RESTARTED - 1))
    trace.begin(last)
    trace.mark(FIRST_ENTRY)
    assert judged(trace, last) == [noted(crashes=3, places=(FIRST_ENTRY,))]


def test_an_unknown_place_leaves_what_is_known(trace: ReplayTrace) -> None:
    """The crash counts all the same."""
    assert judged(trace, noted(alone=True, crashes=1, places=(7,))) == [noted(crashes=2, places=(7,))]


@pytest.mark.parametrize("meanwhile", [noted("b", 200.0), noted("b", 200.0, pausing=True)])
def test_a_crash_elsewhere_ends_a_row(trace: ReplayTrace, meanwhile: Suspicion) -> None:
    """A kill from outside is as likely as the run's fault then."""
    first, _ = judged(trace, noted(crashes=2, places=(RESTARTED, RESTARTED)), meanwhile)
    assert first == noted()


def test_a_crash_in_the_pause_ends_a_row(trace: ReplayTrace) -> None:
    """The run was not even there."""
    assert judged(trace, noted(pausing=True, crashes=2, places=(7,))) == [noted()]


def test_a_crash_of_another_lone_suspect_leaves_the_crashes(trace: ReplayTrace) -> None:
    """Two poisonous runs must not save each other. But they are not at one place in a row."""
    last = noted("b", 200.0, alone=True)
    trace.begin(last)
    trace.mark(RESTARTED)
    first, _ = judged(trace, noted(crashes=2, places=(7,)), last)
    assert first == noted(crashes=2)


@pytest.mark.parametrize(
    ("crashes", "places", "quarantined"),
    [
        (1, (7,), False),
        (LONE_CRASHES, (7, 8), False),
        (3, (8, 7, 7), True),
        (MOST_LONE_CRASHES - 1, (7, 8), False),
        (MOST_LONE_CRASHES, (7, 8), True),
        (29, (), False),
        (30, (), True),
        (2, (RESTARTED,) * 2, False),
        (3, (RESTARTED,) * 3, True),
        (3, (RESTARTED, RESTARTED - 1, RESTARTED), False),
        (4, (RESTARTED, RESTARTED - 1, RESTARTED, RESTARTED), True),
        (4, (RESTARTED - 8, RESTARTED, RESTARTED, RESTARTED), True),
        (MOST_LONE_CRASHES, (RESTARTED - 8,) * 10, False),
        (29, (RESTARTED - 8,) * 29, False),
        (30, (RESTARTED - 8,) * 30, True),
        (30, (RESTARTED - 8,) * 4, True),
    ],
)
def test_the_crashes_that_quarantine_a_run(
    trace: ReplayTrace, crashes: int, places: tuple[int, ...], quarantined: bool
) -> None:
    """The sooner they came after its items were restarted, the fewer."""
    cause = cause_of_quarantine(noted(crashes=crashes, places=places), trace)
    assert (cause is not None) == quarantined


def test_the_cause_says_what_was_in_flight(trace: ReplayTrace, path: Path) -> None:
    """As far as it is known."""
    run = noted(crashes=3, places=(RESTARTED,) * 3)
    assert cause_of_quarantine(run, trace) == "the engine crashed 3 times soon after it alone had restarted its items"
    trace.begin(run)
    trace.mark_restart("item 4 of 'x'")
    assert (
        cause_of_quarantine(run, ReplayTrace(path))
        == "the engine crashed 3 times soon after it alone had restarted item 4 of 'x'"
    )


def test_kills_at_any_time_rarely_hit_each_row() -> None:
    """A kill that comes between the begin of the pause and the end of a step, at any time, hits the items by chance."""
    ends = [*(step.seconds for step in STEPS[1:]), TRIAL_SECONDS]
    for step, end in zip(STEPS, ends, strict=True):
        chance = (end / (PAUSE_SECONDS + end)) ** (step.crashes - 1)
        assert chance < 3e-5, step
