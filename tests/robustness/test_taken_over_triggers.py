"""The owner of a sensor, a schedule and an inquiry is killed or frozen: another daemon of the store takes over."""

import json
import select
import signal
import threading
import time
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any

from stretto.actors import DaemonUnreachable, InquiryEnded, connect
from stretto.actors.gateway.wire import AnswerLost, RequestRefused
from stretto.actors.journal import open_reader
from stretto.definitions.rules import SCHEDULE_EVENT
from tests.support.daemons import Served, serving
from tests.support.sensors import PREFACE, await_end, watched
from tests.support.waiting import PATIENCE

LEASE_SECONDS = 12
"""Longer than a loaded machine keeps a daemon from writing."""
LOOK_SECONDS = 0.05
SENSOR = """
log, number = open({acknowledged!r}, "a"), 0
while True:
    number += 1
    answer = ask(payload={{"pid": os.getpid(), "number": number}})
    log.write(json.dumps([os.getpid(), number, answer.get("event")]) + "\\n")
    log.flush()
    time.sleep(0.02)
"""
ASKS = """
ref: t.asks
version: "1"
tasks: [{name: ask, action: core.ask, input: {prompt: one, schema: {type: string}}}]
output_map: {said: "{{ task.ask.result.response }}"}
"""
TICK = "schedule: {every: 1, missed: {all: 1000}}\nrun: core.noop\ninput: {due: '{{ payload.due }}'}\n"


class Pair:
    """Two daemons of one store, the first of which owns everything.

    Attributes:
        first: The owner.
        second: The other one.
    """

    def __init__(self, folder: Path, store: str, stack: ExitStack) -> None:
        self._acknowledged = folder / "acknowledged"
        self._acknowledged.touch()
        self.first = self._serve(folder / "first", store, stack)
        self.await_sensor_of(self.first)
        self.second = self._serve(folder / "second", store, stack)

    def _serve(self, place: Path, store: str, stack: ExitStack) -> Served:
        definitions = place / "definitions"
        definitions.mkdir(parents=True)
        (definitions / "busy.py").write_text(PREFACE + SENSOR.format(acknowledged=str(self._acknowledged)))
        (definitions / "busy.yaml").write_text("sensor: busy\ncommand: [python3, busy.py]\nevent: t.busy\n")
        (definitions / "asks.yaml").write_text(ASKS)
        (definitions / "tick.yaml").write_text(TICK)
        lease = {"STRETTO__ENGINE__STORE_LEASE": str(LEASE_SECONDS)}
        return stack.enter_context(serving(place, "--store", store, **lease))

    def acknowledged(self) -> list[list[Any]]:
        """Return [pid, number, event] of each event that was acknowledged."""
        return [json.loads(line) for line in self._acknowledged.read_text().splitlines()]

    def await_sensor_of(self, served: Served) -> int:
        """Wait until the sensor of a daemon has an event acknowledged. Return its process."""
        pid = sensor_of(served)
        deadline = time.monotonic() + PATIENCE
        while not any(each[0] == pid for each in self.acknowledged()):
            assert time.monotonic() < deadline
            time.sleep(LOOK_SECONDS)
        return pid


def sensor_of(served: Served) -> int:
    """Wait until a daemon has started its sensor, and return the sensor's process."""
    for each in served.log:
        if each["event"] == "sensor_started":
            return int(each["pid"])
    return int(served.wait_for("sensor_started")["pid"])


def due_times(store: str) -> list[int]:
    """Return the due times of the events of the schedule, each of which has one match."""
    with closing(open_reader(store, None)) as reader:
        events = reader.events.since(SCHEDULE_EVENT, 0.0, most=10_000).events
        assert all(len(reader.events.matches(event.id)) == 1 for event in events)
        return [int(datetime.fromisoformat(event.payload["due"]).timestamp()) for event in events]


def await_due_time_after(store: str, instant: float) -> None:
    """Wait until a due time was handled that comes after an instant."""
    deadline = time.monotonic() + PATIENCE
    while not any(due > instant for due in due_times(store)):
        assert time.monotonic() < deadline
        time.sleep(LOOK_SECONDS)


def test_the_triggers_of_a_killed_daemon_are_taken_over(postgres_url: str, tmp_path: Path) -> None:
    """Its sensor has ended with it, and no due time is left out or comes twice."""
    with ExitStack() as stack:
        pair = Pair(tmp_path, postgres_url, stack)
        with watched(sensor_of(pair.first)) as sensor:
            pair.first.process.kill()
            await_end(sensor)
        killed = time.time()
        pair.await_sensor_of(pair.second)
        await_due_time_after(postgres_url, killed + LEASE_SECONDS)
    due = due_times(postgres_url)
    assert due == list(range(due[0], due[-1] + 1))


def test_a_frozen_daemon_that_continues_has_lost_its_triggers(postgres_url: str, tmp_path: Path) -> None:
    """It ends, and its sensor with it. What was sent to it meanwhile is refused, and the store has none of it."""
    with ExitStack() as stack:
        pair = Pair(tmp_path, postgres_url, stack)
        with connect(pair.first.client.url).blocking() as engine:
            run = engine.submit("t.asks")
            (inquiry,) = waiting_inquiries(engine)
        old = sensor_of(pair.first)
        process = stack.enter_context(watched(old))
        pair.first.signal(signal.SIGSTOP)
        late = LateAnswer(pair.first.client.url, inquiry)
        new = pair.await_sensor_of(pair.second)
        await_due_time_after(postgres_url, time.time())
        assert not select.select([process], [], [], 0)[0], "it runs on while its daemon is frozen"
        with connect(pair.second.client.url).blocking() as engine:
            assert engine.answer_inquiry(inquiry, "in time")["status"] == "answered"
            outcome = engine.handle(run.id).outcome.get(timeout=PATIENCE)
            assert outcome.output == {"said": "in time"}
        continued = time.time()
        pair.first.signal(signal.SIGCONT)
        assert pair.first.ended() != 0
        await_end(process)
        assert isinstance(late.refusal(), DaemonUnreachable | AnswerLost | RequestRefused | InquiryEnded)
        assert new != old
    with closing(open_reader(postgres_url, None)) as reader:
        events = reader.events.since("t.busy", 0.0, most=100_000).events
        stored = {event.id for event in events}
        assert not any(event.payload["pid"] == old and event.at >= continued for event in events)
        assert all(event in stored for _pid, _number, event in pair.acknowledged() if event is not None)
    due = due_times(postgres_url)
    assert due == list(range(due[0], due[-1] + 1))


def waiting_inquiries(engine: Any) -> list[str]:
    """Wait until a run asks. Return the ids of the open inquiries."""
    deadline = time.monotonic() + PATIENCE
    while not (rows := engine.inquiries(status="pending")["inquiries"]):
        assert time.monotonic() < deadline
    return [row["id"] for row in rows]


class LateAnswer:
    """An answer that is sent to a frozen daemon."""

    def __init__(self, url: str, inquiry: str) -> None:
        self._refusal: Exception | None = None
        self._thread = threading.Thread(target=self._send, args=(url, inquiry))
        self._thread.start()

    def _send(self, url: str, inquiry: str) -> None:
        try:
            with connect(url, away_seconds=0).blocking() as engine:
                engine.answer_inquiry(inquiry, "late")
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self._refusal = error

    def refusal(self) -> Exception | None:
        """Return why the answer was refused, or None if it was taken."""
        self._thread.join(PATIENCE)
        return self._refusal
