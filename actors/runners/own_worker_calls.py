"""Calls in worker processes that do not have Stretto: those of packs' Python actions."""

import codecs
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import msgspec

from stretto.actors.actions import (
    WINDOW_BYTES,
    Action,
    ActionFailed,
    OutputSoFar,
    OutputWatchers,
    OwnWorker,
    RemoteFailure,
)
from stretto.actors.runners.base import (
    Began,
    Begun,
    Call,
    Done,
    Finished,
    cancelled,
    failure,
    let_go,
    message_of,
    report,
    returned,
)
from stretto.actors.runners.printing import PrintSlot, append_printed
from stretto.actors.runners.worker_logs import WorkerLog
from stretto.actors.workers import CANCELLED, WorkerCommand, WorkerEnded
from stretto.definitions.errors import NotData

NO_QUESTIONS: Final = b'{"error": "this engine answers no questions of workers"}'
"""The reply to a question of a worker that nothing can answer."""

AnswerQuestion: TypeAlias = Callable[[bytes, str, str, Callable[[bytes], object]], None]
"""Takes a question, the action that asks, its run's id, and what receives the reply, once and on any thread.

It must not wait.
"""


def refuse_question(_data: bytes, _action: str, _run_id: str, reply: Callable[[bytes], object]) -> None:
    """Refuse a question of a worker."""
    reply(NO_QUESTIONS)


class OwnWorkerCall:
    """A call of an action that says how it runs in a worker.

    Args:
        action: The action.
        call: The call.
        done: Receives its end.
        begun: Called at its begin, or None.
        code: How it runs.
        answer: Answers its questions.
        captures: Whether the text that functions print is kept with their calls. Otherwise it goes to standard error.
    """

    __slots__ = (
        "_answer", "_captures", "_code", "_log", "_streams", "action", "began_at", "begun", "call", "command", "done",
        "is_alone", "printed", "timeout",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - what a call consists of
        self,
        action: Action,
        call: Call,
        done: Done,
        begun: Begun | None,
        code: OwnWorker,
        answer: AnswerQuestion,
        *,
        captures: bool,
    ) -> None:
        self._answer = answer
        self.action = action
        self.began_at: Began | None = None
        self.begun = begun
        self.call = call
        self.command: WorkerCommand = code.command
        self.is_alone = action.runner == "fresh"
        self.done = done
        self.printed = PrintSlot()
        self.timeout = code.timeout(call.input)
        self._code = code
        self._log = WorkerLog(call.ids)
        self._captures = captures
        self._streams = _Streams(code.max_output) if code.keeps_streams else None

    def encode(self) -> bytes:
        """Return the call as data."""
        return self._code.encode(self.call.input, self.call.ids)

    def began(self) -> None:
        """Take note that the call begins."""
        self.began_at = Began(None, time.monotonic())
        if self.begun is not None:
            self.begun()

    def wrote(self, pipe: int, text: str) -> str:
        """Take text that the call has printed. Return why it must be stopped, or ""."""
        if self._streams is not None:
            return self._streams.write(pipe, text)
        if self._captures:
            append_printed(self.printed, text)
        else:
            sys.stderr.write(text)
        return ""

    def logged(self, data: bytes | bytearray) -> None:
        """Write a log record to the daemon's log."""
        self._log.write(data)

    def asked(self, data: bytes | bytearray, reply: Callable[[bytes], object]) -> None:
        """Answer a question, now or later."""
        self._answer(bytes(data), self.call.ref, self.call.ids.run_id, reply)

    def watch(self, watcher: Callable[[], object]) -> None:
        """Call a function once, at the next output."""
        if self._streams is None:
            self.printed.watch(watcher)
        else:
            self._streams.watchers.add(watcher)

    def output(self) -> OutputSoFar | None:
        """Return the newest output of a script, or None for a function."""
        return None if self._streams is None else self._streams.so_far()

    def ended(self, answer: bytes | bytearray | None, problem: str) -> None:
        """Report the end."""
        report(let_go(self), self.call, self._finished(answer, problem))

    def _finished(self, answer: bytes | bytearray | None, problem: str) -> Finished:
        action = self.action
        if problem == CANCELLED:
            return cancelled()
        if answer is None:
            error = ActionFailed(f"{action.ref}: {problem}") if self.began_at is None else None
            return failure(action, error or WorkerEnded(f"{action.ref}: {problem}"))
        stdout, stderr = ("", "") if self._streams is None else self._streams.texts()
        try:
            return returned(action, self._code.result(answer, stdout, stderr))
        except RemoteFailure as error:
            return _failed(message_of(error), error.kind, error)
        except ActionFailed as error:
            return failure(action, error)
        except (NotData, UnicodeError, RecursionError, msgspec.DecodeError) as error:
            message = f"the action's result is not JSON-like data: {error}"
            return Finished("failed", None, message, "not_data")
        except Exception as error:  # noqa: BLE001 - the answer is the pack's, and must not end the pool's thread
            return failure(action, error)


def _failed(message: str, kind: Literal["exception", "not_data"], error: RemoteFailure) -> Finished:
    return Finished("failed", None, message, kind, traceback=error.traceback)


class _Streams:
    """The standard output and standard error of a call: the first bytes of each, and the newest ones. Thread-safe."""

    def __init__(self, most: int) -> None:
        self.watchers = OutputWatchers()
        self._most = most
        self._lock = threading.Lock()
        self._kept = (bytearray(), bytearray())
        self._beyond = (bytearray(), bytearray())
        self._written = [0, 0]

    def write(self, pipe: int, text: str) -> str:
        """Append a text. Return why the call must be stopped, or ""."""
        data = text.encode("utf-8", "surrogatepass")
        with self._lock:
            kept, beyond = self._kept[pipe], self._beyond[pipe]
            room = self._most - len(kept)
            kept += data[:room]
            beyond += data[room:]
            del beyond[:-WINDOW_BYTES]
            self._written[pipe] += len(data)
            is_full = pipe == 0 and self._written[0] > self._most
        self.watchers.call()
        return f"it wrote more than {self._most:,} bytes to its standard output" if is_full else ""

    def texts(self) -> tuple[str, str]:
        """Return the kept text of both."""
        with self._lock:
            stdout, stderr = (bytes(kept).decode("utf-8", "replace") for kept in self._kept)
        return stdout, stderr

    def so_far(self) -> OutputSoFar:
        """Return the newest text of both."""
        (stdout, out_cut), (stderr, err_cut) = self._newest(0), self._newest(1)
        return OutputSoFar(stdout, stderr, out_cut, err_cut)

    def _newest(self, pipe: int) -> tuple[str, bool]:
        with self._lock:
            window = self._kept[pipe][-WINDOW_BYTES:] + self._beyond[pipe]
            written = self._written[pipe]
        del window[:-WINDOW_BYTES]
        is_cut = written > len(window)
        while is_cut and window and window[0] & 0xC0 == 0x80:
            del window[:1]
        return codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(window)), is_cut
