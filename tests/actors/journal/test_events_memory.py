"""The events of an engine without a store: the newest ones."""

from stretto.actors.journal.events import Accepted, DueMatches, EventAccepted
from stretto.actors.journal.events_memory import MemoryEvents
from tests.support.events import event, match


def test_the_oldest_event_makes_room() -> None:
    """Its key is forgotten with it."""
    events = MemoryEvents(most=2)
    kept = [event(n, key=f"k{n}") for n in range(3)]
    for each in kept:
        assert events.add(EventAccepted(event=each, matches=(match(each),))) == Accepted(each.id)
    assert events.find(kept[0].id) is None
    again = event(key="k1")
    assert events.add(EventAccepted(event=again)) == Accepted(kept[1].id, duplicate=True)
    again = event(key="k0")
    assert events.add(EventAccepted(event=again)) == Accepted(again.id)


def test_a_match_has_the_reason_why_it_was_not_started() -> None:
    """One that was started has its time."""
    events, kept = MemoryEvents(), event()
    events.add(EventAccepted(event=kept, matches=(match(kept), match(kept, "other"))))
    events.fail(kept.id, "other", "gone")
    assert [(each.rule, each.error, each.started_at) for each in events.matches(kept.id)] == [
        ("other", "gone", None), ("restart", None, 1000.0),
    ]  # fmt: skip
    assert events.due(1, 10) == DueMatches(())
    assert events.last_matches("other", 5) == [events.matches(kept.id)[0]]
