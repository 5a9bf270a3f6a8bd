"""Trials of recovered runs: their ends, by time at the latest, and when the next suspect may be recovered."""

from pathlib import Path
from typing import Any

import pytest

from stretto.actors.engine.crashes import STEPS
from stretto.actors.engine.trials import TRIAL_SECONDS, Trials
from stretto.actors.journal.records import Suspicion
from stretto.actors.journal.replay_trace import RESTARTED, ReplayTrace
from stretto.actors.runs.recovery_messages import TrialsAged, TrialStepped

NOTED = Suspicion(run_id="s", noted_at=1.0)


class Reminded:
    """A clock that notes what it has to send, and the seconds until then."""

    def __init__(self) -> None:
        self.messages: list[tuple[float, Any]] = []

    def remind_after(self, seconds: float, _engine: Any, message: Any) -> None:
        self.messages.append((seconds, message))

    def take(self) -> tuple[float, Any]:
        """Return the one reminder."""
        ((seconds, message),) = self.messages
        self.messages = []
        return seconds, message


@pytest.fixture
def clock() -> Reminded:
    return Reminded()


@pytest.fixture
def trace(tmp_path: Path) -> ReplayTrace:
    return ReplayTrace(tmp_path / "trace")


@pytest.fixture
def trials(clock: Reminded, trace: ReplayTrace) -> Trials:
    engine: Any = None
    return Trials(engine, trace, clock.remind_after)


def test_the_trials_of_groups_end_by_time(trials: Trials, clock: Reminded) -> None:
    """One reminder a second serves all of them. Later ones end later, and then no reminder is left."""
    trials.begin_in_group("a")
    trials.begin_in_group("b")
    ended, lasted = [], 0.0
    while clock.messages:
        seconds, message = clock.take()
        assert message == TrialsAged()
        lasted += seconds
        ended.append(trials.age())
        if len(ended) == 3:
            trials.begin_in_group("c")
    assert ended == [*[frozenset()] * 9, {"a", "b"}, *[frozenset()] * 2, {"c"}]
    assert lasted == pytest.approx(TRIAL_SECONDS + 3.0)
    assert not trials.any_of_groups


def test_a_settled_run_is_not_on_trial(trials: Trials, clock: Reminded) -> None:
    """The reminder that is on its way finds nothing."""
    trials.begin_in_group("a")
    trials.begin_alone("s", 10.0)
    assert "a" in trials
    assert trials.suspects == ("s",)
    trials.end("a")
    trials.end("s")
    assert "a" not in trials
    assert "s" not in trials
    (_, aged), (_, stepped) = clock.messages
    assert aged == TrialsAged()
    assert trials.age() == frozenset()
    assert not trials.step(stepped)


def test_the_time_of_a_suspect_is_traced(trials: Trials, clock: Reminded, trace: ReplayTrace) -> None:
    """Its trial ends by time, too. After its share the next one may be recovered."""
    trace.begin(NOTED)
    trace.mark_restart("items")
    trials.begin_alone("s", 1.5)
    times, shared, lasted = [], [], 0.0
    while clock.messages:
        seconds, message = clock.take()
        lasted += seconds
        if trials.step(message):
            break
        times.append(lasted)
        assert trace.place_of(NOTED) == RESTARTED - len(times)
        shared.append(trials.has_had_its_share("s"))
    assert times == pytest.approx([step.seconds for step in STEPS[1:]])
    assert lasted == pytest.approx(TRIAL_SECONDS)
    assert shared == [step.seconds >= 1.5 for step in STEPS[1:]]
    assert "s" not in trials
    assert trials.has_had_its_share("s")


def test_only_the_last_suspect_is_traced(trials: Trials, clock: Reminded, trace: ReplayTrace, tmp_path: Path) -> None:
    """Time that goes by for another one leaves no mark in its trace."""
    trials.begin_alone("first", 0.0)
    trials.trace_next()
    trace.begin(NOTED)
    _, step = clock.take()
    assert not trials.step(step)
    found = ReplayTrace(tmp_path / "trace")
    assert found.place_of(NOTED) is None
    trace.mark_restart("items")
    clock.messages.clear()
    trials.begin_alone("s", 0.0)
    _, step = clock.take()
    assert not trials.step(step)
    assert found.place_of(NOTED) == RESTARTED - 1


def test_reminders_of_an_earlier_trial_are_ignored(trials: Trials, clock: Reminded) -> None:
    """Its supervisor may have crashed, and the run be recovered again."""
    trials.begin_alone("s", 10.0)
    _, earlier = clock.take()
    trials.end("s")
    trials.begin_alone("s", 10.0)
    assert not trials.step(TrialStepped("s", earlier.trial, len(STEPS)))
    assert trials.suspects == ("s",)


def test_a_share_of_no_time_is_over_at_once(trials: Trials) -> None:
    """Thousands of suspects do not wait for each other's reminders."""
    trials.begin_alone("s", 0.004)
    assert trials.has_had_its_share("s")
