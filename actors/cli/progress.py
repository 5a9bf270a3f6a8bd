"""A run's progress on one line of a terminal."""

from typing import Any, TextIO

import pykka

from stretto.actors.messages import RunProgressed

MAX_WIDTH = 100


class ProgressLine(pykka.ThreadingActor):
    """Rewrites one line for each `RunProgressed` that it is told."""

    use_daemon_thread = True

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._shown = ""

    def on_receive(self, message: Any) -> None:
        """Show a run's progress."""
        if isinstance(message, RunProgressed):
            line = describe(message)[:MAX_WIDTH]
            if line != self._shown:
                self._stream.write(f"\r{line.ljust(len(self._shown))}")
                self._stream.flush()
                self._shown = line

    def on_stop(self) -> None:
        """Leave the terminal's line."""
        if self._shown:
            self._stream.write("\n")
            self._stream.flush()


def describe(progress: RunProgressed) -> str:
    """Return a run's progress in words: the tasks that run, with their items."""
    parts = []
    for name, task in progress.tasks.items():
        items = task["items"]
        if task["status"] == "running":
            failed = f", {items['failed']:,} failed" if items["failed"] else ""
            parts.append(f"{name} {items['succeeded'] + items['failed']:,}/{items['total']:,}{failed}")
    ended = sum(task["status"] not in {"not_started", "running"} for task in progress.tasks.values())
    return f"{progress.status}: {ended}/{len(progress.tasks)} tasks" + (f" | {', '.join(parts)}" if parts else "")
