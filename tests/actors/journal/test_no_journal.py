"""An engine without a store remembers what has been recorded, and counts it as durable at once."""

import queue

import msgspec.structs
import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.access import AuditQuery
from stretto.actors.journal.audit import AuditEntry
from stretto.actors.journal.events import Accepted, EventAccepted, EventQuery, MatchFailed
from stretto.actors.journal.kv import KeyPlace, PutKey, RemoveKey, StoredKey, UnknownKey
from stretto.actors.journal.no_journal import NoJournal
from stretto.actors.journal.records import Happened
from stretto.actors.journal.schedules import ScheduleMoved, ScheduleState
from stretto.actors.runs.messages import RunRecorded
from tests.support.events import answer_of, event, match
from tests.support.waiting import PATIENCE, Inbox, messages_of

ENTRY = AuditEntry(at=1.0, who="ada", source="local", via="cli", operation="set_key", target="k")


@pytest.fixture
def journal() -> NoJournal:
    return NoJournal(most_events=2)


def claimed_state(journal: NoJournal) -> ScheduleState:
    """Claim a schedule and return its state."""
    (state,) = answer_of(journal.claim_schedules({"ops.nightly": "daily"}, 100))
    assert isinstance(state, ScheduleState)
    return state


def test_a_repeated_event_is_answered_with_the_first_one_and_starts_nothing(journal: NoJournal) -> None:
    """Its sender gets the id of the first event, and the starter of runs no message."""
    first, again = event(1, key="k"), event(2, key="k")
    starter = Inbox.start()
    try:
        for each in (first, again):
            answer = Deferred()
            journal.record(EventAccepted(event=each), ((starter, RunRecorded()),), ((answer, None),))
            assert answer_of(answer) == Accepted(first.id, duplicate=each is again)
        assert messages_of(starter).get(timeout=PATIENCE) == RunRecorded()
        with pytest.raises(queue.Empty):
            messages_of(starter).get_nowait()
    finally:
        starter.stop()


def test_the_events_of_a_turn_and_of_a_due_time_are_remembered(journal: NoJournal) -> None:
    """As many as it has been given; a match that cannot start has its reason."""
    forgotten, ended, due = event(1), event(2), event(3)
    state = claimed_state(journal)
    journal.record_together(
        [
            (EventAccepted(event=forgotten), (), (), None),
            (
                Happened(
                    run_id="r", first=0, entries=(), secret=False,
                    events=(EventAccepted(event=ended, matches=(match(ended),)),),
                ), (), (), None,
            ),
            (ScheduleMoved(state=state, accepted=EventAccepted(event=due)), (), (), None),
            (MatchFailed(event=ended.id, rule="restart", error="gone"), (), (), None),
        ]
    )  # fmt: skip
    assert [each.id for each in journal.events.page(EventQuery()).events] == [due.id, ended.id]
    assert [each.error for each in journal.events.matches(ended.id)] == ["gone"]


def test_a_schedule_goes_on_from_its_last_state(journal: NoJournal) -> None:
    """A claim after a move has the moved state."""
    state = claimed_state(journal)
    moved = msgspec.structs.replace(state, after=200, started=1)
    journal.record(ScheduleMoved(state=moved))
    assert claimed_state(journal) == moved


def test_every_sensor_is_its_own(journal: NoJournal) -> None:
    """There is no other engine that could have claimed one."""
    assert answer_of(journal.claim_sensors(["a", "b"])) == {"a", "b"}


def test_a_changed_key_is_audited(journal: NoJournal) -> None:
    """A change that is refused is not."""
    place = KeyPlace("system", "", "k")
    key = StoredKey(place=place, value=1, secret=False, version=0, set_at=1.0, set_by=None, expires_at=None, size=2)
    assert journal.change_key(PutKey(key, None), (ENTRY,)).version == 1
    with pytest.raises(UnknownKey):
        journal.change_key(RemoveKey(KeyPlace("system", "", "other"), None, 2.0), (ENTRY,))
    assert [row.entry for row in journal.audit.page(AuditQuery()).rows] == [ENTRY]
