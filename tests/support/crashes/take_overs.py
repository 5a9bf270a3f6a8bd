"""How long daemons took to start, to claim the runs of a killed daemon, and to go on with them.

    python -m tests.support.crashes.take_overs a.json b.json     # sums up the figures of several campaigns

A take-over is a claim and a recovery. One is slow if both together took longer than the lease and two seconds. For each
slow one it is kept what the survivors logged meanwhile, and how long they waited for a processor: a survivor that had
to wait was slow because of the machine.
"""

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tests.support.daemons import Served

LEASE_SECONDS: Final = 1
TAKE_OVER_SECONDS: Final = LEASE_SECONDS + 2.0
"""Within which the runs of a killed daemon go on elsewhere. A loaded machine needs longer: it is a figure."""


class TakeOver(msgspec.Struct, frozen=True):
    """How other daemons took over from a killed one.

    Attributes:
        kill: Which kill it was.
        runs: The runs in progress that the killed daemon had.
        claim: The seconds from the kill until the killed daemon had no run any more.
        recovery: The seconds from then until a new owner recorded something of the newest of these runs. None if that
            run had ended or was not accepted.
        survivors: How many other daemons were running at the kill.
        started: The seconds of `claim` and `recovery` that were spent on starting daemons, because none was left.
        notes: For a slow take-over: what each survivor did and logged, line by line.
    """

    kill: int
    runs: int
    claim: float
    recovery: float | None
    survivors: int
    started: float
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """The seconds from the kill until the runs went on."""
        return self.claim + (self.recovery or 0.0)

    @property
    def is_slow(self) -> bool:
        """Whether it took longer than it should."""
        return self.seconds > TAKE_OVER_SECONDS


class Figures(msgspec.Struct):
    """What campaigns measured.

    Attributes:
        faults: How often each fault was made.
        runs: How many runs were acknowledged.
        starts: The seconds from the start of each daemon until it was ready.
        not_started: The last line of the log of each daemon that ended before it was ready.
        take_overs: The take-overs from killed daemons that had runs.
        without_runs: How many killed daemons had no run, or had been fenced before.
    """

    faults: dict[str, int] = {}
    runs: int = 0
    starts: list[float] = []
    not_started: list[str] = []
    take_overs: list[TakeOver] = []
    without_runs: int = 0

    def add(self, other: "Figures") -> None:
        """Add the figures of another campaign."""
        for fault, count in other.faults.items():
            self.count(fault, count)
        self.runs += other.runs
        self.starts += other.starts
        self.not_started += other.not_started
        self.take_overs += other.take_overs
        self.without_runs += other.without_runs

    def count(self, fault: str, times: int = 1) -> None:
        """Count a fault."""
        self.faults[fault] = self.faults.get(fault, 0) + times

    def lines(self) -> Iterable[str]:
        """Yield the report."""
        yield f"{', '.join(f'{count} times {fault}' for fault, count in self.faults.items())}; {self.runs} runs"
        yield _spread("start of a daemon until it is ready", self.starts)
        yield from (f"  did not start: {line}" for line in self.not_started)
        survived = [each for each in self.take_overs if not each.started]
        yield _spread("claim: from the kill until no run is its own", [each.claim for each in survived])
        recovered = [each.recovery for each in survived if each.recovery is not None]
        yield _spread("recovery: from the claim until its newest run goes on", recovered)
        yield _spread("take-over: claim and recovery", [each.seconds for each in survived])
        slow = [each for each in survived if each.is_slow]
        yield f"  {len(slow)} of {len(survived)} took longer than {TAKE_OVER_SECONDS:g} s"
        orphaned = [each.seconds for each in self.take_overs if each.started]
        yield _spread("take-over when all other daemons ended, too, with the start of one", orphaned)
        yield f"killed daemons without a run: {self.without_runs}"
        for each in slow:
            yield (
                f"slow: kill {each.kill}, {each.runs} runs, {each.survivors} survivors: claim {each.claim:.2f} s, "
                f"recovery {'-' if each.recovery is None else f'{each.recovery:.2f} s'}"
            )
            yield from (f"  {line}" for line in each.notes)


class Watched:
    """A survivor: what it does from now on."""

    def __init__(self, daemon: Served, name: str) -> None:
        self._daemon = daemon
        self._name = name
        daemon.take_log()
        self._began = time.monotonic()
        self._ran, self._waited = _scheduled(daemon.process.pid)

    def notes(self) -> Iterable[str]:
        """Yield what it did: its time on a processor, the time that it waited for one, and its log."""
        code, who = self._daemon.process.poll(), f"{self._name}, process {self._daemon.process.pid}"
        if code is None:
            ran, waited = _scheduled(self._daemon.process.pid)
            yield (
                f"{who}: in {time.monotonic() - self._began:.2f} s it ran for {ran - self._ran:.2f} s, and its threads "
                f"waited {waited - self._waited:.2f} s for a processor"
            )
        else:
            yield f"{who}: ended with {code}"
        yield from (f"  {line}" for line in self._daemon.take_log())


def _scheduled(process: int) -> tuple[float, float]:
    """Return the seconds that the threads of a process ran, and those that they were ready and did not run."""
    ran = waited = 0
    for each in Path(f"/proc/{process}/task").glob("*/schedstat"):
        try:
            figures = each.read_text().split()
        except OSError:  # the thread has just ended
            continue
        ran, waited = ran + int(figures[0]), waited + int(figures[1])
    return ran / 1e9, waited / 1e9


def _spread(what: str, seconds: Sequence[float]) -> str:
    times = sorted(seconds)
    if not times:
        return f"{what}: none"
    middle, most = times[len(times) // 2], times[min(len(times) * 95 // 100, len(times) - 1)]
    return f"{what}: {middle:.2f} s (median), {most:.2f} s (p95), {times[-1]:.2f} s (slowest) of {len(times)}"


def main(files: Sequence[str]) -> int:
    """Print the sum of the figures in files."""
    total = Figures()
    for each in files:
        total.add(msgspec.json.decode(Path(each).read_bytes(), type=Figures))
    for line in total.lines():
        sys.stdout.write(f"{line}\n")
    return 0


def write(figures: Figures, path: Path) -> None:
    """Write figures to a file."""
    path.write_bytes(msgspec.json.encode(figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
