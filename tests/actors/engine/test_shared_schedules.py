"""Schedules of several engines on one store: one engine looks after each, and another one takes it over."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Engine, UnknownSchedule
from stretto.actors.journal import Requester, open_reader
from stretto.definitions.rules import SCHEDULE_EVENT
from tests.actors.engine.test_schedules import write
from tests.support.waiting import PATIENCE, Inbox, messages_of

LEASE = 3.0


def opened(folder: Path, store: str) -> Any:
    return Engine.open(definitions=folder, store=store, store_lease=LEASE)


def test_each_due_time_leads_to_one_run_with_two_engines(postgres_url: str, tmp_path: Path) -> None:
    """The second engine takes over when the first one leaves, and looks after nothing before."""
    folder = write(tmp_path / "d", tick="{every: 1, missed: {all: 1000}}")
    inbox = Inbox.start()
    with opened(folder, postgres_url) as first:
        assert first.schedule("tick")["status"] == "active"
        with opened(folder, postgres_url) as second:
            assert [each.schedule("tick")["status"] for each in (first, second)] == ["active", "active"]
            assert first.schedule("tick")["daemon"] is None
            assert second.schedule("tick")["daemon"] is not None
            first.proxy.host.subscribe_to_ends(inbox).get()
            for _ in range(2):
                messages_of(inbox).get(timeout=PATIENCE)
            first.stop()
            others = Inbox.start()
            second.proxy.host.subscribe_to_ends(others).get()
            for _ in range(3):
                messages_of(others).get(timeout=PATIENCE)
            assert second.pause_schedule("tick")["status"] == "paused"
            others.stop()
    inbox.stop()
    reader = open_reader(postgres_url, None)
    events = reader.events.since(SCHEDULE_EVENT, 0.0, most=10_000).events
    due = [int(datetime.fromisoformat(event.payload["due"]).timestamp()) for event in events]
    assert due == list(range(due[0], due[-1] + 1))
    assert all(len(reader.events.matches(event.id)) == 1 for event in events)
    reader.close()


def test_a_schedule_is_changed_through_another_engine(postgres_url: str, tmp_path: Path) -> None:
    """The engine that looks after it makes the change. The audit names who has asked, once."""
    folder = write(tmp_path / "d", tick="{every: 86400}")
    by = Requester(who="ann", via="api", source="192.0.2.1", role="operator")
    with opened(folder, postgres_url) as first:
        assert first.schedule("tick")["status"] == "active"
        with opened(folder, postgres_url) as second:
            assert second.pause_schedule("tick", by=by)["status"] == "paused"
            assert [each.schedules()[0]["status"] for each in (first, second)] == ["paused", "paused"]
            assert second.resume_schedule("tick", by=by)["status"] == "active"
            started = second.trigger_schedule("tick", by=by)
            assert (started["schedule"], started["error"]) == ("tick", None)
            assert first.schedule("tick")["last_run"] == started["run"] == second.schedule("tick")["last_run"]
            with pytest.raises(UnknownSchedule):
                second.pause_schedule("tock")
            entries = [(each["who"], each["operation"]) for each in second.audit()["entries"]]
            assert entries == [("ann", f"{verb}_schedule") for verb in ("trigger", "resume", "pause")]
