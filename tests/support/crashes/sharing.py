"""Several daemons on one PostgreSQL are killed, frozen and cut off: nothing is lost, and nothing recorded twice.

    python -m tests.support.crashes.sharing --kills 30 --freezes 30 --restarts 5 --seed 1
    python -m tests.support.crashes.sharing --kills 10 --freezes 30 --restarts 0 --seed 1 --unfenced     # must fail

Runs are also paused and resumed through daemons that do not have them. With `--unfenced` the daemons commit whether or
not another one has taken over. That has to be noticed.
"""

import argparse
import contextlib
import math
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Final

from stretto.actors.gateway.wire import DaemonUnreachable, RequestRefused
from stretto.actors.journal import Reader
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.queries import MAX_PAGE, RunQuery
from stretto.actors.operations.answers import Accepted
from stretto.actors.operations.controls import Pause, Resume
from stretto.actors.operations.requests import Submit
from stretto.definitions.conductor import ENDED, ItemCompleted
from tests.support.crashes.runs import promise
from tests.support.daemons import Served, serving
from tests.support.databases import database
from tests.support.postgres_server import PostgresServer

DAEMONS: Final = 3
LEASE_SECONDS: Final = 1
ITEMS: Final = 12
RUNS_A_FAULT: Final = 2
TAKE_OVER_SECONDS: Final = LEASE_SECONDS + 2.0
"""Within which the runs of a killed daemon belong to others. A loaded machine needs longer: it is a figure."""
LONGEST_SECONDS: Final = 300.0
"""How long the runs may take to end after the last fault."""

ACTIONS = """
import asyncio, os
from stretto.actors import action

@action("shared.note")
async def note(label: str) -> str:
    descriptor = os.open(os.path.join(os.path.dirname(__file__), "effects"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (label + "\\n").encode())
    os.close(descriptor)
    await asyncio.sleep(0.05)
    return label

if os.environ.get("STRETTO_SHARED_UNFENCED"):
    from stretto.actors.journal.sql import engines
    from sqlalchemy import bindparam, update

    table = engines.engines
    engines._RENEW = (
        update(table).where(table.c.number == bindparam("ours"))
        .values(commits=table.c.commits + 1, expires_at=engines._EXPIRY).returning(engines._SERVER_TIME)
    )
    engines.forget_fenced.__code__ = (lambda connection: None).__code__
"""
WORKFLOW = f"""
version: "1.0.0"
ref: shared.work
parameters: {{label: {{type: string}}}}
tasks:
  - name: once
    action: shared.note
    delivery: at_most_once
    with_items: "{{{{ range({ITEMS}) }}}}"
    concurrency: 3
    max_failures: 100%
    input: {{label: "{{{{ parameters.label }}}} once {{{{ item }}}}"}}
    next: [{{do: again}}]
  - name: again
    action: shared.note
    with_items: "{{{{ range({ITEMS}) }}}}"
    concurrency: 3
    input: {{label: "{{{{ parameters.label }}}} again {{{{ item }}}}"}}
"""


class Sharing:
    """Daemons that share a store, the faults that they meet, and what must hold in the end.

    Attributes:
        daemons: Those that were started and are not known to have ended.
        faults: How often each fault was made.
        runs: The ids of the runs that were acknowledged, by their labels.
        take_overs: The seconds after which no run belonged to a killed daemon any more.
        relayed: How requests to pause and resume runs through any daemon were answered.
    """

    def __init__(self, folder: Path, url: str, seed: int, stack: ExitStack, *, fenced: bool = True) -> None:
        self.faults: Counter[str] = Counter()
        self.runs: dict[str, str] = {}
        self.take_overs: list[float] = []
        self.relayed: Counter[str] = Counter()
        self._folder = folder
        self._url = url
        self._stack = stack
        self._choices = random.Random(seed)  # noqa: S311 - no secret
        self._environment = {"STRETTO__ENGINE__STORE_LEASE": str(LEASE_SECONDS)}
        self._effects = folder / "effects"
        if not fenced:
            self._environment["STRETTO_SHARED_UNFENCED"] = "1"
        (folder / "shared_actions.py").write_text(ACTIONS)
        self._started = 0
        self.daemons: list[Served] = []
        while len(self.daemons) < DAEMONS:
            self._start()

    def _start(self) -> None:
        self._started += 1
        place = self._folder / f"d{self._started}"
        (place / "definitions").mkdir(parents=True)
        (place / "definitions" / "work.yaml").write_text(WORKFLOW)
        daemon = serving(
            place, "--store", self._url, "--actions", str(self._folder / "shared_actions.py"), **self._environment
        )
        try:
            self.daemons.append(self._stack.enter_context(daemon))
        except (AssertionError, ValueError):  # its log is a message: the server may have ended its connection
            self.faults["daemon that could not start"] += 1

    def replace_ended(self) -> None:
        """Start a daemon for each one that was killed, or has found that it was fenced."""
        self.daemons = [each for each in self.daemons if each.process.poll() is None]
        while len(self.daemons) < DAEMONS:
            self._start()

    def submit(self, daemon: Served | None = None) -> None:
        """Submit a run to a daemon, or to any. One that does not answer has not accepted it, as far as is known."""
        label = f"r{len(self.runs)}-{self._choices.randrange(10**9)}"
        try:
            asked = daemon or self._choices.choice(self.daemons)
            accepted = asked.client.ask(Submit("shared.work", {"label": label}))
        except (DaemonUnreachable, RequestRefused):  # it was killed, or finds that it is fenced
            return
        if isinstance(accepted, Accepted):
            self.runs[label] = accepted.run

    def kill(self) -> None:
        """Kill a daemon that has a run in progress, and wait until others have that run."""
        self.faults["kill"] += 1
        daemon = self._choices.choice(self.daemons)
        with closing(open_reader(self._url, None)) as reader:
            process = f"process {daemon.process.pid} on"
            number = next((each.number for each in reader.daemons() if each.name.startswith(process)), None)
            self.submit(daemon)
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
            killed = time.monotonic()
            while any(each.number == number and each.runs for each in reader.daemons()):
                promise(time.monotonic() - killed < LONGEST_SECONDS, f"nobody takes over from the daemon {number}")
                if all(each.process.poll() is not None for each in self.daemons):  # the others were frozen before
                    self.replace_ended()
                time.sleep(0.02)
            self.take_overs.append(time.monotonic() - killed)

    def control(self) -> None:
        """Pause a run and resume it, each through any daemon."""
        if not self.runs:
            return
        run = self._choices.choice(list(self.runs.values())[-3:])
        for request in (Pause(run), Resume(run)):
            try:
                self._choices.choice(self.daemons).client.ask(request)
            except RequestRefused as refused:
                self.relayed[refused.code] += 1
            except DaemonUnreachable:
                self.relayed["unreachable"] += 1
            else:
                self.relayed["done"] += 1

    def freeze(self) -> None:
        """Stop a daemon for up to three leases, and let it go on."""
        self.faults["freeze"] += 1
        daemon = self._choices.choice(self.daemons)
        daemon.signal(signal.SIGSTOP)
        time.sleep(LEASE_SECONDS * self._choices.uniform(0.5, 3.0))
        daemon.signal(signal.SIGCONT)

    def restart(self, server: PostgresServer) -> None:
        """End the server as a crash would, and start it again."""
        self.faults["database restart"] += 1
        server.halt()
        time.sleep(LEASE_SECONDS * self._choices.uniform(0.0, 2.0))
        server.resume()

    def make_faults(
        self, kills: int, freezes: int, restarts: int, server: PostgresServer, until: float = math.inf
    ) -> None:
        """Make so many faults in any order, while runs are in progress, or as many as there is time for."""
        faults = [self.kill] * kills + [self.freeze] * freezes + [partial(self.restart, server)] * restarts
        self._choices.shuffle(faults)
        for fault in faults:
            if time.monotonic() >= until:
                return
            self.replace_ended()
            for _ in range(RUNS_A_FAULT):
                self.submit()
            time.sleep(self._choices.uniform(0.1, 0.6))
            self.control()
            fault()

    def finish(self) -> None:
        """Wait until all runs have ended, and check what is left. Raises `BrokenPromise`."""
        deadline = time.monotonic() + LONGEST_SECONDS
        with closing(open_reader(self._url, None)) as reader:
            while (left := self._unfinished(reader)) and time.monotonic() < deadline:
                self.replace_ended()
                for run in self.runs.values():  # a resume may have come to nothing with its daemon
                    row = reader.run(run)
                    if row is not None and row.status in {"pausing", "paused"}:
                        with contextlib.suppress(DaemonUnreachable, RequestRefused):
                            self._choices.choice(self.daemons).client.ask(Resume(run))
                time.sleep(0.2)
            promise(not left, f"{left} runs have not ended")
            ended = dict(self._statuses(reader))
            for label, run in self.runs.items():
                promise(run in ended, f"the run {label} was acknowledged and is lost")
            for run, status in ended.items():
                promise(status == "succeeded", f"the run {run} has {status}: {reader.end(run)}")
                entries = reader.entries(run, 0, 100_000)
                ends = Counter((each.task, each.index) for each in entries if isinstance(each, ItemCompleted))
                doubled = [item for item, count in ends.items() if count > 1]
                promise(not doubled, f"ends of the run {run} are recorded twice: {doubled}")
                promise(len(ends) == 2 * ITEMS, f"the run {run} has {len(ends)} ends")
        self._check_effects()

    @staticmethod
    def _statuses(reader: Reader) -> Iterator[tuple[str, str]]:
        """Yield the ids and statuses of all runs, page by page."""
        cursor = None
        while True:
            page = reader.runs(RunQuery(limit=MAX_PAGE, cursor=cursor))
            yield from ((each.id, each.status) for each in page.runs)
            cursor = page.next
            if cursor is None:
                return

    @staticmethod
    def _unfinished(reader: Reader) -> int:
        return sum(count for status, count in reader.counts().items() if status not in ENDED)

    def _check_effects(self) -> None:
        performed = Counter(self._effects.read_text().splitlines())
        twice = [label for label, count in performed.items() if count > 1 and " once " in label]
        promise(not twice, f"performed twice although at_most_once: {twice}")
        for label in self.runs:
            missing = [index for index in range(ITEMS) if not performed[f"{label} again {index}"]]
            promise(not missing, f"the run {label} has succeeded without the items {missing}")


def main() -> int:
    """Make faults as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Kill and freeze daemons that share a store.")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--freezes", type=int, default=30)
    parser.add_argument("--restarts", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="make no more faults after this time")
    parser.add_argument("--unfenced", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stretto-share-"))
    server, began = PostgresServer(), time.monotonic()
    try:
        server.start()
        with database(server.url(), "template0") as url, ExitStack() as stack:
            sharing = Sharing(folder, url, given.seed, stack, fenced=not given.unfenced)
            until = time.monotonic() + 60 * given.minutes
            sharing.make_faults(given.kills, given.freezes, given.restarts, server, until)
            sharing.finish()
    finally:
        server.remove()
    made = ", ".join(f"{count} times {fault}" for fault, count in sharing.faults.most_common())
    seconds = time.monotonic() - began
    sys.stdout.write(f"all promises were kept: {made}; {len(sharing.runs)} runs, {seconds:.0f} s\n")
    if sharing.take_overs:
        times = sorted(sharing.take_overs)
        late = sum(each > TAKE_OVER_SECONDS for each in times)
        sys.stdout.write(
            f"taken over after {times[len(times) // 2]:.2f} s (median), {times[-1]:.2f} s at most; {late} of "
            f"{len(times)} later than {TAKE_OVER_SECONDS:g} s\n"
        )
    relayed = ", ".join(f"{count} times {code}" for code, count in sharing.relayed.most_common())
    sys.stdout.write(f"pauses and resumes through any daemon: {relayed}\n")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
