"""Events are accepted with their matches, and listeners hear of them once they are durable."""

from typing import Any

import pytest

from stretto.actors.events import EventIntake
from stretto.actors.journal.events import Accepted
from stretto.actors.journal.messages import EventCame, MatchesDue
from stretto.actors.outcome import EngineStopping
from tests.support.events import answer_of, event, rule


class Inbox:
    """A recipient that keeps what it gets."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def tell(self, message: Any) -> None:
        self.messages.append(message)


PAYLOAD = {"status": "firing", "host": "web-1"}


def intake() -> tuple[EventIntake, Inbox]:
    made, starter = EventIntake(), Inbox()
    read = rule()
    made.use({read.ref: read}, {})
    made.start_runs_with(starter)
    return made, starter


def test_an_accepted_event_leads_to_its_matches() -> None:
    """The answer is the event's id."""
    made, starter = intake()
    sent = event(PAYLOAD)
    assert answer_of(made.accept(sent)) == Accepted(sent.id)
    (due,) = starter.messages
    assert isinstance(due, MatchesDue)
    assert [(each.rule, each.event) for each in due.matches] == [("rule", sent.id)]


def test_a_match_with_an_error_is_not_due() -> None:
    """Nor is an event without an answer."""
    made, starter = intake()
    made.accept(event({"status": "firing"}))
    made.accept(event(None))
    assert starter.messages == []


def test_a_repeated_event_is_answered_with_the_first_one() -> None:
    """And leads to nothing."""
    made, starter = intake()
    first, second = event(PAYLOAD, key="k"), event(PAYLOAD, key="k")
    made.accept(first)
    assert answer_of(made.accept(second)) == Accepted(first.id, duplicate=True)
    assert len(starter.messages) == 1


def test_listeners_hear_of_the_events_of_their_type() -> None:
    """Until they listen no more. A listener is told once, however often it asks."""
    made, _starter = intake()
    listener = Inbox()
    assert not made.wants("order")
    made.listen("order", listener)
    made.listen("order", listener)
    assert made.wants("order")
    assert made.wants("alert")
    sent = event(1, type="order")
    made.accept(sent)
    made.accept(event(2, type="other"))
    assert listener.messages == [EventCame(sent)]
    made.unlisten("order", listener)
    made.unlisten("order", listener)
    made.accept(event(3, type="order"))
    assert len(listener.messages) == 1


def test_a_closed_intake_accepts_nothing() -> None:
    """The engine is being stopped."""
    made, _starter = intake()
    made.close()
    with pytest.raises(EngineStopping):
        made.accept(event())


def test_an_awaited_type_is_wanted_before_anyone_waits() -> None:
    """A run that waits for it may not be recovered yet, or be another engine's."""
    made, _starter = intake()
    assert not made.wants("stretto.run_ended")
    made.use({}, {}, frozenset({"stretto.run_ended"}))
    assert made.wants_any(frozenset({"stretto.run_ended"}))
    made.use({}, {})
    assert not made.wants("stretto.run_ended")
