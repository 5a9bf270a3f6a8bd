"""An extension moves the run's deadline, and nothing else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.conductor import IllegalTransition, Wait, WaitUntil
from stretto.definitions.conductor.events import Event, ExtensionRequested, RunTimedOut
from tests.support.driving import Drive, as_data
from tests.support.writing import workflow

TIMED = workflow({"name": "a"}, timeout=10)


def test_the_deadline_moves_by_the_seconds_of_each_extension() -> None:
    """The new timer is commanded, and the deadline is among the waits."""
    drive = Drive(TIMED)
    assert drive.on(ExtensionRequested(5, 1.0)) == [WaitUntil(RunTimedOut(15.0))]
    assert drive.on(ExtensionRequested(0.5, 2.0)) == [WaitUntil(RunTimedOut(15.5))]
    assert drive.conductor.timers() == [WaitUntil(RunTimedOut(15.5))]
    assert drive.conductor.waits()[-1] == Wait(kind="deadline", until=15.5)


def test_the_deadline_before_an_extension_passes_without_effect() -> None:
    """Its timer is not taken back. The error says how long the run was allowed to take."""
    drive = Drive(TIMED)
    drive.on(ExtensionRequested(5, 1.0))
    assert drive.on(RunTimedOut(10.0)) == []
    assert drive.conductor.status == "running"
    drive.on(RunTimedOut(15.0))
    assert drive.conductor.status == "failing"
    assert drive.conductor.errors()[0]["message"] == "the run took longer than 15 s"


def test_a_paused_run_is_extended() -> None:
    """Its deadline does not wait for a resume."""
    drive = Drive(TIMED)
    drive.pause()
    assert drive.on(ExtensionRequested(5, 2.0)) == [WaitUntil(RunTimedOut(15.0))]
    assert drive.conductor.status == "paused"


def cancelled() -> Drive:
    """Return a run that is being cancelled."""
    drive = Drive(TIMED)
    drive.cancel()
    return drive


def ended() -> Drive:
    """Return a run that has succeeded."""
    drive = Drive(TIMED)
    drive.completes("a")
    return drive


@pytest.mark.parametrize(
    ("drive", "seconds", "message"),
    [
        (Drive(workflow({"name": "a"})), 5, "the run has no timeout to extend"),
        (
            Drive(workflow({"name": "a"}, deadline=60)),
            5,
            "the run has no timeout to extend; its `deadline` cannot be extended",
        ),
        (cancelled(), 5, "cannot extend the timeout of a run that is cancelling"),
        (ended(), 5, "cannot extend the timeout of a run that is succeeded"),
        (Drive(TIMED), 0, "seconds must be a positive number up to 315,360,000, got 0"),
        (Drive(TIMED), -1, "got -1"),
        (Drive(TIMED), math.nan, "got nan"),
        (Drive(TIMED), math.inf, "got inf"),
    ],
)
def test_an_impossible_extension_changes_nothing(drive: Drive, seconds: float, message: str) -> None:
    """The error says why."""
    before = drive.conductor.timers()
    with pytest.raises(IllegalTransition, match=message):
        drive.conductor.on(ExtensionRequested(seconds, 9.0))
    assert drive.conductor.timers() == before


@given(st.lists(st.tuples(st.floats(0.001, 1e6), st.floats(0, 9)), max_size=8))
def test_replay_leads_to_the_same_deadline(extensions: list[tuple[float, float]]) -> None:
    """Whatever the extensions are, and with the timers that they outdate."""
    original, again = Drive(TIMED), Drive(TIMED)
    for seconds, at in sorted(extensions, key=lambda each: each[1]):
        outdated: Event = original.conductor.timers()[0].then
        original.on(ExtensionRequested(seconds, at))
        original.on(outdated)
    for event in original.events:
        again.on(event)
    assert list(map(as_data, again.commands)) == list(map(as_data, original.commands))
    assert again.conductor.timers() == original.conductor.timers()
    assert original.conductor.status == "running"
