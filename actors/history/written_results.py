"""Results files of a run that is replayed: the lines known to be written, and the lines to write next.

Only unwritten lines are kept during a replay: as many as were pending when the run stopped.
"""

from collections import deque

from stretto.actors.journal import ResultsWritten
from stretto.definitions.conductor import Command, OpenResults, StreamFailed, TaskEnded, WriteResult


class WrittenResults:
    """One results file.

    Attributes:
        lines: The number of lines known to be written.
        size: The size of those lines in bytes.
        lacking: The lines to write next.
        whole: Whether the file is complete and closed.
        source: The file that the items are read from.
    """

    __slots__ = ("lacking", "lines", "path", "size", "source", "whole")

    def __init__(self, path: str, source: str | None) -> None:
        self.path = path
        self.source = source
        self.lines = self.size = 0
        self.whole = False
        self.lacking: deque[WriteResult] = deque()

    def written(self, note: ResultsWritten) -> None:
        """Drop the lines that the journal notes as written."""
        for _ in range(note.lines - self.lines):
            self.lacking.popleft()
        self.lines, self.size, self.whole = note.lines, note.size, note.whole


class ReplayedResults:
    """The results files that are open at one moment of a replay."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, int], WrittenResults] = {}

    def commanded(self, command: Command) -> None:
        """Apply a command of the conductor."""
        if type(command) is WriteResult:
            self.files[command.task, command.visit].lacking.append(command)
        elif type(command) is OpenResults:
            self.files[command.task, command.visit] = WrittenResults(command.path, command.source)
        elif type(command) is TaskEnded:
            self.files.pop((command.task, command.visit), None)

    def written(self, note: ResultsWritten) -> None:
        """Apply a note about a file."""
        file = self.files.get((note.task, note.visit))
        if file is not None:
            file.written(note)

    def failed(self, event: StreamFailed) -> None:
        """Forget a results file that failed."""
        if event.kind == "unwritable_results":
            self.files.pop((event.task, event.visit), None)
