"""The timers of one run."""

from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import ForgetReminder, RemindAt, Timers
from stretto.actors.runs.reminders import RunReminders
from stretto.definitions.conductor import DelayElapsed, RunTimedOut
from tests.support.waiting import PATIENCE, Inbox, messages_of

WALL, MONOTONIC = 5000.0, 70.0


@pytest.fixture
def inboxes() -> Any:
    clock, supervisor = Inbox.start(), Inbox.start()
    yield clock, supervisor
    clock.stop()
    supervisor.stop()


def reminders_of(clock: pykka.ActorRef[Any], supervisor: pykka.ActorRef[Any]) -> RunReminders:
    return RunReminders(Timers(clock, lambda: MONOTONIC), lambda: WALL, supervisor)


def test_an_event_is_sent_at_its_time_on_the_clock(inboxes: Any) -> None:
    """An overdue one at once."""
    clock, supervisor = inboxes
    reminders = reminders_of(clock, supervisor)
    due, overdue = DelayElapsed("task", 1, WALL + 9), RunTimedOut(WALL - 9)
    reminders.add(due)
    reminders.add(overdue)
    sent = [messages_of(clock).get(timeout=PATIENCE) for _ in range(2)]
    assert [(each.at, each.to, each.message) for each in sent if isinstance(each, RemindAt)] == [
        (MONOTONIC + 9, supervisor, due),
        (MONOTONIC, supervisor, overdue),
    ]


def test_outstanding_reminders_are_forgotten_once(inboxes: Any) -> None:
    """Those that have come are not outstanding."""
    clock, supervisor = inboxes
    reminders = reminders_of(clock, supervisor)
    first, second = DelayElapsed("first", 1, WALL), DelayElapsed("second", 1, WALL)
    reminders.add(first)
    reminders.add(second)
    keys = {each.message: each.key for each in (messages_of(clock).get(timeout=PATIENCE) for _ in range(2))}
    reminders.came(first)
    reminders.forget_all()
    reminders.forget_all()
    assert messages_of(clock).get(timeout=PATIENCE) == ForgetReminder(keys[second])
    assert messages_of(clock).empty()
