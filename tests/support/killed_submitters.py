"""Clients that submit runs with keys while their daemon is killed again and again: none is lost, none is doubled.

python -m tests.support.killed_submitters --clients 200 --runs 10 --kills 10
"""

import argparse
import asyncio
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from stretto.actors import connect, connect_async
from tests.support.daemons import serving
from tests.support.harness import PATIENCE


@dataclass
class Report:
    """What has come of a campaign.

    Attributes:
        acknowledged: The run's id that each key was answered with.
        ended: The keys of runs whose outcome was right.
        stored: The ids of the runs in the store by their key.
        statuses: The number of stored runs by their status.
        kills: How many daemons were killed.
    """

    acknowledged: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    stored: dict[str, list[str]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    kills: int = 0

    @property
    def lost(self) -> list[str]:
        """The keys of acknowledged runs that the store does not have."""
        return [key for key, run in self.acknowledged.items() if run not in self.stored.get(key, ())]

    @property
    def doubled(self) -> list[str]:
        """The keys that have several runs."""
        return [key for key, runs in self.stored.items() if len(runs) > 1]


class Clients:
    """Clients in an event loop of their own thread, each of which submits one run after the other.

    Args:
        url: The daemon's URL.
        count: How many clients there are.
        runs: How many runs each submits.
        report: Takes what they see.
    """

    def __init__(self, url: str, count: int, runs: int, report: Report) -> None:
        self._url = url
        self._count = count
        self._runs = runs
        self._report = report
        self._arrived = threading.Condition()
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def have_acknowledged(self, count: int) -> None:
        """Wait until so many runs are acknowledged."""
        with self._arrived:
            fulfilled = self._arrived.wait_for(
                lambda: len(self._report.acknowledged) >= count or self._errors, timeout=PATIENCE
            )
        assert fulfilled, f"{len(self._report.acknowledged)} of {count} runs are acknowledged"

    def end(self) -> None:
        """Wait for the end of all clients. Raises the first error of one."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self._errors:
            raise self._errors[0]

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # noqa: BLE001 - `end` raises it
            with self._arrived:
                self._errors.append(error)
                self._arrived.notify_all()

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as clients:
            for number in range(self._count):
                clients.create_task(self._client(number))

    async def _client(self, number: int) -> None:
        async with connect_async(self._url, away_seconds=PATIENCE) as engine:
            for at in range(self._runs):
                key, n = f"{number}-{at}", number * self._runs + at
                run = await engine.submit("test.echo", {"n": n}, idempotency_key=key, labels={"key": key})
                with self._arrived:
                    self._report.acknowledged[key] = run.id
                    self._arrived.notify_all()
                if at % 2:
                    *_, last = [state async for state in run.watch()]
                    output = last["output"]
                else:
                    output = (await run.outcome()).output
                assert output == {"said": n}, output
                self._report.ended.add(key)


def campaign(folder: Path, clients: int, runs: int, kills: int) -> Report:
    """Kill daemons while clients submit runs, and look into the store at the end.

    Args:
        folder: A folder for the daemons, which have the store in it.
        clients: How many clients there are.
        runs: How many runs each submits.
        kills: How many daemons are killed, each after the same number of acknowledged runs.
    """
    report, store = Report(), f"sqlite:///{folder}/store.db"
    submitting: Clients | None = None
    for number in range(kills):
        with serving(folder, "--store", store) as served:
            if submitting is None:
                submitting = Clients(served.client.url, clients, runs, report)
            submitting.have_acknowledged((number + 1) * clients * runs // (kills + 1))
            served.process.kill()
            report.kills += 1
    assert submitting is not None
    with serving(folder, "--store", store) as served:
        submitting.end()
        with connect(served.client.url).blocking() as engine:
            cursor: str | None = None
            while True:
                page = engine.runs(cursor=cursor, limit=500)
                for run in page["runs"]:
                    report.stored.setdefault(run["labels"]["key"], []).append(run["id"])
                    report.statuses[run["status"]] += 1
                cursor = page["next"]
                if cursor is None:
                    return report


def main() -> None:
    """Run a campaign and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--runs", type=int, default=10, help="runs of each client")
    parser.add_argument("--kills", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = campaign(Path(folder), arguments.clients, arguments.runs, arguments.kills)
    sys.stdout.write(
        f"{arguments.clients} clients, {report.kills} kills: {len(report.acknowledged):,} runs acknowledged, "
        f"{len(report.ended):,} outcomes right, {sum(map(len, report.stored.values())):,} runs in the store "
        f"({', '.join(f'{count:,} {status}' for status, count in report.statuses.items())}), "
        f"{len(report.lost)} lost, {len(report.doubled)} doubled\n"
    )


if __name__ == "__main__":
    main()
