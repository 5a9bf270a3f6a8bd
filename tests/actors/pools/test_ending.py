"""Ends of calls travel together to the run that has made them, and reach their callers if it has gone."""

from typing import Any

import pykka

from stretto.actors.pools import CallsEnded
from stretto.actors.pools.calls import PooledCall
from stretto.actors.pools.ending import ENDS_AT_ONCE, report_ends
from stretto.actors.runners import Finished
from tests.actors.pools.test_scheduler import Noted, Room

DONE = Finished("succeeded", "hi", None, None)


class Kept:
    """An inbox that keeps its messages."""

    def __init__(self) -> None:
        self.messages: list[CallsEnded] = []

    def tell(self, message: Any) -> None:
        """Keep a message."""
        assert isinstance(message, CallsEnded)
        self.messages.append(message)


class Closed:
    """The inbox of an actor that has stopped."""

    def tell(self, _message: Any) -> None:
        """Refuse a message."""
        raise pykka.ActorDeadError("the run has ended")


class Left(Noted):
    """A caller whose supervisor has stopped."""

    def end_later(self, finished: Finished) -> None:
        """Note the end."""
        self._ends[self._index] = finished


def calls(inbox: Any, *indexes: int) -> list[PooledCall]:
    """Return calls with an inbox."""
    made = Room().make(*indexes)
    for each in made:
        each.inbox = inbox
    return made


def test_the_ends_of_one_run_travel_in_messages_of_a_bounded_number() -> None:
    """A turn that handles one stays short."""
    inbox = Kept()
    report_ends((each, DONE) for each in calls(inbox, *range(2 * ENDS_AT_ONCE + 1)))
    assert [len(each.ends) for each in inbox.messages] == [ENDS_AT_ONCE, ENDS_AT_ONCE, 1]


def test_each_run_gets_its_own_ends_in_their_order() -> None:
    one, other = Kept(), Kept()
    made = [*calls(one, 0), *calls(other, 1), *calls(one, 2)]
    callers = [each.caller for each in made]
    report_ends((each, DONE) for each in made)
    assert [caller for message in one.messages for caller, _ in message.ends] == [callers[0], callers[2]]
    assert [caller for message in other.messages for caller, _ in message.ends] == [callers[1]]


def test_an_end_is_reported_once() -> None:
    """Of a call that was cancelled as it ended, say."""
    inbox = Kept()
    (made,) = calls(inbox, 0)
    report_ends([(made, DONE), (made, DONE)])
    report_ends([(made, DONE)])
    assert [len(each.ends) for each in inbox.messages] == [1]


def test_callers_get_their_ends_if_their_run_has_no_supervisor_left() -> None:
    """An item that was stopped with it waits for the end of its call."""
    ends: dict[int, Finished] = {}
    made = calls(Closed(), 0, 1)
    for index, each in enumerate(made):
        each.caller = Left(index, ends)
    report_ends((each, DONE) for each in made)
    assert ends == {0: DONE, 1: DONE}
