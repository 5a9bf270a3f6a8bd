"""A daemon that was down for a day: what each policy of a schedule makes of the due times that were missed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stretto.actors import Engine
from stretto.actors.engine.startup import start_actor
from stretto.actors.journal import open_reader
from stretto.definitions.rules import SCHEDULE_EVENT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    import pykka

WENT_DOWN = datetime(2026, 6, 1, 0, 30, tzinfo=UTC)
CAME_BACK = WENT_DOWN + timedelta(days=1)
WORK = """
ref: t.work
version: "1"
parameters: {due: {type: string}}
tasks: [{name: ask, action: core.ask, input: {prompt: "{{ parameters.due }}", ttl: 10000}}]
output_map: {due: "{{ parameters.due }}"}
"""
MISSED = {"skip": "skip", "one": "one", "five": "{all: 5}", "all": "{all: 1000}"}
OVERLAPS = ("allow", "skip", "queue_one", "cancel_older")
HOURS = 24
LOOK_SECONDS = 0.05


@contextmanager
def clock_at(time_of_start: datetime, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the clock of each engine that starts in the block show a time, and go on from there."""
    begun = time.monotonic()

    def begin(parts: Any, start: Callable[[], "pykka.ActorRef[Any]"]) -> "pykka.ActorRef[Any]":
        parts.services.now = lambda: time_of_start.timestamp() + time.monotonic() - begun
        return start_actor(parts, start)

    with patch.context() as patched:
        patched.setattr("stretto.actors.engine.engine.start_actor", begin)
        yield


def write(folder: Path) -> Path:
    folder.mkdir()
    (folder / "work.yaml").write_text(WORK)
    for name, missed in MISSED.items():
        for overlap in OVERLAPS:
            schedule = f"{{cron: '0 * * * *', missed: {missed}, overlap: {overlap}}}"
            (folder / f"{name}-{overlap}.yaml").write_text(
                f"schedule: {schedule}\nrun: t.work\ninput: {{due: '{{{{ payload.due }}}}'}}\n"
            )
    return folder


def made_up(missed: str) -> int:
    """Return how many of a day's due times a policy makes up for."""
    return {"skip": 0, "one": 1, "five": 5, "all": HOURS}[missed]


def last_hours(count: int) -> list[str]:
    """Return the last due times before the daemon came back."""
    last = CAME_BACK.replace(minute=0)
    return [(last - timedelta(hours=back)).isoformat() for back in reversed(range(count))]


def shown(engine: Any, is_settled: Callable[[str, dict[str, Any]], bool]) -> dict[str, dict[str, Any]]:
    """Return the schedules once all of them have dealt with what was missed."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = {each["schedule"]: each for each in engine.schedules()}
        if all(is_settled(name, each) for name, each in found.items()):
            return found
        time.sleep(LOOK_SECONDS)  # busy waiting would keep the engine from its commits
    raise AssertionError({name: fates(each) for name, each in found.items() if not is_settled(name, each)})


def fates(each: dict[str, Any]) -> tuple[int, int, int, str | None]:
    """Return what became of due times: started, missed and skipped, and the one that waits."""
    return each["started"], each["missed"], each["skipped"], each["queued"]


def expected_fates(name: str) -> tuple[int, int, int, str | None]:
    """Return the same for a day of which the policy makes up some hours. One run was started before it."""
    missed, overlap = name.split("-")
    most = made_up(missed)
    if overlap == "skip":
        return 1, HOURS - most, most, None
    if overlap == "queue_one" and most:
        return 1, HOURS - most, most - 1, last_hours(1)[0]
    return 1 + most, HOURS - most, 0, None


def due_times(store: str) -> dict[str, list[str]]:
    """Return the due times of the events of each schedule, after the one before the daemon went down."""
    found: dict[str, list[str]] = {}
    reader = open_reader(store, None)
    try:
        for event in reader.events.since(SCHEDULE_EVENT, 0.0, most=10_000).events:
            found.setdefault(event.payload["schedule"], []).append(event.payload["due"])
            assert len(reader.events.matches(event.id)) == 1
    finally:
        reader.close()
    return {name: due[1:] for name, due in found.items()}


def test_each_policy_decides_what_a_day_without_the_daemon_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of each schedule was in progress as the daemon went down, and still waits for people: longer than a day."""
    folder, store = write(tmp_path / "d"), f"sqlite:///{tmp_path}/s.db"
    with clock_at(WENT_DOWN, monkeypatch), Engine.open(definitions=folder, store=store) as engine:
        before = {each["schedule"]: engine.trigger_schedule(each["schedule"])["run"] for each in engine.schedules()}
    assert len(before) == len(MISSED) * len(OVERLAPS)
    with clock_at(CAME_BACK, monkeypatch), Engine.open(definitions=folder, store=store) as engine:
        found = shown(engine, lambda name, each: fates(each) == expected_fates(name))
        assert {name for name, each in found.items() if each["queued"]} == {
            "one-queue_one", "five-queue_one", "all-queue_one",
        }  # fmt: skip
        for name, run in before.items():
            if name.endswith("queue_one"):
                engine.cancel(run)
        shown(engine, lambda _name, each: each["queued"] is None)
        statuses = {name: engine.handle(run).outcome.get(timeout=PATIENCE).status for name, run in before.items()
                    if name.endswith(("queue_one", "one-cancel_older"))}  # fmt: skip
        assert set(statuses.values()) == {"cancelled"}
    for name, due in due_times(store).items():
        missed, overlap = name.split("-")
        most = {"skip": 0, "queue_one": min(made_up(missed), 1)}.get(overlap, made_up(missed))
        assert due == last_hours(most), name
