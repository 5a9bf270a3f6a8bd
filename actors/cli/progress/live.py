"""Draws a run for a terminal: a line for each task that has started, and a summary.

+ load   succeeded      1/1                           0.2 s
> check  running    512/1,000  3 failed  125/s  4 s left  4.1 s  ━━━━━━━━━━──────────
running: 1 of 3 tasks ended  4.3 s  at least 4 s left  run 01a20b26-99ba-74e3-9f7e-80b1caf7b56d

A narrow terminal has fewer columns: the bar, the rate and the words of statuses go first, the counts never.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from stretto.actors.cli.progress import wording
from stretto.actors.cli.progress.pace import Stopwatch
from stretto.actors.cli.support.printable import one_line
from stretto.actors.cli.support.statuses import FAILURE, STATUS_COLOURS, SUCCESS
from stretto.actors.cli.support.terminal import Look
from stretto.actors.runs import RunProgressed

MAX_TASKS: Final = 20
"""The most tasks that are shown, also on a tall terminal: more are not an overview."""
_FIRST: Final = ("running", "failed", "timed_out", "awaiting", "held", "delayed", "cancelled", "succeeded", "skipped")
"""The statuses whose lines are kept first when there is no room for all."""
_SYMBOLS: Final[Mapping[str, str]] = {
    "running": ">",
    "awaiting": "?",
    "delayed": ".",
    "held": ".",
    "succeeded": "+",
    "failed": "x",
    "timed_out": "x",
    "cancelled": "-",
    "skipped": "-",
}
_NAME: Final = 32
_SHORT_NAME: Final = 12
_GAP: Final = "  "
_BAR: Final = 30
_SHORT_BAR: Final = 10
_COLUMNS: Final = ("name", "status", "counts", "failed", "rate", "left", "time")
_NUMBERS: Final = frozenset({"counts", "failed", "rate", "left", "time"})
"""The columns whose texts are aligned to the right."""
_DISPENSABLE: Final = ("rate", "status", "time", "left", "failed")
"""The columns that a narrow terminal lacks, in the order in which they go."""


def draw(progress: RunProgressed, stopwatch: Stopwatch, look: Look) -> list[Text]:
    """Return the lines that show a run. They fit on the terminal."""
    tasks = wording.tasks_written(progress.tasks)
    started = {name: task for name, task in tasks.items() if task["status"] != "not_started"}
    # A row for the summary, one for the cursor, one for the count of those that are left out.
    shown = _choose(started, max(min(look.rows - 3, MAX_TASKS), 1))
    lines = _task_lines({name: started[name] for name in shown}, stopwatch, look)
    if len(started) > len(shown):
        lines.append(Text(f"  ... {len(started) - len(shown):,} more", "dim"))
    lines.append(_summary(progress, tasks, stopwatch, look))
    for line in lines:
        line.rstrip()
        line.truncate(max(look.columns - 1, 1), overflow="crop")  # a full line wraps on some terminals
    return lines


def _choose(started: wording.Tasks, room: int) -> Sequence[str]:
    """Return the names to show, in the file's order. Running and failed tasks take precedence."""
    names = list(started)
    if len(names) <= room:
        return names
    ranks = {name: _FIRST.index(started[name]["status"]) for name in names}
    kept = set(sorted(names, key=ranks.__getitem__)[:room])
    return [name for name in names if name in kept]


def _task_lines(tasks: wording.Tasks, stopwatch: Stopwatch, look: Look) -> list[Text]:
    """Return a line for each task. Their columns are aligned, and the bars fill what is left of the width."""
    rows = {name: _cells(name, task, stopwatch) for name, task in tasks.items()}
    columns = [name for name in _COLUMNS if any(row[name] for row in rows.values())]
    widths = {column: max(cell_len(row[column]) for row in rows.values()) for column in columns}
    room = look.columns - 1 - len("> ")
    if columns:
        widths["name"] = min(widths["name"], _NAME)
    for column in _DISPENSABLE:
        if _width(widths) > room and column in widths:
            del widths[column]
    if _width(widths) > room and widths:
        widths["name"] = max(min(widths["name"], room - _width(widths) + widths["name"]), min(_SHORT_NAME, room))
    bar = min(room - _width(widths) - len(_GAP), _BAR)
    return [
        _task_line(tasks[name], row, widths, bar if bar >= _SHORT_BAR and wording.has_items(tasks[name]) else 0, look)
        for name, row in rows.items()
    ]


def _cells(name: str, task: Mapping[str, Any], stopwatch: Stopwatch) -> dict[str, str]:
    """Return the texts of a task, by column."""
    return {
        "name": one_line(name),
        "status": task["status"],
        "counts": wording.counts(task),
        "failed": wording.failures(task),
        "rate": wording.rate(stopwatch.rate(name)) if wording.has_items(task) else "",
        "left": wording.time_left(stopwatch.seconds_left(name)) if wording.has_items(task) else "",
        "time": wording.duration(stopwatch.task_seconds(name)),
    }


def _width(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _task_line(
    task: Mapping[str, Any], cells: Mapping[str, str], widths: Mapping[str, int], bar: int, look: Look
) -> Text:
    style = STATUS_COLOURS.get(task["status"], "")
    styles = {"status": style, "failed": FAILURE, "time": "dim"}
    line = Text(f"{_SYMBOLS[task['status']]} ", style)
    for number, (column, width) in enumerate(widths.items()):
        line.append(_GAP if number else "", "")
        line.append(_sized(cells[column], width, to_the_right=column in _NUMBERS), styles.get(column, "default"))
    total = task["items"]["total"]
    if bar and total:
        filled = bar * (task["items"]["succeeded"] + task["items"]["failed"]) // total
        full, rest = ("━", "─") if look.unicode else ("#", ".")
        line.append(_GAP, "").append(full * filled, SUCCESS).append(rest * (bar - filled), "dim")
    return line


def _sized(text: str, width: int, *, to_the_right: bool) -> str:
    """Return a text of exactly this width in a terminal's cells."""
    length = cell_len(text)
    if length > width:
        return f"{set_cell_size(text, max(width - 3, 0))}..."[:width] if width > 3 else set_cell_size(text, width)
    blanks = " " * (width - length)
    return blanks + text if to_the_right else text + blanks


def _summary(progress: RunProgressed, tasks: wording.Tasks, stopwatch: Stopwatch, look: Look) -> Text:
    """Return the last line. A narrow terminal has the end of the run's id, then fewer words, then no estimate."""
    run_id, short_id = (f"run {each}" for each in (one_line(progress.run_id), progress.run_id[-wording.SHORT_ID :]))
    left, ended = wording.run_left(tasks, stopwatch), wording.tasks_ended(tasks)
    elapsed = wording.duration(stopwatch.run_seconds())
    short_ended = ended.removesuffix(" ended").replace(" of ", "/")
    for details in (
        (ended, elapsed, left, run_id),
        (ended, elapsed, left, short_id),
        (short_ended, elapsed, left, short_id),
        (short_ended, elapsed, short_id),
    ):
        counted, *others = (each for each in details if each)
        line = Text(progress.status, STATUS_COLOURS.get(progress.status, ""))
        line.append(f": {counted}", "default").append("".join(_GAP + each for each in others), "dim")
        if line.cell_len < look.columns:
            break
    return line
