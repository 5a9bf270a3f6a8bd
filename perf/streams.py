"""Runs of a daemon that 500 event streams follow, or one does, beside the same without; and a stream's memory."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from daemons import Daemon, daemon
from measure import Samples, interleave_singly, ratio
from report import Measured, Table, timing
from targets import of_ratio

READERS = Path(__file__).parent / "stream_readers.py"
GATE = Path(__file__).parent / "gate.py"
STREAMS = 500
SIZES = (10_000, 100_000)
"""Items of the fan-outs."""
TASKS = 300
REPEATED = 4
"""Small fan-outs and chains in a round, one after the other."""
MEMORY_STREAMS = 250
"""Streams of which the memory is measured: as many are opened before."""
OPENS = '  - {name: opens, action: perf.gate, input: {pipe: "{{ parameters.pipe }}"}, next: [{do: [first]}]}\n'
HEAD = 'version: "1.0.0"\nparameters: {pipe: {type: string}, items: {type: integer, default: 1}}\ntasks:\n' + OPENS
FAN_OUT = f"""ref: perf.followed
{HEAD}  - name: first
    action: core.noop
    with_items: "{{{{ range(parameters['items']) | list }}}}"
    concurrency: 256
"""
CHAIN = f"ref: perf.followed_chain\n{HEAD}"
CHAIN += "".join(
    f"  - {{name: {name}, action: core.noop, next: [{{do: [t{at + 1}]}}]}}\n"
    for at, name in enumerate(["first", *(f"t{at}" for at in range(1, TASKS - 1))])
)
CHAIN += f"  - {{name: t{TASKS - 1}, action: core.noop}}\n"
UNFOLLOWED, FOLLOWED = "no stream", f"{STREAMS} streams"
CHAINED = (f"chain of {TASKS}, no stream", f"chain of {TASKS}, one stream")


def fan_outs(items: int) -> tuple[str, str]:
    """Return the names of the two cases of a fan-out."""
    return f"{items:,} items, {UNFOLLOWED}", f"{items:,} items, {FOLLOWED}"


class Readers:
    """A process with connections that each read the stream of a run to its end."""

    def __init__(self, of: Daemon, run_id: str, streams: int) -> None:
        path = f"/api/v1/runs/{run_id}/stream"
        command = [sys.executable, str(READERS), of.url, path, of.token, str(streams)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._expect("open")

    def ended(self) -> None:
        """Wait until each has the run's outcome, and its connection is closed."""
        self._expect("ended")
        self._process.wait()

    def _expect(self, line: str) -> None:
        assert self._process.stdout is not None
        found = self._process.stdout.readline()
        assert found == f"{line}\n", found


class GatedRuns:
    """Runs of a daemon that wait at a gate until their streams are open."""

    def __init__(self, of: Daemon, folder: Path) -> None:
        self._daemon = of
        self._pipe = folder / "gate"
        os.mkfifo(self._pipe)

    def begun(self, workflow: str, items: int = 1) -> str:
        """Start a run, and return its id. It waits at the gate."""
        inputs = {"pipe": str(self._pipe), "items": items}
        accepted: dict[str, Any] = self._daemon.ask("POST", "/runs", {"workflow": workflow, "inputs": inputs})
        run_id: str = accepted["run"]
        return run_id

    def finished(self, run_id: str) -> None:
        """Open the gate, and wait for the run's outcome."""
        self._pipe.write_bytes(b"1")
        outcome = self._daemon.ask("GET", f"/runs/{run_id}/outcome?wait=60")
        assert outcome["status"] == "succeeded", outcome

    def case(self, workflow: str, items: int, streams: int, times: int) -> Callable[[], Samples]:
        """Return a case: runs one after the other. It returns the seconds of the daemon's processor.

        Those from the opening of the gate count, up to the outcome, and the end of the last connection.
        """

        def measured() -> Samples:
            seconds = 0.0
            for _ in range(times):
                run_id = self.begun(workflow, items)
                readers = Readers(self._daemon, run_id, streams) if streams else None
                began = self._daemon.processor_seconds
                self.finished(run_id)
                if readers is not None:
                    readers.ended()
                seconds += self._daemon.processor_seconds - began
            return {"processor": [seconds]}

        return measured


@contextmanager
def _runs() -> Iterator[tuple[Daemon, GatedRuns]]:
    definitions = {"fan_out.yaml": FAN_OUT, "chain.yaml": CHAIN}
    with TemporaryDirectory() as folder, daemon(definitions, "--actions", str(GATE)) as running:
        yield running, GatedRuns(running, Path(folder))


def measure(rounds: int) -> Samples:
    """Run followed fan-outs and chains in turn with those that no one follows."""
    with _runs() as (_, runs):
        cases: dict[str, Callable[[], Samples]] = {}
        for items in SIZES:
            times = REPEATED if items == SIZES[0] else 1
            for name, streams in zip(fan_outs(items), (0, STREAMS), strict=True):
                cases[name] = runs.case("perf.followed", items, streams, times)
        for name, streams in zip(CHAINED, (0, 1), strict=True):
            cases[name] = runs.case("perf.followed_chain", 1, streams, REPEATED)
        return interleave_singly(cases, rounds)


def memory() -> float:
    """Return the bytes of a daemon's memory that a stream takes while nothing happens."""
    with _runs() as (running, runs):
        run_id = runs.begun("perf.followed")
        first = Readers(running, run_id, STREAMS - MEMORY_STREAMS)
        before = running.resident_bytes
        others = Readers(running, run_id, MEMORY_STREAMS)
        taken = running.resident_bytes - before
        runs.finished(run_id)
        first.ended()
        others.ended()
        return taken / MEMORY_STREAMS


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        "Runs that event streams follow",
        ["", "processor time", "ratio"],
        f"A daemon without a store. The streams are connections to its port, from another process. {REPEATED} fan-outs "
        f"of {SIZES[0]:,} items or chains, or one fan-out of {SIZES[1]:,}: the daemon's processor time from their "
        "first item up to the end of the last connection.",
    )
    for names in (*map(fan_outs, SIZES), CHAINED):
        for name in names:
            values = samples[f"{name}, processor"]
            made.add(name, timing(values, "ms"), f"{ratio(values, samples[f'{names[0]}, processor']):.2f}")
    return made


def targets(samples: Samples) -> dict[str, Measured]:
    """Compare followed runs with those that no one follows, and say what a stream takes."""

    def compared(names: tuple[str, str]) -> Measured:
        unfollowed, followed = (samples[f"{name}, processor"] for name in names)
        return of_ratio(followed, unfollowed)

    return {
        "streams, 10,000": compared(fan_outs(SIZES[0])),
        "streams, 100,000": compared(fan_outs(SIZES[1])),
        "followed chain": compared(CHAINED),
        "stream, memory": Measured(memory() / 1024),
    }
