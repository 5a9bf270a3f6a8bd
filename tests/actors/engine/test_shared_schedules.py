"""Schedules of several engines on one store: one engine looks after each, and another one takes it over."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Engine, ScheduleElsewhere
from stretto.actors.journal import open_reader
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
            assert [first.schedule("tick")["status"], second.schedule("tick")["status"]] == ["active", "elsewhere"]
            with pytest.raises(ScheduleElsewhere, match="is not looked after by this engine"):
                second.pause_schedule("tick")
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
