"""Virtual time."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from stretto.actors.dispatch import DispatchedActor
from stretto.actors.dispatch.clock import ForgetReminder, RemindAt
from stretto.actors.rehearsal.pump import PumpedDispatcher
from stretto.actors.rehearsal.timeline import START, ReminderKeeper, Seconds, Ticks, Timeline
from stretto.actors.runs.messages import AttemptTimedOut
from stretto.definitions.conductor import DelayElapsed

if TYPE_CHECKING:
    import pykka


class Noting(DispatchedActor):
    def __init__(self, noted: list[Any]) -> None:
        super().__init__()
        self._noted = noted

    def on_receive(self, message: Any) -> None:
        self._noted.append(message)


@pytest.fixture
def dispatcher() -> Iterator[PumpedDispatcher]:
    dispatcher = PumpedDispatcher()
    yield dispatcher
    dispatcher.stop()


@pytest.fixture
def noted() -> list[Any]:
    return []


@pytest.fixture
def remind(dispatcher: PumpedDispatcher, noted: list[Any]) -> Callable[[int, float, Any], RemindAt]:
    inbox: pykka.ActorRef[Noting] = Noting.start_on(dispatcher, noted)
    return lambda key, after, message: RemindAt(key, START + after, inbox, message)


def test_reminders_ring_in_the_order_of_their_time_and_time_goes_on_with_them(
    dispatcher: PumpedDispatcher, noted: list[Any], remind: Callable[[int, float, Any], RemindAt]
) -> None:
    """Each is told once; those of the same time in the order in which they were set."""
    timeline = Timeline()
    keeper = ReminderKeeper.start_on(dispatcher, timeline)
    for key, after in ((1, 5.0), (2, 3.0), (3, 5.0), (4, 4.0)):
        keeper.tell(remind(key, after, key))
    keeper.tell(ForgetReminder(4))
    dispatcher.pump()
    times = []
    while (reminder := timeline.next_reminder()) is not None:
        timeline.ring(reminder)
        dispatcher.pump()
        times.append(timeline.elapsed())
    assert noted == [2, 1, 3]
    assert times == [3.0, 5.0, 5.0]


def test_seconds_let_what_ends_first_come_first(remind: Callable[[int, float, Any], RemindAt]) -> None:
    """A delay is waited for; at the same time an end comes before a reminder."""
    timeline = Timeline()
    pace = Seconds(timeline)
    reminder = remind(1, 5.0, AttemptTimedOut())
    timeline.add(reminder)
    assert pace.end_of(3.0, None) == START + 3
    assert pace.due(START + 3) is None
    assert pace.due(START + 5) is None
    assert pace.due(START + 6) is reminder
    assert pace.due(None) is reminder
    pace.go_to(START + 3)
    assert pace.end_of(3.0, None) == START + 6


def test_in_seconds_only_what_the_script_says_takes_too_long() -> None:
    """A second by default, but never more than the timeout."""
    pace = Seconds(Timeline())
    assert [pace.end_of(*given) - START for given in ((None, None), (None, 0.5), (9.0, 0.5))] == [1.0, 0.5, 9.0]


def test_ticks_wait_for_no_delay_and_never_time_out(remind: Callable[[int, float, Any], RemindAt]) -> None:
    """A delay comes before whatever runs, and the ticks stand still; the time goes on."""
    timeline = Timeline()
    pace = Ticks(timeline)
    delay = remind(2, 60.0, DelayElapsed("a", 1, START + 60))
    timeline.add(remind(1, 1.0, AttemptTimedOut()))
    timeline.add(delay)
    assert pace.end_of(None, 0.5) == 1.0
    assert pace.due(1.0) is delay
    timeline.ring(delay)
    assert pace.due(1.0) is None
    assert pace.end_of(2.0, None) == 2.0
    pace.go_to(1.0)
    assert timeline.elapsed() == 61.0
    assert pace.end_of(2.0, None) == 3.0
