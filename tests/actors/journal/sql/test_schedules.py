"""The table of schedules, in each kind of store."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from stretto.actors.journal.events import EventAccepted, Match, new_event_id
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.schedules import ScheduleMoved, ScheduleState
from stretto.actors.journal.sql.schedule_table import schedules
from stretto.actors.journal.sql.schedules import FORGOTTEN_SECONDS
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import Unrecordable
from stretto.definitions.rules import Event
from tests.support.recording import acceptance, data
from tests.support.stores import rows_of

MOVED = ScheduleState(
    ref="a.b", timing="every 60 s", after=1200, paused=True, queued=1140, last_due=1080, last_run="run-1",
    last_at=1081.5, started=3, missed=2, skipped=1,
)  # fmt: skip


def claim(store: Store, *refs: str, at: int = 1000) -> list[ScheduleState]:
    return store.schedules.claim(dict.fromkeys(refs, "every 60 s"), at)


def accepted(rule: str = "a.b", run_id: str = "run-1", error: str | None = None) -> EventAccepted:
    event = Event(id=new_event_id(), type="stretto.schedule", payload=None, at=1200.0, source=f"schedule:{rule}")
    inputs = None if error else data({})
    match = Match(event=event.id, rule=rule, target="t", run_id=run_id, inputs=inputs, error=error)
    return EventAccepted(event=event, matches=(match,))


def test_a_new_schedule_begins_at_the_present(store: Store) -> None:
    assert claim(store, "a.b", "a.c") == [
        ScheduleState(ref=ref, timing="every 60 s", after=1000) for ref in ("a.b", "a.c")
    ]
    assert [row.state.ref for row in store.reader.triggers.schedules.all()] == ["a.b", "a.c"]


def test_a_state_is_kept_with_all_its_fields(store: Store) -> None:
    claim(store, "a.b")
    store.writer.write([ScheduleMoved(state=MOVED)])
    assert claim(store, "a.b", at=5000) == [MOVED]
    [row] = store.reader.triggers.schedules.all()
    assert row.state == MOVED
    assert row.owner is not None


def test_a_state_and_its_event_are_one_commit(store: Store) -> None:
    """A record that the store refuses takes the state with it."""
    claim(store, "a.b")
    event = accepted()
    store.writer.write([ScheduleMoved(state=MOVED, accepted=event)])
    assert store.reader.events.find(event.event.id) is not None
    later = msgspec.structs.replace(MOVED, after=1260)
    with pytest.raises(Unrecordable):
        store.writer.write([ScheduleMoved(state=later, accepted=event)])  # an id is stored once
    assert claim(store, "a.b") == [MOVED]
    assert rows_of(store, "events") == 1


def test_runs_are_in_progress_from_the_event_to_their_end(store: Store) -> None:
    claim(store, "a.b")
    store.writer.write([ScheduleMoved(state=MOVED, accepted=accepted())])
    store.writer.write([ScheduleMoved(state=MOVED, accepted=accepted(run_id="run-2", error="it cannot be rendered"))])
    assert store.reader.triggers.schedules.in_progress("a.b") == ["run-1"]
    assert store.reader.triggers.schedules.in_progress("a.c") == []
    store.writer.write([acceptance("run-1")])
    assert store.reader.triggers.schedules.in_progress("a.b") == ["run-1", "run-1"]


def test_the_next_engine_looks_after_what_an_engine_has_left(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url, None) as first:
        claim(first, "a.b")
        first.writer.write([ScheduleMoved(state=MOVED)])
    with open_store(url, None) as second:
        assert claim(second, "a.b") == [MOVED]


@pytest.mark.parametrize("values", [{"missed": -1}, {"last_at": 1e300}])
def test_a_damaged_row_is_refused(store: Store, values: dict[str, Any]) -> None:
    claim(store, "a.b")
    with store.schedules._ownership.transaction() as connection:
        connection.execute(update(schedules).values(values))
    with pytest.raises(UnreadableRecord, match="the store is damaged"):
        store.reader.triggers.schedules.all()


def test_the_state_of_a_schedule_outlives_its_file_for_a_month(store: Store) -> None:
    """What is due meanwhile is not missed. It is deleted as the schedules of other files are claimed."""
    claim(store, "a.b", "a.c")
    store.writer.write([ScheduleMoved(state=MOVED)])
    claim(store, "a.c", at=5000)
    gone, kept = store.reader.triggers.schedules.all()
    assert (gone.owner, gone.state.after, gone.state.paused) == (None, 5000, True)
    assert kept.owner is not None
    claim(store, "a.c", at=5000 + FORGOTTEN_SECONDS)
    assert claim(store, "a.b", "a.c", at=6000)[0].paused
    claim(store, "a.c", at=7000)
    claim(store, "a.c", at=7001 + FORGOTTEN_SECONDS)
    assert [row.state.ref for row in store.reader.triggers.schedules.all()] == ["a.c"]
