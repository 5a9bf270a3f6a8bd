"""The worker runner: runs plain functions in a bounded number of kept processes.

    start --> the pool's workers: a process imports the function's module and calls the function
    cancel: kills the worker. Its item ends, and the next call gets a new worker.

A crash, a leak or a hang harms the call's own item only.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Final

import msgspec

from stretto.actors.actions import MAX_PROCESS_BYTES, Action, Code, OutputSoFar, ProcessUser
from stretto.actors.runners.base import Began, Begun, Call, Done, Running, cancelled, failure, let_go, report
from stretto.actors.runners.own_worker_calls import (
    NO_QUESTIONS,
    AnswerQuestion,
    OwnWorkerCall,
    refuse_question,
)
from stretto.actors.runners.printing import PrintSlot, append_printed
from stretto.actors.runners.remote_calls import decode_end, encode_call, make_handler
from stretto.actors.runners.worker_logs import WorkerLog
from stretto.actors.workers import (
    CANCELLED,
    DEFAULT_LIFE,
    WorkerCommand,
    WorkerEnded,
    WorkerLife,
    WorkerPool,
)
from stretto.metrics import get_logger

PACK_WORKERS: Final = 16
"""The most worker processes of all packs' Python actions."""
STOP_SECONDS: Final = 10.0
_CODE: Final = (
    "import json, sys; path, module, name = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from importlib import import_module; "
    "import_module('stretto.actors.workers.serving').serve(sys.argv[2], getattr(import_module(module), name)())"
)
"""Nothing of the worker's own is imported before its path is set: the code is text, and its arguments are data."""

_log = get_logger(__name__)


def default_workers() -> int:
    """Return how many worker processes there are unless a setting says otherwise: one a core."""
    return len(os.sched_getaffinity(0))


class _WorkerCall:
    """A call for a worker."""

    __slots__ = ("_log", "action", "began_at", "begun", "call", "command", "done", "is_alone", "printed")

    def __init__(self, action: Action, call: Call, done: Done, begun: Begun | None, command: WorkerCommand) -> None:
        self.action = action
        self.began_at: Began | None = None
        self.begun = begun
        self.call = call
        self.command = command
        self.is_alone = action.runner == "fresh"
        self.done = done
        self.printed = PrintSlot()
        self._log = WorkerLog(call.ids)

    @property
    def timeout(self) -> float | None:
        return None

    def encode(self) -> bytes:
        return encode_call(self.action, self.call)

    def began(self) -> None:
        self.began_at = Began(None, time.monotonic())
        if self.begun is not None:
            self.begun()

    def wrote(self, _pipe: int, text: str) -> str:
        append_printed(self.printed, text)
        return ""

    def logged(self, data: bytes | bytearray) -> None:
        self._log.write(data)

    def asked(self, _data: bytes | bytearray, reply: Callable[[bytes], object]) -> None:
        reply(NO_QUESTIONS)

    def watch(self, watcher: Callable[[], object]) -> None:
        self.printed.watch(watcher)

    def output(self) -> None:
        return None

    def ended(self, answer: bytes | bytearray | None, problem: str) -> None:
        if problem == CANCELLED:
            finished = cancelled()
        elif answer is None:
            finished = failure(self.action, WorkerEnded(problem))
        else:
            try:
                finished = decode_end(answer)
            except msgspec.DecodeError as error:
                finished = failure(self.action, error)
        report(let_go(self), self.call, finished)


class _Running:
    """A started call, as its item sees it."""

    __slots__ = ("_call", "_pool")

    def __init__(self, call: _WorkerCall | OwnWorkerCall, pool: WorkerPool) -> None:
        self._call = call
        self._pool = pool

    @property
    def began(self) -> Began | None:
        return self._call.began_at

    @property
    def printed(self) -> PrintSlot:
        return self._call.printed

    def cancel(self) -> bool:
        return self._pool.cancel(self._call)

    def watch(self, watcher: Callable[[], object]) -> None:
        self._call.watch(watcher)

    def output(self) -> OutputSoFar | None:
        return self._call.output()


class WorkerRunner:
    """Runs up to `workers` calls at a time, each in a process of its own, and queues the others in order.

    Args:
        workers: The number of processes, at least 1.
        max_bytes: The most memory that a process may take, or None.
        stop_seconds: How long `stop` waits for running functions before it ends their processes.
        capture_output: Whether the text that functions print is kept with their calls.
        pack_workers: The number of processes of packs' Python actions.
        max_pack_bytes: The most memory that such a process may take.
        life: How long processes are kept.
    """

    threads: Final = 2

    def __init__(  # noqa: PLR0913 - the settings of the runner
        self,
        workers: int,
        *,
        max_bytes: int | None = None,
        stop_seconds: float = STOP_SECONDS,
        capture_output: bool = False,
        pack_workers: int = PACK_WORKERS,
        max_pack_bytes: int = MAX_PROCESS_BYTES,
        life: WorkerLife = DEFAULT_LIFE,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        self._max_bytes, self._max_pack_bytes = max_bytes, max_pack_bytes
        self._stop_seconds = stop_seconds
        self._path: list[str] = []
        self._command: WorkerCommand | None = None
        self._captures = capture_output
        self._answer: AnswerQuestion = refuse_question
        self._user: ProcessUser | None = None
        self._commands: dict[WorkerCommand, WorkerCommand] = {}
        """The commands of packs as those of the user."""
        self._pool = WorkerPool(workers, "stretto-workers", captures=capture_output, life=life)
        # The output of a pack's script is its result.
        self._packs = WorkerPool(pack_workers, "stretto-packs", captures=True, life=life)

    def answer_questions(self, answer: AnswerQuestion) -> None:
        """Let a function answer the questions of packs' actions. They are refused before."""
        self._answer = answer

    def run_packs_as(self, user: ProcessUser | None) -> None:
        """Set the user as whom processes of packs run. None is this process's own. Call before the first `start`."""
        self._user = user

    def _as_user(self, command: WorkerCommand, user: ProcessUser) -> WorkerCommand:
        known = self._commands.get(command)
        if known is None:
            variables = user.own(command.environment or {})
            known = command._replace(variables=tuple(variables.items()), user=(user.uid, user.gid, user.groups))
            self._commands[command] = known
        return known

    @property
    def waiting(self) -> list[Call]:
        """The calls that wait for a process."""
        waiting = [*self._pool.waiting, *self._packs.waiting]
        return [job.call for job in waiting if isinstance(job, _WorkerCall | OwnWorkerCall)]

    def start(self, action: Action, call: Call, done: Done, begun: Begun | None = None) -> Running:
        """Queue the call for the next idle process."""
        code = action.code
        if code is not None and not isinstance(code, Code):
            own = OwnWorkerCall(action, call, done, begun, code, self._answer, captures=self._captures)
            if own.command.max_bytes != self._max_pack_bytes:
                own.command = own.command._replace(max_bytes=self._max_pack_bytes)
            if self._user is not None:
                own.command = self._as_user(own.command, self._user)
            self._packs.start(own)
            return _Running(own, self._packs)
        if sys.path != self._path or self._command is None:
            self._path = list(sys.path)
            given = json.dumps([self._path, make_handler.__module__, make_handler.__name__])
            self._command = WorkerCommand((sys.executable, "-P", "-c", _CODE, given), max_bytes=self._max_bytes)
        job = _WorkerCall(action, call, done, begun, self._command)
        self._pool.start(job)
        return _Running(job, self._pool)

    def stop(self) -> None:
        """Cancel the queued calls, wait for the running ones, end their processes, and join the threads."""
        deadline = time.monotonic() + self._stop_seconds
        for job in (*self._pool.stop(self._stop_seconds), *self._packs.stop(max(deadline - time.monotonic(), 0.0))):
            if isinstance(job, _WorkerCall | OwnWorkerCall):
                _log.warning("action_stopped", action=job.call.ref, **job.call.ids.as_fields())
