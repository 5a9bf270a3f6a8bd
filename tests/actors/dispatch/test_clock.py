"""Timers as messages."""

import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import clock as clock_module
from stretto.actors.dispatch import timed_inbox
from stretto.actors.dispatch.clock import Clock, ForgetReminder, RemindAt
from tests.support.waiting import PATIENCE, Inbox, messages_of


class Timeout:
    """A message that can be referred to weakly."""


@pytest.fixture
def clock() -> Iterator[pykka.ActorRef[Clock]]:
    reference = Clock.start()
    thread = reference.proxy().thread().get()
    yield reference
    reference.stop()
    thread.join()


@pytest.fixture
def inbox() -> Iterator[pykka.ActorRef[Inbox]]:
    reference = Inbox.start()
    yield reference
    reference.stop()


def next_in(inbox: pykka.ActorRef[Inbox]) -> Any:
    return messages_of(inbox).get(timeout=PATIENCE)


def test_a_reminder_comes_when_its_time_has_come(clock: pykka.ActorRef[Clock], inbox: pykka.ActorRef[Inbox]) -> None:
    """A message is not sent before its time."""
    at = time.monotonic() + 0.02
    clock.tell(RemindAt(1, at, inbox, "now"))
    assert next_in(inbox) == "now"
    assert time.monotonic() >= at


class StandingTime:
    """The time of the clock and its inbox: it passes when the test says so. Meanwhile the clock wakes in vain."""

    now = 0.0

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> StandingTime:
    standing = StandingTime()
    for module in (clock_module, timed_inbox):
        monkeypatch.setattr(module, "time", standing)
    return standing


def test_reminders_come_in_the_order_of_their_deadlines(
    clock: pykka.ActorRef[Clock], inbox: pykka.ActorRef[Inbox], standing: StandingTime
) -> None:
    """A later deadline that was set first does not hold up an earlier one."""
    for key, (at, message) in enumerate([(0.04, "third"), (0.01, "first"), (0.02, "second")]):
        clock.tell(RemindAt(key, at, inbox, message))
    assert clock.proxy().pending().get() == 3
    standing.now = 1.0
    assert [next_in(inbox) for _ in range(3)] == ["first", "second", "third"]


def test_a_deadline_that_is_over_comes_at_once(clock: pykka.ActorRef[Clock], inbox: pykka.ActorRef[Inbox]) -> None:
    """A reminder in the past is sent without waiting for anything else."""
    clock.tell(RemindAt(1, time.monotonic() - 100, inbox, "late"))
    assert next_in(inbox) == "late"


def test_a_forgotten_reminder_never_comes(
    clock: pykka.ActorRef[Clock], inbox: pykka.ActorRef[Inbox], standing: StandingTime
) -> None:
    """It is skipped when its time comes."""
    clock.tell(RemindAt(1, 0.01, inbox, "forgotten"))
    clock.tell(RemindAt(2, 0.03, inbox, "kept"))
    clock.tell(ForgetReminder(1))
    clock.tell(ForgetReminder(77))
    assert clock.proxy().pending().get() == 1
    standing.now = 1.0
    assert next_in(inbox) == "kept"
    assert clock.proxy().pending().get() == 0


def test_a_reminder_for_a_dead_actor_is_dropped(clock: pykka.ActorRef[Clock], inbox: pykka.ActorRef[Inbox]) -> None:
    """Who is gone wants no reminder, and the clock goes on."""
    gone = Inbox.start()
    gone.stop()
    clock.tell(RemindAt(1, time.monotonic(), gone, "anybody?"))
    clock.tell(RemindAt(2, time.monotonic(), inbox, "still here"))
    assert next_in(inbox) == "still here"


def test_forgotten_reminders_do_not_pile_up(clock: pykka.ActorRef[Clock], inbox: pykka.ActorRef[Inbox]) -> None:
    """Ten thousand timeouts that never fire leave the heap small: it is swept, not only skipped."""
    far = time.monotonic() + 10_000
    kept: weakref.WeakSet[Timeout] = weakref.WeakSet()
    for key in range(10_000):
        message = Timeout()
        kept.add(message)
        clock.tell(RemindAt(key, far, inbox, message))
        clock.tell(ForgetReminder(key))
    del message
    assert clock.proxy().pending().get() == 0
    assert len(kept) < 3_000


def test_one_thread_serves_all_reminders(clock: pykka.ActorRef[Clock], inbox: pykka.ActorRef[Inbox]) -> None:
    """However many reminders wait, the clock owns one thread."""
    before = set(threading.enumerate())
    far = time.monotonic() + 10_000
    for key in range(1_000):
        clock.tell(RemindAt(key, far, inbox, key))
    assert clock.proxy().pending().get() == 1_000
    assert set(threading.enumerate()) <= before


def test_an_idle_clock_waits_without_a_timeout(clock: pykka.ActorRef[Clock], inbox: pykka.ActorRef[Inbox]) -> None:
    """With nothing to remind of, there is no deadline to wake up for."""
    clock.tell(RemindAt(1, time.monotonic(), inbox, "only"))
    assert next_in(inbox) == "only"
    clock.proxy().pending().get()
    assert clock.actor_inbox.deadline is None  # type: ignore[attr-defined]
