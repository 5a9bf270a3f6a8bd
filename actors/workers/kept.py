"""The daemon's side of a worker: the calls that it was sent, their answers, and the text that each has printed."""

import codecs
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from stretto.actors.workers.frames import (
    ANSWER,
    ASK,
    CALL,
    CHUNK_BYTES,
    LOG,
    READY,
    REPLY,
    UNFIT,
    BrokenFrames,
    Frame,
    FrameReader,
    head,
)
from stretto.actors.workers.process import WorkerCommand, WorkerProcess

MAX_READS: Final = 16
"""How many chunks are read of one worker before the others have their turn."""


class Job(Protocol):
    """A call for a worker.

    The pool calls these methods one after the other, from any thread. `ended` comes last and exactly once. They must
    not wait and not call the pool, except `ended`, `logged` and `asked`, which may.
    """

    @property
    def command(self) -> WorkerCommand:
        """The workers that can run the call."""

    @property
    def is_alone(self) -> bool:
        """Whether the call gets a process of its own, which ends with it."""

    @property
    def timeout(self) -> float | None:
        """How many seconds the call may take, or None."""

    def encode(self) -> bytes:
        """Return the call as data. If it raises an exception, `ended` follows with its message."""

    def began(self) -> None:
        """Take note that the call begins."""

    def wrote(self, pipe: int, text: str) -> str:
        """Take text that the call has printed, to standard output (0) or standard error (1).

        Returns:
            Why the call must be stopped, or "".
        """

    def logged(self, data: bytes | bytearray) -> None:
        """Take a log record."""

    def asked(self, data: bytes | bytearray, reply: Callable[[bytes], object]) -> None:
        """Answer a question of the call, now or later and on any thread."""

    def ended(self, answer: bytes | bytearray | None, problem: str) -> None:
        """Take the answer, or None and the reason why there is none."""


class Sent:
    """A call that a worker was sent."""

    __slots__ = ("answer", "began_at", "job", "marks", "number", "problem")

    def __init__(self, job: Job, number: int) -> None:
        self.job = job
        self.number = number
        self.answer: Frame | None = None
        self.began_at: float | None = None
        self.marks = [False, False]
        self.problem = ""

    @property
    def deadline(self) -> float | None:
        """When the call must have ended, by `time.monotonic()`, or None."""
        seconds = self.job.timeout
        return None if seconds is None or self.began_at is None else self.began_at + seconds


class KeptWorker:
    """A worker with the calls that it was sent, in order. The pool's lock guards everything here.

    Attributes:
        sent: The calls whose end is not complete.
        calls: How many calls it was sent.
        answers: How many it has answered.
        ended: The calls that have ended since the pool last looked.
        events: Log records and questions since then.
        problem: Why the worker must end, or "".
        ready_at: When it was ready for its first call, by `time.monotonic()`, or None.
        idle_since: Since when it has had no call, by `time.monotonic()`.
    """

    def __init__(self, command: WorkerCommand, *, captures: bool) -> None:
        self.process = WorkerProcess(command, captures=captures)
        self.sent: deque[Sent] = deque()
        self.calls = 0
        self.answers = 0
        self.ended: list[Sent] = []
        self.events: list[tuple[Sent, Frame]] = []
        self.problem = ""
        self.is_unfit = False
        self.is_lost = False
        self.ready_at: float | None = None
        self.idle_since = time.monotonic()
        self._number = int.from_bytes(os.urandom(6), "big")
        self._reader = FrameReader()
        self._outbox: deque[memoryview] = deque()
        self._texts = [_MarkedText(self.process.mark) for _ in self.process.outputs]

    @property
    def head(self) -> Sent | None:
        """The first call without an answer, or None."""
        return next((each for each in self.sent if each.answer is None), None)

    @property
    def is_ahead(self) -> bool:
        """Whether there are calls behind the one that runs."""
        return sum(each.answer is None for each in self.sent) > 1

    @property
    def wants_to_write(self) -> bool:
        """Whether there is data that the socket had no room for."""
        return bool(self._outbox)

    def runs(self, job: Job) -> bool:
        """Return whether a call has begun."""
        sent = self.head
        return sent is not None and sent.job is job

    def stop(self, job: Job, problem: str) -> None:
        """Kill the process for a call that has begun. The call has no answer then, because of the problem."""
        for each in self.sent:
            if each.job is job:
                each.problem = problem
        self.process.kill()

    def send(self, jobs: list[Job]) -> dict[Job, str]:
        """Send calls in one write. Returns those that cannot be sent, each with the reason."""
        parts: list[bytes] = []
        numbered: list[Sent] = []
        failed: dict[Job, str] = {}
        for job in jobs:
            number = self._number + len(numbered) + 1
            try:
                data = job.encode()
                parts += (head(CALL, number, len(data)), data)
            except Exception as error:  # noqa: BLE001 - a call that cannot be encoded must not end the pool's thread
                failed[job] = f"its input cannot be sent: {error}"
            else:
                numbered.append(Sent(job, number))
        self._number += len(numbered)
        self.calls += len(numbered)
        self.sent.extend(numbered)
        self._begin_next()
        self.process.allow([each.number for each in numbered])
        self._write(parts)
        return failed

    def reply(self, number: int, data: bytes) -> None:
        """Send the reply to a question."""
        self._write([head(REPLY, number, len(data)), data])

    def take_back(self, keep: int = 0) -> list[Sent]:
        """Return the calls that have not begun and now never will, but for the first `keep` of them."""
        numbers = self.process.take_back()
        if keep:
            self.process.allow(numbers[:keep])
        taken = set(numbers[keep:])
        back = [each for each in self.sent if each.number in taken]
        if back:
            self.sent = deque(each for each in self.sent if each.number not in taken)
            self.calls -= len(back)
        return back

    def withdraw(self, job: Job) -> bool:
        """Take a call back if it has not begun. Returns whether it was."""
        back = self.take_back()
        others = [each for each in back if each.job is not job]
        if others:
            self.sent.extend(others)
            self.calls += len(others)
            self.process.allow([each.number for each in others])
        return len(others) < len(back)

    def flush(self) -> None:
        """Write what the socket has room for."""
        try:
            while self._outbox:
                left = self.process.channel.sendmsg(list(self._outbox)[:64])
                while self._outbox and left >= len(self._outbox[0]):
                    left -= len(self._outbox.popleft())
                if self._outbox:
                    self._outbox[0] = self._outbox[0][left:]
        except BlockingIOError:
            pass
        except OSError:  # the worker has ended: reading says so, too
            self._outbox.clear()

    def read_channel(self) -> None:
        """Take the frames that have arrived."""
        try:
            for _ in range(MAX_READS):
                is_open = self._reader.read(self.process.channel)
                while not self.is_lost and (frame := self._reader.frame()) is not None:
                    self._take(frame)
                if not is_open:
                    self.is_lost = True
                    return
                if self._reader.is_empty:
                    return
        except BlockingIOError:
            pass
        except BrokenFrames as error:
            self.break_off(f"the worker process broke its protocol: {error}")
        except OSError:
            self.is_lost = True

    def read_last(self) -> None:
        """Take the last frames of an ended process. A process that it has left behind may keep the channel open."""
        for _ in range(MAX_READS):
            self.read_channel()
        self.is_lost = True

    def read_output(self, pipe: int) -> bool:
        """Take the text that has arrived on a pipe. Returns False at its end."""
        try:
            for _ in range(MAX_READS):
                chunk = os.read(self.process.outputs[pipe].fileno(), CHUNK_BYTES)
                self._spread(pipe, chunk)
                if len(chunk) < CHUNK_BYTES:
                    return bool(chunk)
        except BlockingIOError:
            pass
        return True

    def break_off(self, problem: str) -> None:
        """End the worker, because of the problem."""
        self.problem = self.problem or problem
        self.is_lost = True
        self.process.kill()

    def fail_rest(self) -> list[Sent]:
        """Return the calls that another worker can run after the loss of this one. The others have ended."""
        for pipe in range(len(self._texts)):
            # A process that the worker has left behind may write for ever.
            for _ in range(MAX_READS):
                if not self.read_output(pipe) or not self._texts[pipe].has_progressed():
                    break
        for each in self.sent:
            each.marks = [True, True]
        self._complete()
        back = self.take_back()
        begun = list(self.sent)
        if not begun and back and not self.answers:
            begun, back = back[:1], back[1:]  # it cannot even start, and another one could not either
        why = self.problem or self.process.how_it_ended()
        for each in begun:
            each.problem = each.problem or why
            self.ended.append(each)
        self.sent.clear()
        return back

    def _write(self, parts: list[bytes]) -> None:
        self._outbox.extend(memoryview(part) for part in parts if part)
        self.flush()

    def _take(self, frame: Frame) -> None:
        if frame.kind == READY and self.ready_at is None:
            self.ready_at = time.monotonic()
            self._begin_next()
            return
        sent = self.head
        if frame.kind == LOG and (sent is None or frame.number != sent.number):
            return  # a thread that an earlier call has left
        if sent is None or frame.number != sent.number or frame.kind not in {ANSWER, LOG, ASK}:
            self.break_off("the worker process answered another call than it was asked")
            self._blame(frame.number)
            return
        if frame.kind != ANSWER:
            self.events.append((sent, frame))
            return
        sent.answer = frame
        self.answers += 1
        self.is_unfit = self.is_unfit or bool(frame.flags & UNFIT)
        self._complete()
        self._begin_next()

    def _blame(self, number: int) -> None:
        """Fail a call that has just ended and has answered twice."""
        for each in self.ended:
            if each.number == number:
                each.problem = self.problem

    def _begin_next(self) -> None:
        sent = self.head
        if sent is not None and sent.began_at is None and self.ready_at is not None:
            sent.began_at = time.monotonic()
            sent.job.began()

    def _spread(self, pipe: int, chunk: bytes) -> None:
        """Give each text between two marks to its call."""
        for text, is_whole in self._texts[pipe].feed(chunk):
            of = next((each for each in self.sent if not each.marks[pipe]), None)
            if of is None:
                continue
            if text and (problem := of.job.wrote(pipe, text)) and not of.problem:
                of.problem = problem
                if of.answer is None:
                    self.process.kill()
            of.marks[pipe] = is_whole
        self._complete()

    def _complete(self) -> None:
        pipes = len(self._texts)
        while self.sent and self.sent[0].answer is not None and all(self.sent[0].marks[:pipes]):
            self.ended.append(self.sent.popleft())
        if not self.sent:
            self.idle_since = time.monotonic()


class _MarkedText:
    """The text of a pipe, cut at the marks."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._left = b""
        self._progress = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def has_progressed(self) -> bool:
        """Return whether anything has arrived since the last question."""
        progress, self._progress = self._progress, False
        return progress

    def feed(self, chunk: bytes) -> list[tuple[str, bool]]:
        """Return the texts in a chunk, each with whether a mark ends it."""
        self._progress = bool(chunk)
        *whole, rest = (self._left + chunk).split(self._mark)
        found = [(self._decoder.decode(each, final=True), True) for each in whole]
        kept = _begun(rest, self._mark)
        self._left = rest[len(rest) - kept :]
        if kept < len(rest):
            found.append((self._decoder.decode(rest[: len(rest) - kept]), False))
        return found


def _begun(data: bytes, mark: bytes) -> int:
    """Return how many bytes at the end of some data may begin a mark."""
    for count in range(min(len(mark) - 1, len(data)), 0, -1):
        if data.endswith(mark[:count]):
            return count
    return 0
