"""The files of one run's tasks: what its conductor commands to be read and written, and what has come of it.

ReadItems, OpenResults        --job--> ItemsRead, ResultsOpened, StreamFailed      events of the conductor's
WriteResult ... CloseResults  --gathered, one job at a time--> ResultsSaved        when it is noted: ResultsClosed

While lines are being written more gather, so that a slow disk gets fewer, larger writes. How many are under way is
bounded: from there on no item starts until the file has caught up.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import pykka

from stretto.actors.files import FileWork, Key, lines_of, read_items
from stretto.actors.history import WrittenResults
from stretto.actors.journal import ResultsWritten
from stretto.actors.runs.messages import ResultsSaved
from stretto.definitions.conductor import (
    CloseResults,
    Command,
    ItemsRead,
    OpenResults,
    ReadItems,
    ResultsClosed,
    ResultsOpened,
    StreamFailed,
    WriteResult,
)
from stretto.definitions.context import Mask
from stretto.definitions.data import weigh
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

MAX_LINES: Final = 2048
MAX_BYTES: Final = 8 * 2**20
"""Lines, and about their bytes, under way to one file, beyond which no item of the run starts."""

Visit: TypeAlias = tuple[str, int]
"""A task, and the visit of it."""

_log = get_logger("stretto.files")


class _Results:
    """A file of results: what has gathered for it. `lines` were written, `under_way` were not yet."""

    __slots__ = ("busy", "closing", "gathered", "lines", "under_way", "weight", "weight_gathered")

    def __init__(self) -> None:
        self.gathered: list[WriteResult] = []
        self.busy = True  # being opened
        self.closing = False
        self.lines = self.under_way = self.weight = self.weight_gathered = 0

    def add(self, line: WriteResult) -> None:
        self.gathered.append(line)
        self.under_way += 1
        weight = weigh(line.result)
        self.weight += weight
        self.weight_gathered += weight

    def take(self) -> tuple[list[WriteResult], int]:
        """Take what has gathered, to be written, and its weight."""
        taken = self.gathered, self.weight_gathered
        self.gathered, self.weight_gathered, self.busy = [], 0, True
        return taken

    @property
    def behind(self) -> bool:
        return self.under_way >= MAX_LINES or self.weight >= MAX_BYTES


class RunStreams:
    """Carries out what is commanded about files. `behind`: so much is to be written that no item should start."""

    def __init__(
        self,
        files: FileWork,
        run_id: str,
        supervisor: pykka.ActorRef[Any],
        now: Callable[[], float],
        *,
        durable: bool,
    ) -> None:
        """`durable`: what is told to be written is on the disk."""
        self.behind = False
        self._files = files
        self._run_id = run_id
        self._supervisor = supervisor
        self._now = now
        self._durable = durable
        self._results: dict[Visit, _Results] = {}
        self._dirty: dict[Visit, None] = {}

    @property
    def busy(self) -> bool:
        """Something is being written, or to be."""
        return any(each.busy or each.gathered or each.closing for each in self._results.values())

    def carry_out(self, command: Command) -> None:
        """Carry out a command; lines are written at the turn's end."""
        if type(command) is WriteResult:
            visit = command.task, command.visit
            results = self._results.get(visit)
            if results is not None:
                results.add(command)
                self._dirty[visit] = None
                self.behind = self.behind or results.behind
        elif type(command) is ReadItems:
            self._submit(command, partial(self._read, command))
        elif type(command) is OpenResults:
            self._results[command.task, command.visit] = _Results()
            self._submit(command, partial(self._open, command))
        elif type(command) is CloseResults:
            results = self._results.get((command.task, command.visit))
            if results is not None:
                results.closing = True
                self._dirty[command.task, command.visit] = None

    def take_up(self, recovered: Mapping[Visit, WrittenResults], outstanding: Sequence[Command]) -> None:
        """Go on where a run was left: with the files that were open, and what was commanded and not answered."""
        unopened = {(each.task, each.visit) for each in outstanding if type(each) is OpenResults}
        for (task, visit), written in recovered.items():
            if (task, visit) in unopened:
                continue
            if written.whole:
                self._tell(ResultsClosed(task, visit, self._now()))
                continue
            results = self._results[task, visit] = _Results()
            results.lines = written.lines
            for line in written.lacking:
                results.add(line)
            self._dirty[task, visit] = None
            self._submit(CloseResults(task, visit), partial(self._reopen, task, visit, written))
        for command in outstanding:
            self.carry_out(command)
        self._look_whether_behind()

    def flush(self, mask: Mask) -> None:
        """Have written what has gathered in the turn, unless something is being written: then it comes next."""
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, {}
        for task, visit in dirty:
            results = self._results.get((task, visit))
            if results is None:
                continue
            if results.busy:
                self._dirty[task, visit] = None
            elif results.gathered or results.closing:
                lines, weight = results.take()
                command = CloseResults(task, visit)
                self._submit(command, partial(self._write, command, lines, weight, mask, whole=results.closing))

    def opened(self, event: ResultsOpened) -> None:
        """A file is there."""
        results = self._results.get((event.task, event.visit))
        if results is not None:
            results.busy = False

    def saved(self, message: ResultsSaved) -> ResultsWritten | None:
        """Take note that lines have been written; return what is to be noted of it, if anything is."""
        visit = message.task, message.visit
        results = self._results.get(visit)
        if results is None:
            return None
        results.busy = False
        results.lines += message.count
        results.under_way -= message.count
        results.weight -= message.weight
        if message.whole:
            del self._results[visit]
        self._look_whether_behind()
        if not message.count and not message.whole:
            return None
        return ResultsWritten(*visit, results.lines, message.size, message.whole, self._now())

    def failed(self, event: StreamFailed) -> None:
        """A file cannot be read, or written: nothing more is."""
        if event.kind == "unwritable_results":
            self._results.pop((event.task, event.visit), None)
            self._look_whether_behind()

    def _look_whether_behind(self) -> None:
        self.behind = any(each.behind for each in self._results.values())

    def leave(self) -> None:
        """Close all files; what has not been written is not, but in the journal."""
        left, self._results = self._results, {}
        for task, visit in left:
            self._files.submit(partial(self._files.results.close, self._key(task, visit), self))

    # ---- jobs: on other threads, with nothing of the above

    def _submit(self, command: ReadItems | OpenResults | CloseResults, job: Callable[[], Any]) -> None:
        """Have a job done, and the supervisor told what it returns, or that it failed."""
        kind = "unreadable_source" if type(command) is ReadItems else "unwritable_results"

        def done() -> None:
            try:
                told = job()
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one file ends no thread, and is told
                if not isinstance(error, StrettoError):
                    _log.exception("file_work_failed", run_id=self._run_id, task=command.task)
                if kind == "unwritable_results":
                    self._files.results.close(self._key(command.task, command.visit), self)
                told = StreamFailed(command.task, command.visit, kind, str(error), self._now())  # type: ignore[arg-type]
            self._tell(told)

        self._files.submit(done)

    def _tell(self, message: Any) -> None:
        with contextlib.suppress(pykka.ActorDeadError):  # the run has ended, or its supervisor has crashed
            self._supervisor.tell(message)

    def _key(self, task: str, visit: int) -> Key:
        return self._run_id, task, visit

    def _read(self, command: ReadItems) -> ItemsRead:
        piece = read_items(command.kind, command.path, command.start, command.line)
        return ItemsRead(
            command.task, command.visit, piece.items, command.start, piece.offset, piece.line, piece.ended, self._now()
        )

    def _open(self, command: OpenResults) -> ResultsOpened:
        key = self._key(command.task, command.visit)
        self._files.results.open(key, self, command.path, 0, command.source)
        return ResultsOpened(command.task, command.visit, self._now())

    def _reopen(self, task: str, visit: int, written: WrittenResults) -> ResultsSaved:
        self._files.results.open(self._key(task, visit), self, written.path, written.size, written.source)
        return ResultsSaved(task, visit, 0, 0, written.size, whole=False)

    def _write(
        self, command: CloseResults, lines: list[WriteResult], weight: int, mask: Mask, *, whole: bool
    ) -> ResultsSaved:
        key, results = self._key(command.task, command.visit), self._files.results
        size = results.append(key, self, lines_of(lines, mask), durable=self._durable)
        if whole:
            results.close(key, self)
        return ResultsSaved(command.task, command.visit, len(lines), weight, size, whole=whole)
