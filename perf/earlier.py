"""Runs of an earlier revision of Stretto beside those of this one, in turn: by the clock, and by processor time.

    python perf/earlier.py [ROUNDS]     alone

The revision's files come from the repository's history. Each of the two has a process of its own (`earlier_runs.py`).
"""

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from time import time
from typing import TypeAlias

import pages
from measure import Samples, interleave_finely, until
from report import Measured, Table, figure, ratio_text, timing
from targets import of_ratio

REVISION = "f3da086"
PACKAGES = ("actors", "definitions", "metrics")
WORKER = Path(__file__).parent / "earlier_runs.py"
HERE, BEFORE = "this revision", REVISION
CORES, ONE_CORE = "all cores", "one core"
WORK = {"a run of one task": ("one", 40, 20), "a run of 10 items, 100 at once": ("burst", 100, 1)}
"""Each with its name in the worker, how many runs are a part, and how many parts are a value."""
ROUNDS = 9
TARGETS = ("earlier run", "earlier run, CPU")
PAIRS = 3
"""Of engines: each process has its own figures, by where its objects are and on which processors its threads run."""
MOST_SECONDS = 36.0
"""Of the rounds of all pairs together."""
Asked: TypeAlias = tuple[int, Callable[[str], tuple[float, ...]]]
"""The id of a process, and what sends it a line and returns the numbers of its answer."""


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
def asked_process(command: Sequence[object], environment: Mapping[str, str]) -> Iterator[Asked]:
    """Run a program that answers each line with numbers. Yield its process id, and what asks it."""
    with subprocess.Popen(
        list(map(str, command)), env=os.environ | environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def ask(line: str) -> tuple[float, ...]:
            asked.write(f"{line}\n")
            asked.flush()
            return tuple(map(float, answers.readline().split()))

        yield process.pid, ask
        asked.close()


@contextmanager
def runs_of(folder: Path, cores: str) -> Iterator[Callable[[str, int], Samples]]:
    """Run an engine of a revision in a process of its own. Yield what asks it for runs."""
    command = [sys.executable, WORKER, pages.ROOT / "perf" / "workflows"]
    with asked_process(command, {"PYTHONPATH": str(folder)}) as (process, answer):
        if cores == ONE_CORE:
            os.sched_setaffinity(process, {max(os.sched_getaffinity(0))})

        def ask(work: str, runs: int) -> Samples:
            processor, seconds = answer(f"{work} {runs}")
            return {"processor": [processor], "seconds": [seconds]}

        yield ask


def measure(rounds: int) -> Samples:
    """Measure runs of both revisions in turn, on all cores and on one, in several pairs of processes.

    Raises:
        NoHistory: This is no clone with the earlier revision.
    """
    folders = {BEFORE: unpacked(REVISION), HERE: linked()}
    samples: Samples = {}
    began = time()
    for pair in range(1, PAIRS + 1):
        with until(began + MOST_SECONDS * pair / PAIRS):
            for name, values in _measure_pair(folders, -(-rounds // PAIRS)).items():
                samples.setdefault(name, []).extend(values)
    return samples


def _measure_pair(folders: Mapping[str, Path], rounds: int) -> Samples:
    samples: Samples = {}
    with ExitStack() as stack:
        for cores in (ONE_CORE, CORES):
            asks = {name: stack.enter_context(runs_of(folder, cores)) for name, folder in folders.items()}
            for told, (work, runs, parts) in WORK.items():
                cases = {
                    f"{told}, {cores}, {name}": lambda ask=ask, work=work, runs=runs: ask(work, runs)
                    for name, ask in asks.items()
                }
                samples |= interleave_finely(cases, rounds, parts)
    return samples


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        f"Runs beside those of the revision {REVISION}",
        ["", HERE, BEFORE, "ratio", "processor time", "ratio"],
        "core.noop and core.echo, no store; the client's processor time is included. Both revisions take turns in "
        f"parts of some 10 ms, in {PAIRS} pairs of processes. On one core, the threads of the client and of the "
        "dispatcher do not wait for each other's processor.",
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
    on_one = _compared(samples, ONE_CORE, "processor").value
    assert on_one is not None
    processor = _compared(samples, CORES, "processor")
    processor = replace(processor, remark=f"{processor.remark}; on one core {figure(on_one)} x")
    return dict(zip(TARGETS, (_compared(samples, CORES, "seconds"), processor), strict=True))


def _compared(samples: Samples, cores: str, kind: str) -> Measured:
    work = next(iter(WORK))
    ours, before = (samples[f"{work}, {cores}, {name}, {kind}"] for name in (HERE, BEFORE))
    return of_ratio(ours, before, timing(ours, "us"))


if __name__ == "__main__":
    print("\n".join(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)).lines()))
