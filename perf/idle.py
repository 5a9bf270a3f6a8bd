"""What an engine does while there is nothing to do: it counts how often any of its threads is scheduled.

    python perf/idle.py [SECONDS]

A thread that sleeps until something happens makes no context switch; a loop that looks makes one at each look.
"""

import sys
import threading
import time
from dataclasses import dataclass

from engines import VARIANTS, engine, fan_out, run
from process import context_switches
from report import Table

DEFAULT_SECONDS = 5.0
SETTLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Idleness:
    """What happened in so many idle seconds. The thread that measures is not counted in the switches."""

    seconds: float
    threads: int
    voluntary: int
    nonvoluntary: int
    cpu_seconds: float


def measure(seconds: float) -> Idleness:
    """Start an engine that exposes metrics, have it work once so that all its threads exist, and let it be."""
    with engine() as proxy:
        run(proxy, "one_task")
        for workflow in ("fan_out", *VARIANTS):
            fan_out(proxy, 1, 100, workflow)
        time.sleep(SETTLE_SECONDS)
        before, cpu_before = context_switches(), time.process_time()
        time.sleep(seconds)
        cpu_after, after = time.process_time(), context_switches()
    own = threading.get_native_id()
    others = [thread for thread in after if thread != own]
    return Idleness(
        seconds,
        len(others),
        sum(after[thread][0] - before.get(thread, (0, 0))[0] for thread in others),
        sum(after[thread][1] - before.get(thread, (0, 0))[1] for thread in others),
        cpu_after - cpu_before,
    )


def table(idleness: Idleness) -> Table:
    """Show what was counted."""
    made = Table("An idle engine, metrics exposed", [f"in {idleness.seconds:g} s", "counted"])
    made.add("threads", str(idleness.threads))
    made.add("voluntary context switches", str(idleness.voluntary))
    made.add("nonvoluntary context switches", str(idleness.nonvoluntary))
    made.add("CPU time of the process, measuring included", f"{idleness.cpu_seconds * 1e3:.2f} ms")
    return made


if __name__ == "__main__":
    print("\n".join(table(measure(float(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SECONDS)).lines()))
