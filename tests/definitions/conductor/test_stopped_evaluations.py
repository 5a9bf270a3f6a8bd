"""After a stopped evaluation a run fails, and evaluates nothing more, whatever comes."""

from collections.abc import Iterator
from typing import Any, NoReturn
from unittest import mock

import pytest

from stretto.definitions.conductor import (
    Conductor,
    DelayElapsed,
    EvaluationStopped,
    FinishRun,
    IllegalTransition,
    ItemCompleted,
    ResumeRequested,
)
from stretto.definitions.dialects import read_as_orquesta
from stretto.definitions.errors import Place
from stretto.definitions.expressions import scope
from stretto.definitions.model.parameters import bind
from tests.support.driving import Drive
from tests.support.writing import then, workflow

PLACE = Place("test.yaml", 7, 3)
MESSAGE = "the evaluation was stopped because it took longer than its limit of 2 s"
EVALUATING = workflow(
    {"name": "a", "next": [then("b", when="{{ now() }}", x="{{ now() }}")]},
    {"name": "b", "with_items": "{{ [now()] }}"},
    {"name": "cleanup", "input": {"x": "{{ now() }}"}},
    output_map={"x": "{{ now() }}"},
    on_cancel="cleanup",
)


def stopped(at: float = 1.0, *, begun: bool = True) -> EvaluationStopped:
    """Return the event."""
    return EvaluationStopped(PLACE, "now()", 2.0, begun, at)


@pytest.fixture
def _no_evaluation() -> Iterator[None]:
    """Let every call of `now()` fail the test."""

    def never(_context: Any) -> NoReturn:
        raise AssertionError("an expression was evaluated after the stop")

    with mock.patch.object(scope._RESOLVABLE["now"], "call", never):
        yield


def ends_failed(conductor: Conductor, commands: list[Any]) -> None:
    """Check that the run has failed with the limit's error, and no output."""
    finish = commands[-1]
    assert isinstance(finish, FinishRun)
    assert (conductor.status, finish.status, finish.output) == ("failed", "failed", None)
    (error,) = [error for error in finish.errors if error["code"] == "limit_exceeded"]
    assert (error["message"], error["expression"]) == (MESSAGE, "now()")
    assert error["where"] == PLACE.as_json()


@pytest.mark.usefixtures("_no_evaluation")
@pytest.mark.parametrize("status", ["running", "paused", "cancelling", "failing"])
def test_the_run_fails_from_any_status(status: str) -> None:
    """The event behind the stop settles its item, and nothing is evaluated for it."""
    drive = Drive(EVALUATING)
    if status == "paused":
        drive.pause()
    elif status == "cancelling":
        drive.cancel()
    elif status == "failing":
        drive.on(stopped(0.5))
    assert drive.conductor.status == status
    if status != "failing":
        drive.on(stopped())
    assert drive.conductor.status == "failing"
    commands = drive.conductor.on(ItemCompleted("a", 1, 0, 1, "succeeded", None, None, 2.0))
    ends_failed(drive.conductor, commands)
    assert drive.conductor.on(stopped(3.0)) == []


@pytest.mark.usefixtures("_no_evaluation")
def test_a_run_that_was_about_to_begin_ends_at_once() -> None:
    """No task starts. `begin` need not be called any more."""
    read = Drive(workflow({"name": "a"})).workflow
    conductor = Conductor(read, "run", bind(read, {}), 0.0)
    ends_failed(conductor, conductor.on(stopped(begun=False)))
    assert conductor.outstanding() == []


def test_a_cleanup_is_not_run() -> None:
    """It would evaluate expressions. The run is cancelled by the request that came after the stop."""
    drive = Drive(EVALUATING)
    drive.on(stopped())
    drive.cancel()
    commands = drive.conductor.on(ItemCompleted("a", 1, 0, 1, "succeeded", None, None, 2.0))
    assert [type(command).__name__ for command in commands] == ["TaskEnded", "FinishRun"]
    assert drive.conductor.status == "cancelled"


def test_a_delay_ends_with_the_run() -> None:
    """Its task never starts, and its timer comes in vain."""
    drive = Drive(workflow({"name": "a", "delay": 5}))
    ends_failed(drive.conductor, drive.on(stopped()))
    assert drive.conductor.on(DelayElapsed("a", 1, 5.0)) == []


def test_items_in_flight_may_not_be_resumed() -> None:
    """A recovery cancels them."""
    drive = Drive(EVALUATING)
    (start,) = drive.conductor.outstanding()
    assert drive.conductor.may_resume(start)
    drive.on(stopped())
    assert not drive.conductor.may_resume(start)


ORQUESTA = """
version: "1.0"
tasks:
  one: {action: core.noop, next: [{when: "<% succeeded() %>", publish: [{x: 1}], do: two}]}
  two: {action: core.noop}
output: [{x: "<% ctx().x %>"}]
"""


def test_orquesta_follows_no_transition_after_a_stop() -> None:
    """Although it does after any other failure."""
    read = read_as_orquesta(ORQUESTA, "test.yaml").workflow
    assert read is not None
    conductor = Conductor(read, "run", bind(read, {}), 0.0)
    conductor.begin()
    conductor.on(stopped())
    commands = conductor.on(ItemCompleted("one", 1, 0, 1, "succeeded", None, None, 2.0))
    ends_failed(conductor, commands)
    assert set(conductor.tasks()) == {"one", "two"}
    assert conductor.tasks()["two"]["visits"] == 0


def test_a_resume_is_refused_after_a_stop() -> None:
    """The replay of a resume that was broken off drops it."""
    drive = Drive(EVALUATING)
    drive.pause()
    drive.on(stopped())
    with pytest.raises(IllegalTransition, match="cannot resume what is failing"):
        drive.conductor.on(ResumeRequested(3.0))
