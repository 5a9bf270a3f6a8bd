"""Schedules of an engine: their runs, and what a restart makes of them."""

from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Engine, Requester, UnknownSchedule
from stretto.actors.catalogue import load_library
from stretto.actors.journal import keyring_for, open_store
from stretto.actors.runs import RunEnded
from stretto.definitions.conductor import IllegalTransition
from tests.support.waiting import PATIENCE, Inbox, messages_of

WORK = """
ref: t.work
version: "1"
parameters: {due: {type: string}}
tasks: [{name: say, action: core.echo, input: {message: "{{ parameters.due }}"}}]
output_map: {due: "{{ parameters.due }}"}
"""
NEVER = "{at: '2999-01-01'}"
BY = Requester(who="mira", via="cli", source="local")


def write(folder: Path, **schedules: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "work.yaml").write_text(WORK)
    for name, schedule in schedules.items():
        text = f"schedule: {schedule}\nrun: t.work\ninput: {{due: '{{{{ payload.due }}}}'}}\n"
        (folder / f"{name}.yaml").write_text(text)
    return folder


def ended_run(engine: Any, inbox: Any) -> dict[str, Any]:
    """Wait for the end of a run, and return its row."""
    message = messages_of(inbox).get(timeout=PATIENCE)
    assert isinstance(message, RunEnded)
    rows: list[dict[str, Any]] = engine.runs()["runs"]
    return next(row for row in rows if row["id"] == message.run_id)


def test_a_due_time_starts_a_run_by_the_schedule(tmp_path: Path) -> None:
    inbox = Inbox.start()
    with Engine.open(
        definitions=write(tmp_path / "d", tick="{every: 1}"), store=f"sqlite:///{tmp_path}/s.db"
    ) as engine:
        engine.proxy.host.subscribe_to_ends(inbox).get()
        row = ended_run(engine, inbox)
        assert (row["workflow"], row["status"]) == ("t.work", "succeeded")
        assert row["requested_by"] == {"who": "tick", "via": "schedule"}
        assert engine.schedule("tick")["started"] >= 1
    inbox.stop()


def test_a_state_survives_a_restart(tmp_path: Path) -> None:
    definitions, store = write(tmp_path / "d", later=NEVER), f"sqlite:///{tmp_path}/s.db"
    with Engine.open(definitions=definitions, store=store) as engine:
        first = engine.trigger_schedule("later", by=BY)
        assert engine.pause_schedule("later", by=BY)["status"] == "paused"
    with Engine.open(definitions=definitions, store=store) as engine:
        shown = engine.schedule("later")
        assert (shown["status"], shown["started"], shown["last_run"]) == ("paused", 1, first["run"])
        assert engine.resume_schedule("later", by=BY)["status"] == "active"
        operations = [entry["operation"] for entry in engine.audit()["entries"]]
        assert operations == ["resume_schedule", "pause_schedule", "trigger_schedule"]


def test_a_due_time_is_not_replayed_past_the_policies_of_its_schedule(tmp_path: Path) -> None:
    """Its run is started by a trigger."""
    with Engine.open(definitions=write(tmp_path / "d", later=NEVER), store=f"sqlite:///{tmp_path}/s.db") as engine:
        engine.trigger_schedule("later")
        (due,) = engine.events()["events"]
        with pytest.raises(IllegalTransition, match="`stretto schedules trigger later` starts its run"):
            engine.replay_event(due["event"])


def test_without_a_store_schedules_are_in_memory(tmp_path: Path) -> None:
    inbox = Inbox.start()
    with Engine.open(definitions=write(tmp_path / "d", later=NEVER)) as engine:
        engine.proxy.host.subscribe_to_ends(inbox).get()
        triggered = engine.trigger_schedule("later")
        assert messages_of(inbox).get(timeout=PATIENCE).run_id == triggered["run"]
        assert engine.schedule("later")["started"] == 1
    inbox.stop()


def test_other_definitions_have_other_schedules(tmp_path: Path) -> None:
    """The first one, too, may come with a reload."""
    folder = write(tmp_path / "d")
    with Engine.open(definitions=folder) as engine:
        assert engine.schedules() == []
        with pytest.raises(UnknownSchedule, match="there is no schedule 'later'"):
            engine.schedule("later")
        write(folder, later=NEVER)
        engine.proxy.host.use_definitions(load_library([str(folder)]).catalogue, ()).get()
        assert [each["schedule"] for each in engine.schedules()] == ["later"]
        (folder / "later.yaml").unlink()
        engine.proxy.host.use_definitions(load_library([str(folder)]).catalogue, ()).get()
        assert engine.schedules() == []


def test_a_run_that_cannot_be_started_does_not_hold_up_its_schedule(tmp_path: Path) -> None:
    folder = write(tmp_path / "d")
    (folder / "broken.yaml").write_text(
        "schedule: {at: '2999-01-01', overlap: skip}\nrun: t.work\ninput: {due: '{{ payload.count }}'}\n"
    )
    with Engine.open(definitions=folder, store=f"sqlite:///{tmp_path}/s.db") as engine:
        run = engine.trigger_schedule("broken")["run"]
        assert run is not None
        engine.submit("t.work", {"due": "x"}).outcome.get(timeout=PATIENCE)
        assert engine.schedule("broken")["in_progress"] == 0


def test_the_metrics_show_schedules(tmp_path: Path) -> None:
    from prometheus_client import generate_latest

    with Engine.open(definitions=write(tmp_path / "d", later=NEVER)) as engine:
        engine.trigger_schedule("later")
        text = generate_latest(engine.proxy.host.services().get().instruments.registry).decode()
        assert 'stretto_schedules{status="active"} 1.0' in text
        assert 'stretto_schedule_due_times_total{result="started"} 1.0' in text


def test_a_new_timing_is_durable_before_it_is_due(tmp_path: Path) -> None:
    """After a restart, what was due since it was loaded was missed, and is not taken for what came before it."""
    folder, store = write(tmp_path / "d", later=NEVER), f"sqlite:///{tmp_path}/s.db"
    with Engine.open(definitions=folder, store=store) as engine:
        engine.schedules()
    write(folder, later="{every: 604800}")
    with Engine.open(definitions=folder, store=store) as engine:
        engine.schedules()
    with open_store(store, keyring_for(store, None)) as opened:
        (row,) = opened.reader.triggers.schedules.all()
    assert row.state.timing == "every 604800 s UTC"
