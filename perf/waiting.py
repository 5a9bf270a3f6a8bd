"""Many idle waits: runs that wait for an answer or for an event, their memory, and the CPU of an engine that has them.

    python perf/waiting.py [RUNS] [SECONDS] [NAME]

A run that waits costs no thread, at most 12 KB, and no CPU while nothing happens. Those in a store are recovered by
another process, whose memory is bounded, too. With NAME only the waits whose names contain it are measured.
"""

import gc
import sys
import tempfile
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from engines import RUN_SECONDS
from measure import in_fresh_process
from process import context_switches, mark, reset_peak
from report import Table, figure

from stretto.actors import Engine

RUNS: Final = 100_000
IDLE_SECONDS: Final = 10.0
WARM_RUNS: Final = 100
"""Runs before memory is measured, when an engine has made what it makes once."""
AT_ONCE: Final = 500
"""Runs that are submitted together."""
LOOK_SECONDS: Final = 0.1
SETTLE_SECONDS: Final = 2.0
"""The time for what follows the last start: the writer, and the garbage collector."""
TASK: Final = "wait"
WORKFLOWS: Final = {
    "core.ask": """
ref: perf.asks
version: "1"
tasks: [{name: wait, action: core.ask, input: {prompt: "Go on?"}}]
""",
    "wait_for an event": """
ref: perf.waits
version: "1"
parameters: {order: {}}
tasks:
  - {name: wait, wait_for: {event: perf.paid, match: {payload.order: "{{ parameters.order }}"}, timeout: 86400}}
""",
}


@dataclass(frozen=True, slots=True)
class Waits:
    """Runs that wait in an engine.

    Attributes:
        runs: How many.
        start_seconds: How long it took until all of them waited.
        resident: The bytes of resident memory of each.
        threads: The threads of the process.
        cpu_seconds: The CPU time of the process while nothing happens.
        switches: The context switches of its threads meanwhile, without the one that measures.
        recovery_seconds: How long another engine took until it had all of them, or None without a store.
        recovered_resident: The bytes of resident memory of each in that engine.
        recovery_peak: The most that each took there at any time.
    """

    runs: int
    start_seconds: float
    resident: float
    threads: int
    cpu_seconds: float
    switches: int
    recovery_seconds: float | None = None
    recovered_resident: float = 0.0
    recovery_peak: float = 0.0


def measure(action: str, runs: int, seconds: float, *, stored: bool) -> Waits:
    """Start runs that wait, and let the engine be."""
    with tempfile.TemporaryDirectory() as folder:
        found = in_fresh_process(_wait, action, runs, seconds, folder, stored)
        return in_fresh_process(_recover, found, folder) if stored else found


def _wait(action: str, runs: int, seconds: float, folder: str, stored: bool) -> Waits:  # noqa: FBT001
    definitions = Path(folder, "definitions")
    definitions.mkdir()
    (definitions / "waits.yaml").write_text(WORKFLOWS[action], encoding="utf-8")
    with _engine(folder, runs, stored=stored) as engine:
        proxy = engine.proxy
        _start(proxy, action, 0, WARM_RUNS)
        before, began = mark()["resident_mb"], time.perf_counter()
        _start(proxy, action, WARM_RUNS, runs)
        took = time.perf_counter() - began
        resident = _resident(before, runs)
        time.sleep(SETTLE_SECONDS)
        switched, cpu = _switches(), time.process_time()
        time.sleep(seconds)
        cpu_seconds, switches = time.process_time() - cpu, _switches() - switched
        assert proxy.runs_in_progress().get() == runs + WARM_RUNS
        threads = threading.active_count()
        engine.stop(0)  # without a grace it would wait for the runs
        return Waits(runs, took, resident, threads, cpu_seconds, switches)


def _recover(found: Waits, folder: str) -> Waits:
    """Open the store that runs were left in, and wait until all of them are in progress."""
    gc.collect()
    before, began = mark()["resident_mb"], time.perf_counter()
    reset_peak()
    with _engine(folder, found.runs, stored=True) as engine:
        engine.proxy.host.recovered().get()
        took = time.perf_counter() - began
        peak = (mark()["peak_mb"] - before) * 2**20 / found.runs
        assert engine.proxy.runs_in_progress().get() == found.runs + WARM_RUNS
        resident = _resident(before, found.runs)
        engine.stop(0)
    return replace(found, recovery_seconds=took, recovered_resident=resident, recovery_peak=peak)


def _engine(folder: str, runs: int, *, stored: bool) -> AbstractContextManager[Any]:
    store: dict[str, Any] = {"store": f"sqlite:///{folder}/runs.db"} if stored else {}
    opened: AbstractContextManager[Any] = Engine.open(
        definitions=Path(folder, "definitions"), max_runs=runs + WARM_RUNS, **store
    )
    return opened


def _resident(before: float, runs: int) -> float:
    gc.collect()
    return (mark()["resident_mb"] - before) * 2**20 / runs


def _start(proxy: Any, action: str, first: int, runs: int) -> None:
    """Start runs, and return when the last one waits."""
    last = ""
    for begin in range(first, first + runs, AT_ONCE):
        numbers = range(begin, min(begin + AT_ONCE, first + runs))
        if action == "core.ask":
            futures = [proxy.submit("perf.asks") for _ in numbers]
        else:
            futures = [proxy.submit("perf.waits", {"order": number}) for number in numbers]
        for accepted in futures:
            last = accepted.get(timeout=RUN_SECONDS).id
    while proxy.status(last).get()["tasks"][TASK]["status"] != "running":
        time.sleep(LOOK_SECONDS)


def _switches() -> int:
    own = threading.get_native_id()
    return sum(sum(pair) for thread, pair in context_switches().items() if thread != own)


def table(measured: dict[str, Waits], seconds: float) -> Table:
    """Show what was measured."""
    made = Table(
        "Runs that wait, and an engine that does nothing else",
        [
            "",
            "runs",
            "started a second",
            "bytes a run",
            "threads",
            f"CPU in {seconds:g} s",
            "context switches",
            "recovered in",
            "bytes a run",
            "most",
        ],
        "Bytes are resident memory, with what the allocator has not given back. The last three are of another process.",
    )
    for name, each in measured.items():
        made.add(
            name, f"{each.runs:,}", figure(each.runs / each.start_seconds), f"{each.resident:,.0f}", str(each.threads),
            f"{each.cpu_seconds * 1e3:.1f} ms", f"{each.switches:,}",
            *(("", "", "") if each.recovery_seconds is None else
              (f"{each.recovery_seconds:.1f} s", f"{each.recovered_resident:,.0f}", f"{each.recovery_peak:,.0f}")),
        )  # fmt: skip
    return made


def main() -> None:
    """Measure each kind of wait, without and with a store, in a new process each."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else IDLE_SECONDS
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    found = {}
    for action in WORKFLOWS:
        for stored in (False, True):
            name = f"{action}, {'SQLite' if stored else 'no store'}"
            if only in name:
                found[name] = measure(action, runs, seconds, stored=stored)
    print("\n".join(table(found, seconds).lines()))


if __name__ == "__main__":
    main()
