"""Engines with schedules of every second that are killed again and again: each due time leads to one run.

python -m tests.support.killed_schedules --kills 300
"""

import argparse
import random
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pykka

from stretto.actors import Engine
from stretto.actors.journal import EventQuery, open_reader
from stretto.actors.runs import RunEnded
from stretto.definitions.rules import SCHEDULE_EVENT
from tests.support.paths import ROOT

WORK = """
ref: t.work
version: "1"
parameters: {due: {type: string}}
tasks: [{name: say, action: core.echo, input: {message: "{{ parameters.due }}"}}]
output_map: {due: "{{ parameters.due }}"}
"""
SCHEDULE = "schedule: {{every: 1, missed: {{all: 1000}}, overlap: {overlap}}}\nrun: t.work\ninput: {{due: '{due}'}}\n"
SCHEDULES = {"allowing": "allow", "replacing": "cancel_older"}


@dataclass
class Report:
    """What has come of a campaign.

    Attributes:
        due: The due times of the events of each schedule, in order.
        runs: The number of runs of each event, by schedule.
        statuses: The number of runs by their status.
        kills: How many engines were killed.
    """

    due: dict[str, list[int]] = field(default_factory=dict)
    runs: dict[str, Counter[int]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    kills: int = 0


def write_definitions(folder: Path) -> Path:
    """Write a workflow and the schedules, and return their folder."""
    folder.mkdir()
    (folder / "work.yaml").write_text(WORK)
    for name, overlap in SCHEDULES.items():
        (folder / f"{name}.yaml").write_text(SCHEDULE.format(overlap=overlap, due="{{ payload.due }}"))
    return folder


def campaign(folder: Path, kills: int, seed: int = 0) -> Report:
    """Kill engines at any instant, and look into the store when the last one has ended its runs."""
    definitions, store = write_definitions(folder / "definitions"), f"sqlite:///{folder}/store.db"
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    report = Report()
    for number in range(kills + 1):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.support.killed_schedules", "--engine", str(definitions), store],
            stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, cwd=ROOT,
        ) as engine:  # fmt: skip
            assert engine.stdout is not None
            assert engine.stdin is not None
            for _ in range(chance.randint(0, 6)):
                assert engine.stdout.readline()
            if number < kills:
                engine.kill()
                report.kills += 1
            else:
                engine.stdin.close()
                engine.stdout.read()
                assert engine.wait() == 0
    _count(store, report)
    return report


def _count(store: str, report: Report) -> None:
    reader = open_reader(store, None)
    try:
        events = reader.events.since(SCHEDULE_EVENT, 0.0, most=1_000_000).events
        assert len(events) == len(reader.events.page(EventQuery(limit=1_000_000)).events)
        for event in events:
            name = event.payload["schedule"]
            report.due.setdefault(name, []).append(int(datetime.fromisoformat(event.payload["due"]).timestamp()))
            matches = reader.events.matches(event.id)
            report.runs.setdefault(name, Counter())[len(matches)] += 1
            for match in matches:
                run = reader.run(match.run)
                report.statuses["none" if run is None else run.status] += 1
    finally:
        reader.close()


class Printer(pykka.ThreadingActor):
    """Prints a line for each run that ends."""

    use_daemon_thread = True

    def on_receive(self, message: object) -> None:
        if isinstance(message, RunEnded):
            print(message.run_id, flush=True)  # noqa: T201


def serve(definitions: str, store: str) -> None:
    """Run an engine until the standard input ends."""
    with Engine.open(definitions=definitions, store=store) as engine:
        engine.proxy.host.subscribe_to_ends(Printer.start()).get()
        print("up", flush=True)  # noqa: T201
        sys.stdin.read()
        for name in SCHEDULES:
            engine.pause_schedule(name)
        engine.stop()
    pykka.ActorRegistry.stop_all()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", nargs=2)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.engine:
        serve(*given.engine)
        return
    with tempfile.TemporaryDirectory() as folder:
        report = campaign(Path(folder), given.kills, given.seed)
    for name, due in report.due.items():
        whole = due == list(range(due[0], due[-1] + 1))
        print(f"{name}: {len(due)} events, each second once: {whole}, matches of an event: {dict(report.runs[name])}")  # noqa: T201
    print(f"{report.kills} kills, runs: {dict(report.statuses)}")  # noqa: T201


if __name__ == "__main__":
    main()
