"""All that starts runs and that runs wait for, at once, while daemons are killed; counted from outside.

python -m tests.support.killed_triggers --kills 300
python -m tests.support.killed_triggers --kills 100 --daemons 2

Senders post to a webhook, schedules are due each second, a program and a `PollingSensor` of StackStorm's send events,
and people answer what runs ask. With two daemons, which share a PostgreSQL, either of them is killed or frozen.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Final

from stretto.actors import DaemonUnreachable, ScheduleElsewhere, connect
from stretto.actors.gateway.wire import AnswerLost
from stretto.actors.journal import MAX_PAGE, EventQuery, Reader, RunQuery, open_reader
from stretto.definitions.conductor import ENDED
from stretto.definitions.rules import SCHEDULE_EVENT
from tests.support import killed_people
from tests.support.databases import database
from tests.support.forked_daemons import ForkedDaemon, Forks, forking
from tests.support.harness import PATIENCE
from tests.support.killed_posters import HOOK, SECRET, post
from tests.support.postgres_server import PostgresServer

LEASE_SECONDS: Final = 5
SENDERS: Final = 2
PEOPLE: Final = 2
MOST: Final = 1_000_000
"""Events of a type that are read at once: all of them."""
ASKS_EACH: Final = 20
"""Each so manieth order asks people, three times."""
SCHEDULES: Final = {"allowing": "allow", "replacing": "cancel_older"}
WORKFLOWS: Final = ("every", "even", "due", "sensed", "polled")
ECHO: Final = """
ref: t.{name}
version: "1"
parameters: {{key: {{}}}}
tasks: [{{name: say, action: core.echo, input: {{message: "{{{{ parameters.key }}}}"}}}}]
"""
RULES: Final = {
    "every": "on: orders\nrun: t.every\ninput: {key: '{{ payload.order }}'}\n",
    "even": "on: {event: orders, when: 'payload.order % 2 == 0'}\nrun: t.even\ninput: {key: '{{ payload.order }}'}\n",
    "asking": (
        f"on: {{event: orders, when: 'payload.order % {ASKS_EACH} == 0'}}\n"
        "run: test.asks\ninput: {key: '{{ payload.order }}'}\n"
    ),
    "sensed": "on: t.sensed\nrun: t.sensed\ninput: {key: '{{ payload.key }}'}\n",
    "polled": "on: polls.polled\nrun: t.polled\ninput: {key: '{{ payload.key }}'}\n",
}
SCHEDULE: Final = (
    "schedule: {{every: 1, missed: {{all: 1000}}, overlap: {overlap}}}\nrun: t.due\n"
    "input: {{key: '{{{{ payload.schedule }}}} {{{{ payload.due }}}}'}}\n"
)
SENSOR: Final = """
import json, os, sys, time

acknowledged, quiet = {acknowledged!r}, {quiet!r}
with open(acknowledged) as file:
    number = max((json.loads(line)[0] for line in file), default=0) + 1
log = open(acknowledged, "a")
while True:
    while os.path.exists(quiet):
        time.sleep(0.05)
    print(json.dumps({{"id": 1, "payload": {{"key": str(number)}}, "key": str(number)}}), flush=True)
    answer = json.loads(sys.stdin.readline())
    if "event" in answer:
        log.write(json.dumps([number, answer["event"]]) + "\\n")
        log.flush()
        number += 1
    time.sleep(0.1)
"""
POLLING: Final = """
import os, uuid
from st2reactor.sensor.base import PollingSensor


class Polls(PollingSensor):
    def setup(self):
        self.log = open({acknowledged!r}, "a")
        self.set_poll_interval(0.1)

    def poll(self):
        if not os.path.exists({quiet!r}):
            key = uuid.uuid4().hex
            self.sensor_service.dispatch("polls.polled", {{"key": key}})
            self.log.write(key + "\\n")
            self.log.flush()
"""


@dataclass
class Report:
    """The result of a campaign.

    Attributes:
        orders: The event's id that each order was answered with.
        people: The answers that people gave, and what came of their inquiries.
        acknowledged: The keys of sensors' events that were acknowledged, by workflow.
        due: The due times of each schedule's events, in the order of their acceptance.
        runs: How many runs each (workflow, key) has.
        statuses: How many runs each (workflow, status) has.
        other_ids: The orders that were answered with several ids.
        faults: How often daemons were killed and frozen.
        problems: What is wrong with the store itself.
    """

    orders: dict[int, str] = field(default_factory=dict)
    people: killed_people.Report = field(default_factory=killed_people.Report)
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    due: dict[str, list[int]] = field(default_factory=dict)
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    other_ids: list[int] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def expected(self) -> set[tuple[str, str]]:
        """The runs that must be there."""
        found = {("t.every", str(order)) for order in self.orders}
        found |= {("t.even", str(order)) for order in self.orders if order % 2 == 0}
        found |= {("test.asks", str(order)) for order in self.orders if order % ASKS_EACH == 0}
        for workflow, keys in self.acknowledged.items():
            found |= {(workflow, key) for key in keys}
        return found

    @property
    def lost(self) -> set[tuple[str, str]]:
        """The runs that must be there and are not."""
        return self.expected - self.runs.keys()

    @property
    def doubled(self) -> list[tuple[str, str]]:
        """The rules and events with several runs."""
        return [key for key, count in self.runs.items() if count > 1]

    @property
    def wrong_times(self) -> list[str]:
        """The schedules that have left out or repeated a due time."""
        return [name for name, due in self.due.items() if due != list(range(due[0], due[-1] + 1))]

    @property
    def broken(self) -> dict[str, object]:
        """All that is wrong, by its name."""
        unended = {key: count for key, count in self.statuses.items() if key[1] not in {"succeeded", "cancelled"}}
        cancelled = [key for key in self.statuses if key[1] == "cancelled" and key[0] != "t.due"]
        found: dict[str, object] = {
            "lost": sorted(self.lost), "doubled": self.doubled, "several ids": self.other_ids,
            "wrong times": self.wrong_times, "not ended": unended, "cancelled": cancelled,
            "asked again": self.people.asked_again, "lost answers": self.people.lost,
            "wrong outputs": self.people.wrong, "store": self.problems,
        }  # fmt: skip
        return {name: wrong for name, wrong in found.items() if wrong}


class Senders:
    """Threads that post one order after the other, each until it is acknowledged."""

    def __init__(self, sockets: list[Path], report: Report) -> None:
        self._sockets = sockets
        self._report = report
        self._over = threading.Event()
        self._arrived = threading.Condition()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]
        for each in self._threads:
            each.start()

    def have_sent(self, more: int) -> None:
        """Wait until so many more orders are acknowledged."""
        with self._arrived:
            wanted = len(self._report.orders) + more
            assert self._arrived.wait_for(lambda: len(self._report.orders) >= wanted, PATIENCE)

    def end(self) -> None:
        """Send no more orders."""
        self._over.set()
        for each in self._threads:
            each.join(PATIENCE)

    def _send(self, number: int) -> None:
        order = number
        while not self._over.is_set():
            event = post(self._sockets[order % len(self._sockets)], order)
            # A request that got no answer may have been accepted: it is sent to any daemon, and known by its order.
            while event is None:
                self._over.wait(0.02)
                event = next((found for each in self._sockets if (found := post(each, order)) is not None), None)
            again = post(self._sockets[0], order) if order % 50 == 0 else event
            with self._arrived:
                self._report.orders[order] = event
                if again not in {None, event}:
                    self._report.other_ids.append(order)
                self._arrived.notify_all()
            order += SENDERS
            self._over.wait(0.1)


class Scene:
    """The definitions, and the daemons that serve them."""

    def __init__(self, folder: Path, store: str, daemons: int, forks: Forks) -> None:
        self.store = store
        self.quiet = folder / "quiet"
        self.sensed, self.polled = folder / "sensed", folder / "polled"
        self.sensed.touch()
        self.polled.touch()
        self._forks = forks
        self._environment = {} if daemons == 1 else {"STRETTO__ENGINE__STORE_LEASE": str(LEASE_SECONDS)}
        self._folders = [folder / f"d{number}" for number in range(daemons)]
        self.sockets = [each / "run" / "s" for each in self._folders]
        self.daemons: list[ForkedDaemon] = []
        for place in self._folders:
            place.mkdir()
            self._write(place / "definitions")
            self._write_pack(place / "packs" / "polls")
            self.daemons.append(self.start(len(self.daemons)))

    def _write(self, folder: Path) -> None:
        folder.mkdir()
        asks = killed_people.ASKS.replace("ref: test.asks\n", "ref: test.asks\nparameters: {key: {}}\n")
        files = {"secret.txt": SECRET, "orders.yaml": HOOK, "asks.yaml": asks}
        files |= {f"work-{name}.yaml": ECHO.format(name=name) for name in WORKFLOWS}
        files |= {f"rule-{name}.yaml": text for name, text in RULES.items()}
        files |= {f"{name}.yaml": SCHEDULE.format(overlap=overlap) for name, overlap in SCHEDULES.items()}
        files["sensor.yaml"] = "sensor: senses\ncommand: [python3, sensor.py]\nevent: t.sensed\n"
        files["sensor.py"] = SENSOR.format(acknowledged=str(self.sensed), quiet=str(self.quiet))
        for name, text in files.items():
            (folder / name).write_text(text)

    def _write_pack(self, folder: Path) -> None:
        (folder / "sensors").mkdir(parents=True)
        (folder / "pack.yaml").write_text("name: polls\nversion: 1.0.0\nauthor: a\nemail: a@b.example\n")
        (folder / "sensors" / "polls.yaml").write_text(
            "class_name: Polls\nentry_point: polls.py\ndescription: It polls.\npoll_interval: 1\n"
            "trigger_types: [{name: polled, description: A poll., payload_schema: {type: object}}]\n"
        )
        program = POLLING.format(acknowledged=str(self.polled), quiet=str(self.quiet))
        (folder / "sensors" / "polls.py").write_text(program)

    def begin(self, number: int) -> None:
        """Wait until a daemon is ready. One that has ended, as a fenced one does, is started again."""
        while not self.daemons[number].begin():
            self.daemons[number] = self.start(number)

    def start(self, number: int) -> ForkedDaemon:
        """Start a daemon again. It may not be ready yet."""
        folder = self._folders[number]
        more = ("--store", self.store, "--packs", str(folder / "packs"))
        return self._forks.start(folder, *more, **self._environment)


def campaign(
    folder: Path, store: str, kills: int, *, daemons: int = 1, freezes: int = 0, seed: int = 0, seconds: float = inf
) -> Report:
    """Kill daemons at any instant, and look into the store at the end.

    Args:
        folder: A folder for the daemons.
        store: The URL of their store.
        kills: How many daemons are killed.
        daemons: How many share the store.
        freezes: How often one is frozen for longer than its lease, and continued.
        seed: Chooses the instants.
        seconds: After which there are no more faults.
    """
    report, chance = Report(), random.Random(seed)  # noqa: S311 - no secret
    with ExitStack() as stack:
        scene = Scene(folder, store, daemons, stack.enter_context(forking()))
        for number in range(daemons):
            scene.begin(number)
        senders = Senders(scene.sockets, report)
        stack.callback(senders.end)
        people = killed_people.People(scene.daemons[0].url, PEOPLE, report.people, seed)
        stack.callback(people.end)
        faults = ["kill"] * kills + ["freeze"] * freezes
        chance.shuffle(faults)
        until = time.monotonic() + seconds
        for fault in faults:
            if time.monotonic() > until:
                break
            _make_fault(fault, scene, chance, report)
        senders.have_sent(1)
        senders.end()
        scene.quiet.touch()
        _await_rest(scene, report)
        people.end()
        _look_at_inquiries(scene, report)
        for each in scene.daemons:
            each.signal(signal.SIGTERM)
        codes = [each.ended() for each in scene.daemons]
        assert any(code == 0 for code in codes), scene.daemons[0].log[-2000:]
        with closing(open_reader(store, None)) as reader:
            _count(reader, scene, report)
    return report


def _make_fault(fault: str, scene: Scene, chance: random.Random, report: Report) -> None:
    """Kill a daemon and start it again, or freeze it for some leases. The instant is chosen."""
    number = chance.randrange(len(scene.daemons))
    if scene.daemons[number].has_ended:  # it has found that it was fenced
        scene.daemons[number] = scene.start(number)
    served = scene.daemons[number]
    time.sleep(chance.uniform(0.0, 1.5))  # nothing is awaited: any instant is as good
    report.faults[fault] += 1
    if fault == "freeze":
        served.signal(signal.SIGSTOP)
        time.sleep(LEASE_SECONDS * chance.uniform(0.8, 3.0))
        served.signal(signal.SIGCONT)
        return
    served.signal(signal.SIGKILL)
    served.ended()
    scene.daemons[number] = scene.start(number)
    if chance.random() < 0.8:  # the others are killed while they start
        scene.begin(number)


def _await_rest(scene: Scene, report: Report) -> None:
    """Start the daemons that have ended, pause the schedules, and wait until the rest is done."""
    for number, each in enumerate(scene.daemons):
        if each.has_ended:  # it has found that it was fenced
            scene.daemons[number] = scene.start(number)
            scene.begin(number)
    deadline = time.monotonic() + PATIENCE
    for name in SCHEDULES:
        while not any(_has_paused(each, name) for each in scene.daemons):
            assert time.monotonic() < deadline
    with closing(open_reader(scene.store, None)) as reader:
        while time.monotonic() < deadline:
            in_progress = sum(count for status, count in reader.counts().items() if status not in ENDED)
            if not in_progress and not _runs_to_come(reader):
                return
            time.sleep(0.2)
    report.problems.append(f"{in_progress} runs are still in progress")


def _has_paused(served: ForkedDaemon, name: str) -> bool:
    try:
        with connect(served.url, away_seconds=0).blocking() as engine:
            return bool(engine.pause_schedule(name)["status"] == "paused")
    except (ScheduleElsewhere, DaemonUnreachable, AnswerLost):
        return False


def _runs_to_come(reader: Reader) -> list[str]:
    """Return the runs that the newest events lead to and that are not there yet."""
    newest = reader.events.page(EventQuery(limit=200)).events
    runs = [match.run for each in newest for match in reader.events.matches(each.id) if match.error is None]
    return [run for run in runs if reader.run(run) is None]


def _look_at_inquiries(scene: Scene, report: Report) -> None:
    cursor: str | None = None
    with connect(scene.daemons[0].url).blocking() as engine:
        while True:
            page = engine.inquiries(cursor=cursor, limit=500)
            for row in page["inquiries"]:
                report.people.asked.setdefault((row["run"], row["task"]), []).append(row)
            cursor = page["next"]
            if cursor is None:
                break
    statuses = {row["status"] for rows in report.people.asked.values() for row in rows}
    if statuses - {"answered"}:
        report.problems.append(f"inquiries are {sorted(statuses)}")


def _count(reader: Reader, scene: Scene, report: Report) -> None:
    """Count the runs of each rule and event, and compare the events with what was acknowledged."""
    sensed = [json.loads(line) for line in scene.sensed.read_text().splitlines()]
    report.acknowledged["t.sensed"] = [str(number) for number, _event in sensed]
    report.acknowledged["t.polled"] = scene.polled.read_text().split()
    report.acknowledged["t.due"] = []
    for event in reader.events.since(SCHEDULE_EVENT, 0.0, most=MOST).events:
        name, due = event.payload["schedule"], event.payload["due"]
        report.due.setdefault(name, []).append(int(datetime.fromisoformat(due).timestamp()))
        report.acknowledged["t.due"].append(f"{name} {due}")
    _check_events(reader, "orders", "order", [(str(order), event) for order, event in report.orders.items()], report)
    _check_events(reader, "t.sensed", "key", [(str(number), event) for number, event in sensed], report)
    cursor: str | None = None
    while True:
        page = reader.runs(RunQuery(cursor=cursor, limit=MAX_PAGE))
        for row in page.runs:
            accepted, end = reader.accepted(row.id), reader.end(row.id)
            assert accepted is not None
            report.runs[row.workflow, str(accepted.parameters["key"])] += 1
            report.statuses[row.workflow, row.status] += 1
            if row.workflow == "test.asks" and end is not None and isinstance(end.output, dict):
                report.people.outputs[row.id] = [str(each) for each in end.output["said"]]
        cursor = page.next
        if cursor is None:
            return


def _check_events(reader: Reader, event_type: str, field: str, known: list[tuple[str, str]], report: Report) -> None:
    """Check that each key has one event, and that it is the acknowledged one."""
    stored: dict[str, list[str]] = {}
    for event in reader.events.since(event_type, 0.0, most=MOST).events:
        stored.setdefault(str(event.payload[field]), []).append(event.id)
    report.problems += [f"{event_type} {key} has the events {ids}" for key, ids in stored.items() if len(ids) > 1]
    for key, event_id in known:
        if event_id not in stored.get(key, ()):
            report.problems.append(f"the event {event_id} of {event_type} {key} was acknowledged and is lost")


@contextmanager
def store_for(folder: Path, daemons: int) -> Iterator[str]:
    """Give the URL of a store that so many daemons can open."""
    if daemons == 1:
        yield f"sqlite:///{folder}/store.db"
        return
    server = PostgresServer()
    try:
        server.start()
        with database(server.url(), "template0") as url:
            yield url
    finally:
        server.remove()


def main() -> int:
    """Run a campaign and print its result. Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--freezes", type=int, default=0)
    parser.add_argument("--daemons", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=inf, help="after which there are no more faults")
    given = parser.parse_args()
    began, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="stretto-triggers-"))
    folder.chmod(0o700)
    with store_for(folder, given.daemons) as store:
        report = campaign(
            folder, store, given.kills, daemons=given.daemons, freezes=given.freezes, seed=given.seed,
            seconds=given.seconds,
        )  # fmt: skip
    faults = ", ".join(f"{count} {fault}s" for fault, count in report.faults.items())
    keys = {workflow: len(keys) for workflow, keys in report.acknowledged.items()}
    answered = len(report.people.acknowledged)
    sys.stdout.write(
        f"{faults}, {time.monotonic() - began:.0f} s: {len(report.orders):,} orders, {answered:,} answers and {keys} "
        f"acknowledged; {report.runs.total():,} runs: {dict(report.statuses)}\n"
    )
    broken = report.broken
    for name, wrong in broken.items():
        sys.stdout.write(f"{name}: {str(wrong)[:2000]}\n")
    if broken:
        sys.stdout.write(f"the store is kept in {folder}\n")
        return 1
    shutil.rmtree(folder)
    sys.stdout.write("each event has one run of each rule, and each due time its own\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
