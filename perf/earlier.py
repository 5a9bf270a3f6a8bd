"""Runs of an earlier revision of Stretto beside those of this one, in turn: by the clock, and by processor time.

    python perf/earlier.py [ROUNDS]     alone

The revision's files come from the repository's history. Each of the two has a process of its own (`earlier_runs.py`).
"""

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pages
from measure import Samples, interleave_singly
from report import Measured, Table, figure, ratio_text, timing
from targets import of_ratio

REVISION = "f3da086"
PACKAGES = ("actors", "definitions", "metrics")
WORKER = Path(__file__).parent / "earlier_runs.py"
HERE, BEFORE = "this revision", REVISION
CORES, ONE_CORE = "all cores", "one core"
WORK = {"a run of one task": ("one", 400), "a run of 10 items, 200 at once": ("burst", 200)}
"""Each with its name in the worker, and how many are one value."""
ROUNDS = 9


class NoHistory(Exception):
    """This is no clone with the revision in its history."""


def unpacked(revision: str) -> Path:
    """Return a folder with the packages of a revision as `stretto`. They are unpacked once. Raises `NoHistory`."""
    folder = pages.FIGURES / revision
    stamp = folder / ".unpacked"
    if not stamp.exists():
        command = ["git", "-C", str(pages.ROOT), "archive", "--format=tar", revision, *PACKAGES]
        try:
            found = subprocess.run(command, check=True, capture_output=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoHistory(f"the history here has no {revision}") from error
        with tarfile.open(fileobj=BytesIO(found)) as archive:
            archive.extractall(folder / "stretto", filter="data")
        stamp.touch()
    return folder


def linked() -> Path:
    """Return a folder with the packages of this revision as `stretto`."""
    folder = pages.FIGURES / "now"
    (folder / "stretto").mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        link = folder / "stretto" / name
        if not link.exists():
            link.symlink_to(pages.ROOT / name, target_is_directory=True)
    return folder


@contextmanager
def runs_of(folder: Path, cores: str) -> Iterator[Callable[[str, int], Samples]]:
    """Run an engine of a revision in a process of its own. Yield what asks it for runs."""
    with subprocess.Popen(
        [sys.executable, str(WORKER), str(pages.ROOT / "perf" / "workflows")],
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None
        if cores == ONE_CORE:
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})

        def ask(work: str, runs: int) -> Samples:
            asked.write(f"{work} {runs}\n")
            asked.flush()
            processor, seconds = answers.readline().split()
            return {"processor": [float(processor)], "seconds": [float(seconds)]}

        yield ask
        asked.close()


def measure(rounds: int) -> Samples:
    """Measure runs of both revisions in turn, on all cores and on one. Raises `NoHistory`."""
    folders = {BEFORE: unpacked(REVISION), HERE: linked()}
    samples: Samples = {}
    with ExitStack() as stack:
        for cores in (ONE_CORE, CORES):
            asks = {name: stack.enter_context(runs_of(folder, cores)) for name, folder in folders.items()}
            for told, (work, runs) in WORK.items():
                cases = {
                    f"{told}, {cores}, {name}": lambda ask=ask, work=work, runs=runs: ask(work, runs)
                    for name, ask in asks.items()
                }
                samples |= interleave_singly(cases, rounds)
    return samples


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        f"Runs beside those of the revision {REVISION}",
        ["", HERE, BEFORE, "ratio", "processor time", "ratio"],
        "core.echo, no store; the client's processor time is included. On one core, the threads of the client and of "
        "the dispatcher do not wait for each other's processor.",
    )
    for told in WORK:
        for cores in (CORES, ONE_CORE):
            ours, before = (samples[f"{told}, {cores}, {name}, seconds"] for name in (HERE, BEFORE))
            processor = [samples[f"{told}, {cores}, {name}, processor"] for name in (HERE, BEFORE)]
            made.add(
                f"{told}, {cores}", timing(ours, "us"), timing(before, "us"), ratio_text(ours, before),
                timing(processor[0], "us"), ratio_text(*processor),
            )  # fmt: skip
    return made


def targets(samples: Samples) -> dict[str, Measured]:
    """Compare a run of one task with one of the earlier revision."""
    by_clock = _compared(samples, CORES, "seconds")
    processor, on_one = (_compared(samples, cores, "processor").value for cores in (CORES, ONE_CORE))
    assert processor is not None
    assert on_one is not None
    remark = f"{by_clock.remark}; processor time {figure(processor)} x, on one core {figure(on_one)} x"
    return {"earlier run": replace(by_clock, remark=remark)}


def _compared(samples: Samples, cores: str, kind: str) -> Measured:
    work = next(iter(WORK))
    ours, before = (samples[f"{work}, {cores}, {name}, {kind}"] for name in (HERE, BEFORE))
    return of_ratio(ours, before, timing(ours, "us"))


if __name__ == "__main__":
    print("\n".join(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)).lines()))
