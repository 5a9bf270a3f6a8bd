"""Draws a run as text for a terminal: a line for each task that has started, and a summary.

+ load   succeeded  1/1  0.2 s
> check  running    ━━━━━━━━━━──────────  512/1,000  3 failed  125/s  4.1 s
running: 1 of 3 tasks have ended  4.3 s
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from stretto.actors.runs import RunProgressed

MAX_TASKS: Final = 20
"""The most tasks that are shown, also on a tall terminal: more are not an overview."""
_ENDED: Final = frozenset({"succeeded", "failed", "timed_out", "cancelled", "skipped"})
_UNTOUCHED: Final = frozenset({"not_started"})
_FIRST: Final = ("running", "failed", "timed_out", "held", "delayed", "cancelled", "succeeded", "skipped")
"""The statuses whose lines are kept first when there is no room for all."""
_STYLES: Final[Mapping[str, tuple[str, str]]] = {
    "running": (">", "36"),
    "delayed": (".", "36"),
    "held": (".", "33"),
    "succeeded": ("+", "32"),
    "failed": ("x", "31"),
    "timed_out": ("x", "31"),
    "cancelled": ("-", "33"),
    "skipped": ("-", "2"),
}
_BAR: Final = 20
_NAME: Final = 32
_RATE_SECONDS: Final = 0.2
"""The shortest time over which a rate means anything."""

Segment: TypeAlias = tuple[str, str]
"""A text, and the codes of its colour ("" for none)."""


@dataclass(frozen=True, slots=True)
class Look:
    """The abilities of a terminal. `unicode` means that its encoding has box-drawing characters."""

    columns: int
    rows: int
    colours: bool = False
    unicode: bool = False


class Stopwatch:
    """Times when each task's visit was first seen running and ended. `RunProgressed` has no times."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._now = now
        self._tasks: dict[str, tuple[int, float, float | None]] = {}

    def look_at(self, progress: RunProgressed, now: float) -> None:
        """Record the tasks that have started and ended by `now`."""
        self._now = now
        for name, task in progress.tasks.items():
            if task["status"] in _UNTOUCHED:
                continue
            visit, began, ended = self._tasks.get(name, (0, now, None))
            if visit != task["visits"]:
                visit, began, ended = task["visits"], now, None
            if ended is None and task["status"] in _ENDED:
                ended = now
            self._tasks[name] = visit, began, ended

    def seconds(self, name: str | None = None) -> float:
        """Return the duration of a task so far, or of the run if there is no name."""
        if name is None:
            return self._now - self._began
        _, began, ended = self._tasks.get(name, (0, self._now, None))
        return (self._now if ended is None else ended) - began


def draw(progress: RunProgressed, stopwatch: Stopwatch, look: Look) -> list[str]:
    """Return the lines that show a run. They fit on the terminal."""
    # Only the names of helper tasks have a dot, such as the fork of a parallel task. No user wrote those.
    written = {name: task for name, task in progress.tasks.items() if "." not in name}
    started = {name: task for name, task in written.items() if task["status"] not in _UNTOUCHED}
    # A row for the summary, one for the cursor, one for what was not shown.
    room = max(min(look.rows - 3, MAX_TASKS), 1)
    shown = _choose(started, room)
    width = min(max((len(name) for name in shown), default=0), _NAME)
    lines = [_task_line(name, started[name], stopwatch.seconds(name), width, look) for name in shown]
    if len(started) > len(shown):
        lines.append([(f"  ... {len(started) - len(shown):,} more", "2")])
    lines.append(_summary(progress.status, written, stopwatch.seconds()))
    return [_fit(line, look) for line in lines]


def _choose(started: Mapping[str, dict[str, Any]], room: int) -> Sequence[str]:
    """Return the names to show, in the file's order. Running and failed tasks take precedence."""
    names = list(started)
    if len(names) <= room:
        return names
    ranks = {name: _FIRST.index(started[name]["status"]) for name in names}
    kept = set(sorted(names, key=ranks.__getitem__)[:room])
    return [name for name in names if name in kept]


def _task_line(name: str, task: Mapping[str, Any], seconds: float, width: int, look: Look) -> list[Segment]:
    items = task["items"]
    done = items["succeeded"] + items["failed"]
    symbol, colour = _STYLES[task["status"]]
    shown = name if len(name) <= width else f"{name[: width - 3]}..."
    line: list[Segment] = [(f"{symbol} ", colour), (shown.ljust(width), ""), (f"  {task['status']:<9}", colour)]
    total = items["total"]  # None while items are being read
    if total is not None and total > 1:
        line += [("  ", ""), *_bar(done, total, look)]
    line.append((f"  {done:,}" if total is None else f"  {done:,}/{total:,}", ""))
    if items["failed"]:
        line.append((f"  {items['failed']:,} failed", "31"))
    if (total is None or total > 1) and seconds >= _RATE_SECONDS:
        line.append((f"  {done / seconds:,.0f}/s", ""))
    line.append((f"  {_duration(seconds)}", "2"))
    return line


def _bar(done: int, total: int, look: Look) -> list[Segment]:
    full, rest = ("━", "─") if look.unicode else ("#", ".")
    filled = _BAR * done // total
    return [(full * filled, "32"), (rest * (_BAR - filled), "2")]


def _summary(status: str, tasks: Mapping[str, Mapping[str, Any]], seconds: float) -> list[Segment]:
    ended = sum(task["status"] in _ENDED for task in tasks.values())
    colour = _STYLES.get(status, ("", "33"))[1]
    return [(status, colour), (f": {ended:,} of {len(tasks):,} tasks have ended", ""), (f"  {_duration(seconds)}", "2")]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _fit(line: Sequence[Segment], look: Look) -> str:
    """Cut a line to one column less than the terminal has: a full line wraps on some terminals."""
    room = max(look.columns - 1, 1)
    parts = []
    for text, colour in line:
        cut = text[:room]
        room -= len(cut)
        parts.append(f"\x1b[{colour}m{cut}\x1b[0m" if cut and colour and look.colours else cut)
    return "".join(parts).rstrip()
