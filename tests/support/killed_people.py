"""People who answer runs while their daemon is killed again and again: no answered inquiry is asked again.

python -m tests.support.killed_people --people 4 --runs 40 --kills 300
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pykka

from stretto.actors import DaemonUnreachable, InquiryEnded, connect
from stretto.actors.gateway.wire import AnswerLost, RequestRefused
from stretto.actors.outcome import RunWasParked
from stretto.definitions.conductor import IllegalTransition
from tests.support.daemons import serving
from tests.support.harness import PATIENCE
from tests.support.pack_files import write_pack

QUESTIONS: Final = ("first", "second", "third")
ASKS: Final = """
version: "1.0.0"
ref: test.asks
tasks:
  - {name: first, action: core.ask, input: {prompt: one, schema: {type: string}}, next: [{do: [second]}]}
  - {name: second, action: core.ask, input: {prompt: two, schema: {type: string}}, next: [{do: [third]}]}
  - {name: third, action: core.ask, input: {prompt: three, schema: {type: string}}}
output_map: {said: ["{{ task.first.result.response }}", "{{ task.second.result.response }}", "{{ task.third.result.response }}"]}
"""  # noqa: E501 - a definition
MADE: Final = """
version: "1.0.0"
ref: test.asks
tasks:
  - {name: first, action: tools.ask, input: {prompt: one}, next: [{do: [one]}]}
  - name: one
    action: core.echo
    wait_for: {inquiry: "{{ task.first.inquiry_id }}"}
    input: {message: "{{ inquiry.one.response }}"}
    next: [{do: [second]}]
  - {name: second, action: tools.ask, input: {prompt: two}, next: [{do: [two]}]}
  - name: two
    action: core.echo
    wait_for: {inquiry: "{{ task.second.inquiry_id }}"}
    input: {message: "{{ inquiry.two.response }}"}
output_map: {said: ["{{ task.one.result }}", "{{ task.two.result }}"]}
"""
"""The same with inquiries that actions make."""
_ASK: Final = """
import json, os, sys, urllib.request
body = {"prompt": json.load(sys.stdin)["prompt"], "response_schema": {"type": "string"}}
request = urllib.request.Request(
    os.environ["ATTUNE_API_URL"] + "/api/v1/inquiries", json.dumps(body).encode(),
    {"Authorization": "Bearer " + os.environ["ATTUNE_API_TOKEN"]},
)
with urllib.request.urlopen(request) as response:
    json.dump({"inquiry_id": json.load(response)["data"]["inquiry"]["id"]}, sys.stdout)
"""
_ASK_METADATA: Final = (
    "ref: tools.ask\nrunner_type: python\nentry_point: ask.py\noutput_format: json\n"
    "parameters: {prompt: {type: string, required: true}}\n"
)
_GONE: Final = (DaemonUnreachable, AnswerLost, RunWasParked, pykka.ActorDeadError)
"""The last two are of a daemon that has lost its lease, and ends."""
_PAUSE_SECONDS: Final = 0.02
"""How long people wait before they look again. Without it, they take the processor from the daemon that starts."""
_STARTING: Final = "engine_starting"
"""The code of refusals while a daemon is not ready yet."""


@dataclass
class Report:
    """What has come of a campaign.

    Attributes:
        acknowledged: The answer that was acknowledged for each inquiry.
        asked: The inquiries of each task of each run, as the store has them at the end.
        outputs: What each run has made of its answers.
        kills: How many daemons were killed.
        tasks: The tasks that ask.
    """

    acknowledged: dict[str, str] = field(default_factory=dict)
    asked: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    outputs: dict[str, list[str]] = field(default_factory=dict)
    kills: int = 0
    tasks: tuple[str, ...] = QUESTIONS

    @property
    def asked_again(self) -> list[tuple[str, str]]:
        """The tasks that have asked again after an answer."""
        return [
            place
            for place, rows in self.asked.items()
            if any(row["status"] == "answered" for row in rows) and len(rows) > 1
        ]

    @property
    def lost(self) -> list[str]:
        """The inquiries whose acknowledged answer is not the one in the store."""
        stored = {row["id"]: row["response"] for rows in self.asked.values() for row in rows}
        return [each for each, answer in self.acknowledged.items() if stored.get(each) != answer]

    @property
    def wrong(self) -> list[str]:
        """The runs whose output is not what the store says was answered."""
        found = []
        for run, said in self.outputs.items():
            rows = [self.asked[run, task] for task in self.tasks]
            if said != [each[0]["response"] for each in rows]:
                found.append(run)
        return found


class People:
    """Threads that answer all that waits, until the runs have ended."""

    def __init__(self, url: str, count: int, report: Report, seed: int) -> None:
        self._url = url
        self._report = report
        self._over = threading.Event()
        self._answered = threading.Condition()
        self._threads = [threading.Thread(target=self._answer, args=(number, seed)) for number in range(count)]
        for each in self._threads:
            each.start()

    def have_answered(self, count: int) -> None:
        """Wait until so many answers are acknowledged."""
        with self._answered:
            assert self._answered.wait_for(lambda: len(self._report.acknowledged) >= count, PATIENCE)

    def end(self) -> None:
        """Let them go."""
        self._over.set()
        for each in self._threads:
            each.join(PATIENCE)

    def _answer(self, number: int, seed: int) -> None:
        chosen, said = random.Random(seed + number), 0  # noqa: S311 - what is chosen is no secret
        with connect(self._url, away_seconds=0).blocking() as engine:
            while not self._over.is_set():
                try:
                    waiting = engine.inquiries(status="pending", limit=50)["inquiries"]
                    if not waiting:
                        self._over.wait(_PAUSE_SECONDS)
                        continue
                    inquiry, said = chosen.choice(waiting)["id"], said + 1
                    answer = f"{number}-{said}"
                    engine.answer_inquiry(inquiry, answer)
                except (*_GONE, InquiryEnded, IllegalTransition):
                    self._over.wait(_PAUSE_SECONDS)
                    continue
                except RequestRefused as refused:
                    if refused.code != _STARTING:
                        raise
                    self._over.wait(_PAUSE_SECONDS)
                    continue
                with self._answered:
                    self._report.acknowledged[inquiry] = answer
                    self._answered.notify_all()


def campaign(
    folder: Path,
    *,
    people: int,
    runs: int,
    kills: int,
    seed: int = 1,
    store: str | None = None,
    made: bool = False,
) -> Report:
    """Kill daemons while people answer, and look into the store at the end.

    Args:
        folder: A folder for the daemons, which have the store in it.
        people: How many people answer.
        runs: How many runs ask, three times each.
        kills: How many daemons are killed, each at a moment that is chosen.
        seed: Chooses the moments and who answers what.
        store: The URL of the store, by default of a file in the folder.
        made: Whether actions make the inquiries, two in each run, and other tasks wait for them.
    """
    tasks = QUESTIONS[:2] if made else QUESTIONS
    report, store = Report(tasks=tasks), store or f"sqlite:///{folder}/store.db"
    write_pack(folder / "packs" / "tools", actions__ask_dot_py=_ASK, actions__ask_dot_yaml=_ASK_METADATA)
    options = ("--store", store, "--packs", str(folder / "packs"))
    chosen = random.Random(seed)  # noqa: S311 - as above
    (folder / "definitions").mkdir(exist_ok=True)
    (folder / "definitions" / "asks.yaml").write_text(MADE if made else ASKS)
    answering: People | None = None
    for number in range(kills):
        with serving(folder, *options) as served:
            if number == 0:
                with connect(served.client.url).blocking() as engine:
                    for _ in range(runs):
                        engine.submit("test.asks")
            if answering is None:
                answering = People(served.client.url, people, report, seed)
            answering.have_answered((number + 1) * len(tasks) * runs // (kills + 1))
            time.sleep(chosen.uniform(0.0, 0.01))  # the moment of the kill, in or between commits
            served.process.kill()
            report.kills += 1
    assert answering is not None
    with serving(folder, *options) as served, connect(served.client.url).blocking() as engine:
        handles = [engine.handle(run["id"]) for run in engine.runs(limit=500)["runs"]]
        for handle in handles:
            outcome = handle.outcome.get(timeout=PATIENCE)
            assert outcome.status == "succeeded", outcome
            assert outcome.output is not None
            report.outputs[handle.id] = outcome.output["said"]
        answering.end()
        cursor: str | None = None
        while True:
            page = engine.inquiries(cursor=cursor, limit=500)
            for row in page["inquiries"]:
                report.asked.setdefault((row["run"], row["task"]), []).append(row)
            cursor = page["next"]
            if cursor is None:
                return report


def main() -> None:
    """Run a campaign and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--made", action="store_true", help="inquiries that actions make, instead of core.ask")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = campaign(
            Path(folder), people=given.people, runs=given.runs, kills=given.kills, seed=given.seed, made=given.made
        )
    by = Counter(row["status"] for rows in report.asked.values() for row in rows)
    sys.stdout.write(
        f"{report.kills} kills: {len(report.acknowledged):,} answers acknowledged, {dict(by)} inquiries in the store, "
        f"{len(report.asked_again)} asked again, {len(report.lost)} answers lost, {len(report.wrong)} outputs wrong\n"
    )


if __name__ == "__main__":
    main()
