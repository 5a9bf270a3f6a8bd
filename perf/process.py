"""What the kernel and the interpreter count about this process, and about commands that it runs."""

import contextlib
import resource
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypedDict

_SELF = Path("/proc/self")
_RESET_PEAK = "5"
NANOSECONDS = 1e9


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


def processor_seconds_below(process: int) -> float:
    """Return the processor time of a process and of its children, in seconds. Children that have ended are left out."""
    found = 0
    for folder in _SELF.parent.glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if str(process) in {folder.name, parent}:
                found += int((folder / "schedstat").read_text().split()[0])
    return found / NANOSECONDS


@dataclass(frozen=True, slots=True)
class Spent:
    """The seconds of a process from its start to its end, and those of the processor."""

    seconds: float
    processor: float

    def scaled(self, start: "Spent", share: float) -> "Spent":
        """Return what all of the work takes: this process did a share of it, and `start` next to nothing."""
        return Spent(
            start.seconds + (self.seconds - start.seconds) / share,
            start.processor + (self.processor - start.processor) / share,
        )


def finished(*command: str) -> tuple[Spent, str]:
    """Run a command to its end; return what it spent, and its output with that of errors. Exit codes do not matter."""
    began, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds, after = perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), done.stdout


def _fields(status: Path) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
