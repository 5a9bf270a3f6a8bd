"""What the kernel and the interpreter count about this process."""

import sys
import threading
from pathlib import Path
from time import perf_counter
from typing import TypedDict

_SELF = Path("/proc/self")
_RESET_PEAK = "5"


class Mark(TypedDict):
    """A moment of the process: when it was, and what the process had in use."""

    at: float
    threads: int
    allocated_blocks: int
    resident_mb: float
    peak_mb: float


def mark() -> Mark:
    """Return how the process stands now."""
    status = _fields(_SELF / "status")
    return {
        "at": perf_counter(),
        "threads": threading.active_count(),
        "allocated_blocks": sys.getallocatedblocks(),
        "resident_mb": int(status["VmRSS"].split()[0]) / 1024,
        "peak_mb": int(status["VmHWM"].split()[0]) / 1024,
    }


def reset_peak() -> None:
    """Let the peak of the resident memory begin anew, at what is resident now."""
    (_SELF / "clear_refs").write_text(_RESET_PEAK)


def context_switches() -> dict[int, tuple[int, int]]:
    """Return (voluntary, nonvoluntary) context switches of every thread, by the kernel's thread id."""
    switches = {}
    for task in (_SELF / "task").iterdir():
        status = _fields(task / "status")
        switches[int(task.name)] = (
            int(status["voluntary_ctxt_switches"]),
            int(status["nonvoluntary_ctxt_switches"]),
        )
    return switches


def _fields(status: Path) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
