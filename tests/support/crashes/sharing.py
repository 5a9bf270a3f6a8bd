"""Several daemons on one PostgreSQL are killed, frozen and cut off: nothing is lost, and nothing recorded twice.

    python -m tests.support.crashes.sharing --kills 30 --freezes 30 --restarts 5 --seed 1
    python -m tests.support.crashes.sharing --kills 10 --freezes 30 --restarts 0 --seed 1 --unfenced     # must fail

Runs are also paused and resumed through daemons that do not have them. With `--unfenced` the daemons commit whether or
not another one has taken over. That has to be noticed. How long everything took is printed at the end, also if a
promise was broken, and written to the file of `--figures`: `take_overs` sums up the files of several campaigns.
"""

import argparse
import contextlib
import math
import queue
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from stretto.actors.gateway.wire import DaemonUnreachable, RequestRefused
from stretto.actors.journal import Reader
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.queries import MAX_PAGE, RunQuery
from stretto.actors.operations.answers import Accepted
from stretto.actors.operations.controls import Pause, Resume
from stretto.actors.operations.requests import Submit
from stretto.definitions.conductor import ENDED, ItemCompleted
from tests.support.crashes.runs import promise
from tests.support.crashes.take_overs import LEASE_SECONDS, Figures, TakeOver, Watched, write
from tests.support.daemons import Served, serving
from tests.support.databases import database
from tests.support.postgres_server import PostgresServer

DAEMONS: Final = 3
ITEMS: Final = 12
RUNS_A_FAULT: Final = 2
LONGEST_SECONDS: Final = 300.0
"""How long a take-over may take, and the runs until they have ended after the last fault."""
MOST_NOT_STARTED: Final = 5
"""After so many daemons in a row that do not start, something else is wrong."""
FAULTS_A_LINE: Final = 10
"""After how many faults the campaign says how far it is."""
LOOK_SECONDS: Final = 0.02
"""How often the store is looked at during a take-over."""

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
        .values(commits=table.c.commits + 1, expires_at=engines._EXPIRY).returning(engines.SERVER_TIME)
    )
    engines.forget_fenced.__code__ = (lambda connection: None).__code__
"""
_REASON: Final = re.compile(r"'reason': '([^']*)', 'event': 'store_lost'")
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
        figures: How often each fault was made, and how long everything took.
        runs: The ids of the runs that were acknowledged, by their labels.
        relayed: How requests to pause and resume runs through any daemon were answered.
    """

    def __init__(self, folder: Path, url: str, seed: int, stack: ExitStack, *, fenced: bool = True) -> None:
        self.figures = Figures()
        self.runs: dict[str, str] = {}
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
        self._started = self._not_started = 0
        self.daemons: list[Served] = []
        while len(self.daemons) < DAEMONS:
            self._start()

    def _start(self) -> None:
        self._started += 1
        place = self._folder / f"d{self._started}"
        (place / "definitions").mkdir(parents=True)
        (place / "definitions" / "work.yaml").write_text(WORKFLOW)
        began = time.monotonic()
        starting = serving(
            place, "--store", self._url, "--actions", str(self._folder / "shared_actions.py"), **self._environment
        )
        try:
            self.daemons.append(self._stack.enter_context(starting))
        # The server may have ended its connection: a line of its log is a message then.
        except (AssertionError, ValueError, queue.Empty) as error:
            self._not_started += 1
            promise(self._not_started < MOST_NOT_STARTED, f"daemons do not start: {error!r}")
            reasons = _REASON.findall(str(error))
            self.figures.not_started.append(f"after {time.monotonic() - began:.1f} s: {reasons or repr(error)}")
        else:
            self.figures.starts.append(time.monotonic() - began)
            self._not_started = 0

    def replace_ended(self) -> None:
        """Start a daemon for each one that was killed, or has found that it was fenced."""
        for each in self.daemons:
            code = each.process.poll()
            if code is not None and code != -signal.SIGKILL:
                self.figures.count(f"daemon that ended with {code}")
        self.daemons = [each for each in self.daemons if each.process.poll() is None]
        while len(self.daemons) < DAEMONS:
            self._start()

    def submit(self, daemon: Served | None = None) -> str | None:
        """Submit a run to a daemon, or to any, and return its id.

        Without an answer the run has not been accepted, as far as is known: None.
        """
        label = f"r{len(self.runs)}-{self._choices.randrange(10**9)}"
        try:
            asked = daemon or self._choices.choice(self.daemons)
            accepted = asked.client.ask(Submit("shared.work", {"label": label}))
        except (DaemonUnreachable, RequestRefused):  # it was killed, or finds that it is fenced
            return None
        if not isinstance(accepted, Accepted):
            return None
        self.runs[label] = accepted.run
        return accepted.run

    def kill(self) -> None:
        """Kill a daemon that has a run in progress, and wait until others have all its runs, and that run goes on."""
        self.figures.count("kill")
        with closing(open_reader(self._url, None)) as reader:
            daemon, newest = self._owner()
            process = f"process {daemon.process.pid} on"
            number = next((each.number for each in reader.daemons() if each.name.startswith(process)), None)
            others = [each for each in self.daemons if each is not daemon and each.process.poll() is None]
            survivors = [Watched(each, each.folder.name) for each in others]
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
            killed = time.monotonic()

            def left() -> int:
                return next((each.runs for each in reader.daemons() if each.number == number), 0)

            runs = left()
            if not runs:
                self.figures.without_runs += 1
                return
            recorded = reader.last_entry(newest) if newest is not None and reader.end(newest) is None else None
            started = self._wait(lambda: not left(), f"nobody takes over from the daemon {number}")
            claimed, recovery = time.monotonic(), None
            if newest is not None and recorded is not None:
                goes_on = partial(self._goes_on, reader, newest, recorded)
                started += self._wait(goes_on, f"the run {newest} of the daemon {number} does not go on")
                recovery = time.monotonic() - claimed
            made = self.figures.faults["kill"]
            taken = TakeOver(made, runs, claimed - killed, recovery, len(others), started)
            if taken.is_slow:
                notes = tuple(line for each in survivors for line in each.notes())
                taken = msgspec.structs.replace(taken, notes=notes)
            self.figures.take_overs.append(taken)

    def _owner(self) -> tuple[Served, str | None]:
        """Return a daemon that has accepted a run, and the run. One that was frozen before may accept none."""
        daemons = self._choices.sample(self.daemons, len(self.daemons))
        for daemon in daemons:
            run = self.submit(daemon)
            if run is not None:
                return daemon, run
        return daemons[0], None

    @staticmethod
    def _goes_on(reader: Reader, run: str, recorded: int) -> bool:
        """Return whether something of a run was recorded since."""
        return reader.last_entry(run) > recorded

    def _wait(self, until: Callable[[], bool], otherwise: str) -> float:
        """Wait for something that the daemons do. If all of them end, start others, and return the seconds of that."""
        deadline, started = time.monotonic() + LONGEST_SECONDS, 0.0
        while not until():
            promise(time.monotonic() < deadline + started, otherwise)
            if all(each.process.poll() is not None for each in self.daemons):  # the others were frozen before
                began = time.monotonic()
                self.replace_ended()
                started += time.monotonic() - began
            time.sleep(LOOK_SECONDS)
        return started

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
        self.figures.count("freeze")
        daemon = self._choices.choice(self.daemons)
        daemon.signal(signal.SIGSTOP)
        time.sleep(LEASE_SECONDS * self._choices.uniform(0.5, 3.0))
        daemon.signal(signal.SIGCONT)

    def restart(self, server: PostgresServer) -> None:
        """End the server as a crash would, and start it again."""
        self.figures.count("database restart")
        server.halt()
        time.sleep(LEASE_SECONDS * self._choices.uniform(0.0, 2.0))
        server.resume()

    def make_faults(
        self, kills: int, freezes: int, restarts: int, server: PostgresServer, until: float = math.inf
    ) -> Iterator[int]:
        """Make so many faults in any order, while runs are in progress, or as many as there is time for.

        Yield how many were made, after each.
        """
        faults = [self.kill] * kills + [self.freeze] * freezes + [partial(self.restart, server)] * restarts
        self._choices.shuffle(faults)
        for number, fault in enumerate(faults):
            if time.monotonic() >= until:
                return
            self.replace_ended()
            for _ in range(RUNS_A_FAULT):
                self.submit()
            time.sleep(self._choices.uniform(0.1, 0.6))
            self.control()
            fault()
            yield number + 1

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
    parser.add_argument("--figures", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stretto-share-"))
    server, began = PostgresServer(), time.monotonic()
    try:
        server.start()
        with database(server.url(), "template0") as url, ExitStack() as stack:
            sharing = Sharing(folder, url, given.seed, stack, fenced=not given.unfenced)
            until = time.monotonic() + 60 * given.minutes
            try:
                for made in sharing.make_faults(given.kills, given.freezes, given.restarts, server, until):
                    if made % FAULTS_A_LINE == 0:
                        sys.stderr.write(f"{made} faults after {time.monotonic() - began:.0f} s\n")
                sharing.finish()
            finally:
                _report(sharing, given.figures)
    finally:
        server.remove()
    sys.stdout.write(f"all promises were kept: {time.monotonic() - began:.0f} s\n")
    shutil.rmtree(folder)
    return 0


def _report(sharing: Sharing, file: Path | None) -> None:
    sharing.figures.runs = len(sharing.runs)
    for line in sharing.figures.lines():
        sys.stdout.write(f"{line}\n")
    relayed = ", ".join(f"{count} times {code}" for code, count in sharing.relayed.most_common())
    sys.stdout.write(f"pauses and resumes through any daemon: {relayed}\n")
    if file is not None:
        write(sharing.figures, file)


if __name__ == "__main__":
    sys.exit(main())
