"""Requests that pass from a run to its sub-workflows, and from its parent."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from stretto.actors.runs.messages import ChildCancelling, PauseItem, ResumeItem, RunPauseChanged, StopItem
from stretto.actors.runs.parent import Propagation
from stretto.definitions.conductor import CancelRequested, PauseRequested, ResumeRequested
from tests.support.driving import Drive
from tests.support.writing import workflow

if TYPE_CHECKING:
    from stretto.actors.runs.in_flight import ItemsInFlight


class Items:
    """Items with sub-workflows, and the messages that they get."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send_to_children(self, message: Any) -> None:
        self.sent.append(message)


@pytest.fixture
def items() -> Items:
    return Items()


@pytest.fixture
def propagation(items: Items) -> Propagation:
    return Propagation("run", cast("ItemsInFlight", items))


def test_each_request_has_its_message(propagation: Propagation, items: Items) -> None:
    """The latest one is known."""
    for request in (PauseRequested(1.0), ResumeRequested(2.0), CancelRequested(3.0)):
        propagation.pass_on(request)
        assert propagation.latest == request
    assert items.sent == [PauseItem(), ResumeItem(), StopItem()]


def test_a_missed_request_of_the_parent_is_taken_once(propagation: Propagation) -> None:
    """It changes a run that is running."""
    conductor = Drive(workflow({"name": "slow"})).conductor
    propagation.keep(PauseRequested(5.0))
    assert propagation.take_missed(conductor) == PauseRequested(5.0)
    assert propagation.take_missed(conductor) is None


def test_a_later_request_of_the_run_itself_wins(propagation: Propagation) -> None:
    """The parent's has been missed, and does not matter any more."""
    conductor = Drive(workflow({"name": "slow"})).conductor
    propagation.pass_on(ResumeRequested(6.0))
    propagation.keep(PauseRequested(5.0))
    assert propagation.take_missed(conductor) is None


def test_only_changes_of_a_pause_are_reported(propagation: Propagation) -> None:
    """A new run is not paused; a recovered one reports its state in any case."""
    changes = [propagation.changes(status) for status in ("running", "paused", "paused", "running")]
    assert changes == [[], [RunPauseChanged("run", paused=True)], [], [RunPauseChanged("run", paused=False)]]
    propagation.report_pause_again()
    assert propagation.changes("running") == [RunPauseChanged("run", paused=False)]


def test_a_cancel_is_reported_once(propagation: Propagation) -> None:
    """Also one of a run that has begun its `on_cancel` task at once; a pause before it is over."""
    changes = [propagation.changes(status) for status in ("paused", "cleaning", "cancelling")]
    ended = RunPauseChanged("run", paused=False)
    assert changes == [[RunPauseChanged("run", paused=True)], [ended, ChildCancelling("run")], []]
