"""The files of one run's tasks: items are read from them, and results are written to them.

ReadItems, OpenResults        --job--> ItemsRead, ResultsOpened, StreamFailed     events for the conductor
WriteResult ... CloseResults  --gathered, one job at a time--> ResultsSaved       once journaled: ResultsClosed

More lines gather during a write, so a slow disk gets fewer, larger writes. Pending lines are bounded: beyond the bound
no item starts until the file has caught up.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import pykka

from stretto.actors.dispatch import Recipient
from stretto.actors.files import FileWork, Key, lines_of, read_items
from stretto.actors.history import WrittenResults
from stretto.actors.journal import ResultsWritten
from stretto.actors.runs.file_rules import FileRules
from stretto.actors.runs.messages import ResultsSaved
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import (
    CloseResults,
    Command,
    ItemsRead,
    OpenResults,
    ReadItems,
    ResultsClosed,
    ResultsOpened,
    StreamFailed,
    StreamProblem,
    WriteResult,
)
from stretto.definitions.context import Mask
from stretto.definitions.data import weigh
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

MAX_LINES: Final = 2048
MAX_BYTES: Final = 8 * 2**20
"""Pending lines and bytes of one file, beyond which no item of the run starts."""

VisitKey: TypeAlias = tuple[str, int]
"""A task and its visit."""

_log = get_logger("stretto.files")


class _Results:
    """A results file: `lines` are written, `pending` ones are not yet."""

    __slots__ = ("busy", "closing", "gathered", "lines", "pending", "weight", "weight_gathered")

    def __init__(self) -> None:
        self.gathered: list[WriteResult] = []
        self.busy = True  # being opened
        self.closing = False
        self.lines = self.pending = self.weight = self.weight_gathered = 0

    def add(self, line: WriteResult) -> None:
        self.gathered.append(line)
        self.pending += 1
        weight = weigh(line.result)
        self.weight += weight
        self.weight_gathered += weight

    def take(self) -> tuple[list[WriteResult], int]:
        """Remove and return the gathered lines, and their weight."""
        taken = self.gathered, self.weight_gathered
        self.gathered, self.weight_gathered, self.busy = [], 0, True
        return taken

    @property
    def lagging(self) -> bool:
        return self.pending >= MAX_LINES or self.weight >= MAX_BYTES


class RunStreams:
    """Carries out the commands about files.

    `lagging` says that too many lines are pending for another item to start.
    """

    __slots__ = ("_dirty", "_durable", "_files", "_now", "_results", "_rules", "_run_id", "_supervisor", "lagging")

    def __init__(  # noqa: PLR0913 - what its jobs need
        self,
        files: FileWork,
        rules: FileRules,
        run_id: str,
        supervisor: Recipient,
        now: Callable[[], float],
        *,
        durable: bool,
    ) -> None:
        """Use the threads of `files`.

        Args:
            files: Runs the jobs.
            rules: Choose the opener of each file.
            run_id: The run's id.
            supervisor: Gets the results of the jobs.
            now: Returns seconds since the epoch.
            durable: Whether a job waits until its lines are on the disk.
        """
        self.lagging = False
        self._files = files
        self._rules = rules
        self._run_id = run_id
        self._supervisor = supervisor
        self._now = now
        self._durable = durable
        self._results: dict[VisitKey, _Results] = {}
        self._dirty: dict[VisitKey, None] = {}

    @property
    def busy(self) -> bool:
        """Whether lines are pending, or a file is being opened or closed."""
        return any(each.busy or each.gathered or each.closing for each in self._results.values())

    def carry_out(self, command: Command) -> None:
        """Carry out a command. Lines are written at the end of the turn."""
        if type(command) is WriteResult:
            visit = command.task, command.visit
            results = self._results.get(visit)
            if results is not None:
                results.add(command)
                self._dirty[visit] = None
                self.lagging = self.lagging or results.lagging
        elif type(command) is ReadItems:
            self._submit((command.task, command.visit), "unreadable_source", partial(self._read, command))
        elif type(command) is OpenResults:
            visit = command.task, command.visit
            self._results[visit] = _Results()
            self._submit(visit, "unwritable_results", partial(self._open, command))
        elif type(command) is CloseResults:
            results = self._results.get((command.task, command.visit))
            if results is not None:
                results.closing = True
                self._dirty[command.task, command.visit] = None

    def recover(self, recovered: Mapping[VisitKey, WrittenResults], outstanding: Sequence[Command]) -> None:
        """Continue with the files that were open when the run was left, and with the outstanding commands."""
        unopened = {(each.task, each.visit) for each in outstanding if type(each) is OpenResults}
        for (task, visit), written in recovered.items():
            if (task, visit) in unopened:
                continue
            if written.whole:
                self._send(ResultsClosed(task, visit, self._now()))
                continue
            results = self._results[task, visit] = _Results()
            results.lines = written.lines
            for line in written.lacking:
                results.add(line)
            self._dirty[task, visit] = None
            self._submit((task, visit), "unwritable_results", partial(self._reopen, task, visit, written))
        for command in outstanding:
            self.carry_out(command)
        self._update_lagging()

    def flush(self, mask: Mask) -> None:
        """Write the lines that this turn has gathered, or keep them for after the current job."""
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, {}
        for visit in dirty:
            results = self._results.get(visit)
            if results is None:
                continue
            if results.busy:
                self._dirty[visit] = None
            elif results.gathered or results.closing:
                lines, weight = results.take()
                write = partial(self._write, visit, lines, weight, mask, complete=results.closing)
                self._submit(visit, "unwritable_results", write)

    def opened(self, event: ResultsOpened) -> None:
        """Note that a file was opened."""
        results = self._results.get((event.task, event.visit))
        if results is not None:
            results.busy = False

    def saved(self, message: ResultsSaved) -> ResultsWritten | None:
        """Note that lines were written. Return the entry for the journal, if there is one."""
        visit = message.task, message.visit
        results = self._results.get(visit)
        if results is None:
            return None
        results.busy = False
        results.lines += message.count
        results.pending -= message.count
        results.weight -= message.weight
        if message.complete:
            del self._results[visit]
        self._update_lagging()
        if not message.count and not message.complete:
            return None
        return ResultsWritten(*visit, results.lines, message.size, message.complete, self._now())

    def failed(self, event: StreamFailed) -> None:
        """Forget a results file that failed."""
        if event.kind == "unwritable_results":
            self._results.pop((event.task, event.visit), None)
            self._update_lagging()

    def _update_lagging(self) -> None:
        self.lagging = any(each.lagging for each in self._results.values())

    def leave(self) -> None:
        """Close all files. Unwritten lines are lost here but remain in the journal."""
        left, self._results = self._results, {}
        for task, visit in left:
            self._files.submit(partial(self._files.results.close, self._key(task, visit), self))

    # ---- jobs: on other threads, without the attributes above

    def _submit(self, visit: VisitKey, problem: StreamProblem, job: Callable[[], Any]) -> None:
        """Run a job, and send its result to the supervisor, or `StreamFailed` with `problem`."""

        def done() -> None:
            try:
                message = job()
            except Exception as error:  # noqa: BLE001 - no failure of one file may end the thread
                if not isinstance(error, StrettoError):
                    _log.exception("file_work_failed", run_id=self._run_id, task=visit[0])
                if problem == "unwritable_results":
                    self._files.results.close(self._key(*visit), self)
                message = StreamFailed(*visit, problem, str(error), self._now())
            self._send(message)

        self._files.submit(done)

    def _send(self, message: Any) -> None:
        with contextlib.suppress(pykka.ActorDeadError):  # the run has ended, or its supervisor has crashed
            self._supervisor.tell(message)

    def _key(self, task: str, visit: int) -> Key:
        return self._run_id, task, visit

    def _read(self, command: ReadItems) -> ItemsRead:
        opener = self._rules.opener(command.task, "items")
        piece = read_items(
            command.kind, command.path, command.start, command.line, opener=opener, on_bad_line=command.on_bad_line
        )
        return ItemsRead(
            command.task, command.visit, piece.items, command.start, piece.offset, piece.line, piece.ended,
            self._now(), piece.bad_lines,
        )  # fmt: skip

    def _open(self, command: OpenResults) -> ResultsOpened:
        key, opener = self._key(command.task, command.visit), self._rules.opener(command.task, "results")
        self._files.results.open(key, self, command.path, 0, command.source, opener=opener)
        return ResultsOpened(command.task, command.visit, self._now())

    def _reopen(self, task: str, visit: int, written: WrittenResults) -> ResultsSaved:
        key, opener = self._key(task, visit), self._rules.opener(task, "results")
        self._files.results.open(key, self, written.path, written.size, written.source, opener=opener)
        return ResultsSaved(task, visit, 0, 0, written.size, complete=False)

    def _write(
        self, visit: VisitKey, lines: list[WriteResult], weight: int, mask: Mask, *, complete: bool
    ) -> ResultsSaved:
        key, results = self._key(*visit), self._files.results
        size = results.append(key, self, lines_of(lines, mask), durable=self._durable)
        if complete:
            results.close(key, self)
        return ResultsSaved(*visit, len(lines), weight, size, complete=complete)


class _NoStreams(RunStreams):
    """The files of a run that uses none."""

    __slots__ = ()

    def __init__(self) -> None:
        self.lagging = False
        self._results, self._dirty = {}, {}


NO_STREAMS: Final[RunStreams] = _NoStreams()
"""Shared by all runs that use no files."""


def streams_of(services: Services, request: RunRequest, supervisor: Recipient) -> RunStreams:
    """Return the files of a run."""
    rules = FileRules(request.workflow, request.origin, services.files.access)
    return RunStreams(
        services.files, rules, request.handle.id, supervisor, services.now, durable=services.journal.durable
    )
