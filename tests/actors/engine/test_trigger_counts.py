"""The numbers of sensors, rules, schedules and events: each change leads to one message, until someone has looked."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stretto.actors import SensorLimits
from stretto.actors.catalogue import load_library
from stretto.actors.engine import TriggerCounts, TriggersChanged
from tests.support.events import answer_of, event
from tests.support.sensors import Sensing, sensing, write_sensor
from tests.support.waiting import PATIENCE, Inbox, messages_of

if TYPE_CHECKING:
    import queue

RULE = "on: greeted\nrun: core.noop\n"
SCHEDULE = "schedule: {at: '2999-01-01'}\nrun: core.noop\n"


class Watcher:
    """Looks at the counts of an engine after each message."""

    def __init__(self, engine: Any) -> None:
        self._host = engine.proxy.host
        self._inbox = Inbox.start()
        self.messages: queue.SimpleQueue[Any] = messages_of(self._inbox)

    def look(self) -> TriggerCounts:
        found: TriggerCounts = self._host.watch_triggers(self._inbox).get(timeout=PATIENCE)
        return found

    def until(self, **wanted: int) -> TriggerCounts:
        """Look after each message until the counts are these."""
        while True:
            found = self.look()
            if all(getattr(found, name) == number for name, number in wanted.items()):
                return found
            assert self.messages.get(timeout=PATIENCE) == TriggersChanged()

    def stop(self) -> None:
        self._inbox.stop()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[Sensing, Watcher]]:
    """An engine with a sensor, two rules and a schedule, and who watches it."""
    folder = tmp_path / "d"
    write_sensor(folder, "probe", "say(payload=os.getpid())\nstay()\n")
    (folder / "greet.yaml").write_text(RULE)
    (folder / "nightly.yaml").write_text(SCHEDULE)
    with sensing(tmp_path, SensorLimits(first_wait=1000, longest_wait=1000)) as found:
        watcher = Watcher(found.engine)
        yield found, watcher
        watcher.stop()


def test_a_change_of_each_kind_is_told(started: tuple[Sensing, Watcher]) -> None:
    """A sensor that dies, a rule that is disabled, a schedule that is paused, an event."""
    sensing_engine, watcher = started
    engine = sensing_engine.engine
    process = sensing_engine.said()
    before = watcher.until(sensors_running=1, schedules=1, rules=2, events=1)
    assert before.sensors_failing == 0
    os.kill(process, signal.SIGKILL)
    watcher.until(sensors_running=0)
    engine.restart_sensor("probe")
    sensing_engine.said()
    watcher.until(sensors_running=1, events=2)
    engine.disable_rule("greet")
    watcher.until(rules=1)
    engine.enable_rule("greet")
    watcher.until(rules=2)
    engine.pause_schedule("nightly")
    watcher.until(schedules=0)
    engine.resume_schedule("nightly")
    watcher.until(schedules=1)


def test_a_sensor_that_fails_is_counted(tmp_path: Path) -> None:
    write_sensor(tmp_path / "d", "broken", "raise SystemExit('it is broken')\n")
    with sensing(tmp_path, rule="stretto.sensor_failing") as found:
        watcher = Watcher(found.engine)
        watcher.until(sensors_failing=1, sensors_running=0)
        watcher.stop()


def test_a_reload_is_told(started: tuple[Sensing, Watcher], tmp_path: Path) -> None:
    sensing_engine, watcher = started
    sensing_engine.said()
    watcher.until(sensors_running=1, rules=2)
    (tmp_path / "d" / "greet.yaml").unlink()
    (tmp_path / "d" / "nightly.yaml").unlink()
    library = load_library((tmp_path / "d",))
    sensing_engine.engine.proxy.host.use_definitions(library.catalogue, library.packs).get(timeout=PATIENCE)
    watcher.until(rules=1, schedules=0)


def test_a_thousand_events_are_one_message(started: tuple[Sensing, Watcher]) -> None:
    """Who has not looked since the last message is not woken again."""
    sensing_engine, watcher = started
    sensing_engine.said()
    events = sensing_engine.engine.proxy.host.services().get(timeout=PATIENCE).events
    before = watcher.until(sensors_running=1, schedules=1, events=1).events
    for number in range(1000):
        answer_of(events.accept(event(number, type="other")))
    assert watcher.messages.get(timeout=PATIENCE) == TriggersChanged()
    assert watcher.messages.empty()
    assert watcher.look().events == before + 1000


def test_who_does_not_watch_gets_nothing_and_may_count(started: tuple[Sensing, Watcher]) -> None:
    sensing_engine, watcher = started
    sensing_engine.said()
    host = sensing_engine.engine.proxy.host
    events = host.services().get(timeout=PATIENCE).events
    before = host.count_triggers().get(timeout=PATIENCE)
    answer_of(events.accept(event(1, type="other")))
    after = host.count_triggers().get(timeout=PATIENCE)
    assert (after.rules, after.events) == (2, before.events + 1)
    assert watcher.messages.empty()
