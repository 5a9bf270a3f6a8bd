"""The worker's side: calls a handler for each call, until its daemon ends.

It imports nothing but the standard library and `frames`, because a pack's interpreter need not have Stretto.
"""

import json
import logging
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stretto.actors.workers.frames import (
    ANSWER,
    ASK,
    CALL,
    LOG,
    READY,
    REPLY,
    UNFIT,
    Frame,
    FrameReader,
    head,
)

LOG_FORMAT: Final = "%(levelname)s %(name)s: %(message)s"
MAX_LOG_CHARACTERS: Final = 20_000
"""How many characters of a log record reach the daemon's log."""
TOKEN_BYTES: Final = 8
"""The length of a call's number on the socket of tokens."""


class Line:
    """The worker's line to its daemon."""

    def __init__(self, channel: int, tokens: int, mark: bytes, pipes: list[int]) -> None:
        self._channel = socket.socket(fileno=channel)
        self._tokens = socket.socket(fileno=tokens)
        # A process that a call starts must not keep the daemon waiting for the end of this one.
        self._channel.set_inheritable(False)
        self._tokens.set_inheritable(False)
        self._mark = mark
        # Copies: a call may close or replace its standard output.
        self._pipes = [os.dup(pipe) for pipe in pipes]
        self._reader = FrameReader()
        self._calls: dict[int, bytes | bytearray] = {}
        self._sending = threading.Lock()
        self._asking = threading.Lock()
        self._number = 0
        self._has_ended = True

    def next_call(self) -> bytes | bytearray | None:
        """Wait for the next call that the daemon has not taken back. Returns None at the end."""
        token = self._tokens.recv(TOKEN_BYTES)
        if len(token) < TOKEN_BYTES:
            return None
        wanted = int.from_bytes(token, "big")
        # A thread that an earlier call has left may wait for its reply: one thread at a time reads the channel.
        with self._asking:
            while wanted not in self._calls:
                frame = self._next_frame()
                if frame is None:
                    return None
                if frame.kind == CALL:
                    self._calls[frame.number] = frame.data
            call = self._calls.pop(wanted)
            for taken_back in [number for number in self._calls if number < wanted]:
                del self._calls[taken_back]
        with self._sending:
            self._number, self._has_ended = wanted, False
        return call

    def answer(self, data: bytes, flags: int, nanoseconds: int) -> None:
        """Mark the end of the call's text on each pipe, and send its answer."""
        for pipe in self._pipes:
            written = 0
            while written < len(self._mark):
                written += os.write(pipe, self._mark[written:])
        self._send(ANSWER, data, flags, nanoseconds // 1000)

    def greet(self) -> None:
        """Tell the daemon that calls can begin."""
        self._send(READY, b"")

    def log(self, data: bytes) -> None:
        """Send a log record of the current call. Any thread may call this."""
        self._send(LOG, data)

    def ask(self, data: bytes) -> bytes | bytearray:
        """Ask the daemon something for the current call, and return its reply. Any thread may call this.

        Raises:
            EOFError: The daemon has ended, or the call.
        """
        with self._asking:
            self._send(ASK, data)
            while (frame := self._next_frame()) is not None:
                if frame.kind == REPLY:
                    return frame.data
                self._calls[frame.number] = frame.data
        raise EOFError("the daemon has ended")

    def _send(self, kind: int, data: bytes, flags: int = 0, microseconds: int = 0) -> None:
        with self._sending:
            if kind == ASK and self._has_ended:
                raise EOFError("the call has ended")
            self._has_ended = self._has_ended or kind == ANSWER
            first = head(kind, self._number, len(data), flags, microseconds)
            sent = self._channel.sendmsg([first, data])
            if sent < len(first) + len(data):
                self._channel.sendall(
                    memoryview(first + data)[sent:] if sent < len(first) else memoryview(data)[sent - len(first) :]
                )

    def _next_frame(self) -> Frame | None:
        while (frame := self._reader.frame()) is None:
            if not self._reader.read(self._channel):
                return None
        return frame


_lines: list[Line] = []
"""The line of this process, if it is a worker."""


def line() -> Line:
    """Return the line of this worker to its daemon."""
    return _lines[0]


class DaemonLog(logging.Handler):
    """Writes log records to standard error, which is the item's text, and to the daemon's log."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(LOG_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            text = record.getMessage()[:MAX_LOG_CHARACTERS]
            line().log(json.dumps([record.levelno, record.name, text]).encode())
        except Exception:  # noqa: BLE001 - by logging's contract a bad record is reported, never raised to its caller
            self.handleError(record)


def serve(given: str, handler: Callable[[bytes | bytearray], bytes]) -> None:
    """Answer calls until the other end is closed. The process ends at once when its standard input does.

    Args:
        given: The last argument of the process: its descriptors and limits, as JSON.
        handler: Takes a call and returns its answer. It raises nothing.
    """
    options = json.loads(given)
    if options["max_bytes"] is not None:
        most = _at_most(options["max_bytes"], resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    threading.Thread(target=_end_with_the_daemon, args=(_taken_stdin(),), daemon=True).start()
    _lines[:] = [Line(options["channel"], options["tokens"], bytes.fromhex(options["mark"]), options["pipes"])]
    own, process = line(), os.getpid()
    own.greet()
    while (call := own.next_call()) is not None:
        began = time.perf_counter_ns()
        answer = handler(call)
        if os.getpid() != process:
            os._exit(0)  # a child that the call has forked
        _flush()
        left = options["ends_with_children"] and _has_children()
        own.answer(answer, UNFIT if left else 0, time.perf_counter_ns() - began)


def _at_most(wanted: int, limit: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _has_children() -> bool:
    """Return whether there is any process that this one has started and not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _taken_stdin() -> int:
    """Return a descriptor of the standard input, in whose place is nothing: calls are not to read it."""
    kept = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return kept


def _end_with_the_daemon(stdin: int) -> None:
    while os.read(stdin, 1):
        pass
    os._exit(1)


def _flush() -> None:
    """Send what the call has printed before its answer."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a call may have put anything in the stream's place
            stream.flush()
