"""Senders of a webhook, whose daemon is killed again and again: each acknowledged event has one run of each rule.

python -m tests.support.killed_posters --senders 8 --events 250 --kills 100
"""

import argparse
import http.client
import json
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from stretto.actors import connect
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.queries import MAX_PAGE, RunQuery
from tests.support.daemons import Served, serving
from tests.support.harness import PATIENCE

SECRET = "a-token-of-the-hook"
HOOK = "hook: orders\nsecret: {file: secret.txt}\ndedupe: payload.order\n"
EVERY = "on: orders\nrun: test.echo\ninput: {n: '{{ payload.order }}'}\n"
EVEN = "on: {event: orders, when: 'payload.order % 2 == 0'}\nrun: core.echo\ninput: {message: '{{ payload.order }}'}\n"
AWAY_SECONDS = 0.02
"""How long a sender waits while no daemon listens."""


@dataclass
class Report:
    """The result of a campaign.

    Attributes:
        acknowledged: The event's id that each order was answered with.
        other_ids: The orders that were answered with several ids.
        runs: How many runs each (rule's workflow, order) has.
        kills: How many daemons were killed.
        statuses: The number of stored runs by their status.
    """

    acknowledged: dict[int, str] = field(default_factory=dict)
    other_ids: list[int] = field(default_factory=list)
    runs: Counter[tuple[str, int]] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    kills: int = 0

    @property
    def expected(self) -> Counter[tuple[str, int]]:
        """The runs of all acknowledged events: one of each rule that answers."""
        every = [("test.echo", order) for order in self.acknowledged]
        return Counter([*every, *(("core.echo", order) for order in self.acknowledged if order % 2 == 0)])


class _Connection(http.client.HTTPConnection):
    """A connection over the daemon's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


class Senders:
    """Threads that send one order after the other, each until it is acknowledged.

    Args:
        path: The daemon's socket.
        count: How many threads there are.
        events: How many orders each sends.
        report: Takes the answers.
    """

    def __init__(self, path: Path, count: int, events: int, report: Report) -> None:
        self._path = path
        self._events = events
        self._report = report
        self._arrived = threading.Condition()
        self._threads = [threading.Thread(target=self._send_all, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def have_sent(self, count: int) -> None:
        """Wait until so many orders are acknowledged."""
        with self._arrived:
            done = self._arrived.wait_for(lambda: len(self._report.acknowledged) >= count, timeout=PATIENCE)
        assert done, f"{len(self._report.acknowledged)} of {count} orders are acknowledged"

    def end(self) -> None:
        """Wait for the end of all threads."""
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _send_all(self, number: int) -> None:
        for at in range(self._events):
            order = number * self._events + at
            while (event := post(self._path, order)) is None:
                time.sleep(AWAY_SECONDS)
            again = post(self._path, order) if order % 50 == 0 else event  # a repeated request has the same id
            with self._arrived:
                self._report.acknowledged[order] = event
                if again not in {None, event}:
                    self._report.other_ids.append(order)
                self._arrived.notify_all()


def post(path: Path, order: int) -> str | None:
    """Send an order to the daemon of a socket. Return its event, or None if it was not acknowledged."""
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    with closing(_Connection(path)) as connection:
        try:
            connection.request("POST", "/api/v1/hooks/orders", json.dumps({"order": order}), headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return None
    if answer.status >= 500:
        return None
    assert answer.status in {200, 202}, (answer.status, body)
    event: str = json.loads(body)["event"]
    return event


def campaign(folder: Path, senders: int, events: int, kills: int, seed: int = 0) -> Report:
    """Kill daemons while senders post, and look into the store at the end.

    Args:
        folder: A folder for the daemons, which have the store in it.
        senders: How many threads send.
        events: How many orders each sends.
        kills: How many daemons are killed, each at some instant after the same number of acknowledged orders.
        seed: Chooses the instants.
    """
    report, store, chance = Report(), folder / "store.db", random.Random(seed)  # noqa: S311 - no secret
    definitions = folder / "definitions"
    definitions.mkdir(exist_ok=True)
    for name, text in (("secret.txt", SECRET), ("orders.yaml", HOOK), ("every.yaml", EVERY), ("even.yaml", EVEN)):
        (definitions / name).write_text(text)
    sending: Senders | None = None
    for number in range(kills):
        with serving(folder, "--store", f"sqlite:///{store}") as served:
            if sending is None:
                sending = Senders(folder / "run" / "s", senders, events, report)
            sending.have_sent((number + 1) * senders * events // (kills + 1))
            time.sleep(chance.random() * 0.1)  # nothing is awaited: any instant is as good
            served.process.kill()
            report.kills += 1
    with serving(folder, "--store", f"sqlite:///{store}") as served:
        if sending is None:
            sending = Senders(folder / "run" / "s", senders, events, report)
        sending.end()
        _await_runs(served, report)
    _count(store, report)
    return report


def _await_runs(served: Served, report: Report) -> None:
    """Wait until as many runs have ended as there must be, at least."""
    deadline = time.monotonic() + PATIENCE
    with connect(served.client.url).blocking() as engine:
        while time.monotonic() < deadline:
            counts = engine.run_counts(0.0)["statuses"]
            ended = sum(count for status, count in counts.items() if status in {"succeeded", "failed", "cancelled"})
            if ended >= report.expected.total():
                return
            time.sleep(0.1)


def _count(store: Path, report: Report) -> None:
    """Count the runs of each rule and order in the store."""
    cursor: str | None = None
    with closing(open_reader(f"sqlite:///{store}", None)) as reader:
        while True:
            page = reader.runs(RunQuery(cursor=cursor, limit=MAX_PAGE))
            for row in page.runs:
                accepted = reader.accepted(row.id)
                assert accepted is not None
                (order,) = accepted.parameters.values()
                report.runs[row.workflow, int(order)] += 1
                report.statuses[row.status] += 1
            cursor = page.next
            if cursor is None:
                return


def main() -> None:
    """Run a campaign and print its result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--events", type=int, default=250, help="orders of each sender")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o700)
        report = campaign(Path(folder), given.senders, given.events, given.kills, given.seed)
    lost = report.expected - report.runs
    doubled = Counter({key: count - 1 for key, count in report.runs.items() if count > 1})
    sys.stdout.write(
        f"{report.kills} kills: {len(report.acknowledged):,} events acknowledged, {report.runs.total():,} runs "
        f"({', '.join(f'{count:,} {status}' for status, count in report.statuses.items())}), {lost.total()} lost, "
        f"{doubled.total()} doubled, {len(report.other_ids)} with several ids\n"
    )


if __name__ == "__main__":
    main()
