"""What a file of results must have, as the journal of its run tells: what is known to be in it, and what comes then.

Only what has not been noted as written is kept while a run is rebuilt: as much as was under way when it was left.
"""

from collections import deque

from stretto.actors.journal import ResultsWritten
from stretto.definitions.conductor import Command, OpenResults, StreamFailed, TaskEnded, WriteResult


class WrittenResults:
    """One file: its first `lines` lines are its first `size` bytes, and it lacks what follows on them.

    `whole`: nothing does, and it was closed. `source` is the file that the items are read from.
    """

    __slots__ = ("lacking", "lines", "path", "size", "source", "whole")

    def __init__(self, path: str, source: str | None) -> None:
        self.path = path
        self.source = source
        self.lines = self.size = 0
        self.whole = False
        self.lacking: deque[WriteResult] = deque()

    def written(self, note: ResultsWritten) -> None:
        """Take what has been noted."""
        for _ in range(note.lines - self.lines):
            self.lacking.popleft()
        self.lines, self.size, self.whole = note.lines, note.size, note.whole


class RebuiltResults:
    """The files of results that are open at one moment of a run that is being rebuilt."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, int], WrittenResults] = {}

    def commanded(self, command: Command) -> None:
        """Take what the conductor has commanded once more."""
        if type(command) is WriteResult:
            self.files[command.task, command.visit].lacking.append(command)
        elif type(command) is OpenResults:
            self.files[command.task, command.visit] = WrittenResults(command.path, command.source)
        elif type(command) is TaskEnded:
            self.files.pop((command.task, command.visit), None)

    def written(self, note: ResultsWritten) -> None:
        """Take what was noted of a file."""
        file = self.files.get((note.task, note.visit))
        if file is not None:
            file.written(note)

    def failed(self, event: StreamFailed) -> None:
        """A file could not be written: it is no more."""
        if event.kind == "unwritable_results":
            self.files.pop((event.task, event.visit), None)
