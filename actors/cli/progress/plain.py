"""Shows a run as one plain line for logs, such as those of CI.

run cb6a3aca: running for 1:05, 2 of 5 tasks ended; check 512/1,000, 3 failed, 125/s, 4 s left; report
"""

from typing import Any, Final

from stretto.actors.cli.progress import wording
from stretto.actors.cli.progress.pace import Stopwatch
from stretto.actors.cli.support.printable import one_line
from stretto.actors.runs import RunProgressed

MAX_TASKS: Final = 3
"""The most tasks of a line."""
_NAME: Final = 60


def plain_line(progress: RunProgressed, stopwatch: Stopwatch) -> str:
    """Return the line. It names the tasks in progress."""
    tasks = wording.tasks_written(progress.tasks)
    current = [name for name, task in tasks.items() if task["status"] in {"running", "awaiting", "delayed", "held"}]
    elapsed = wording.duration(stopwatch.run_seconds())
    status = f"{progress.status} for {elapsed}" if elapsed else progress.status
    parts = [
        f"run {progress.run_id[-wording.SHORT_ID :]}: {status}, {wording.tasks_ended(tasks)}",
        *(_task(name, tasks[name], stopwatch) for name in current[:MAX_TASKS]),
    ]
    if len(current) > MAX_TASKS:
        parts.append(f"{len(current) - MAX_TASKS:,} more")
    return "; ".join(parts)


def _task(name: str, task: Any, stopwatch: Stopwatch) -> str:
    shown = one_line(name)[:_NAME]
    if task["status"] != "running":
        shown += f" ({task['status']})"
    if not wording.has_items(task):
        return shown
    details = (
        wording.counts(task), wording.failures(task), wording.rate(stopwatch.rate(name)),
        wording.time_left(stopwatch.seconds_left(name)),
    )  # fmt: skip
    return f"{shown} {', '.join(each for each in details if each)}"
