"""Handlers that worker processes of the tests run, and jobs for them."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from stretto.actors.workers import WorkerCommand
from stretto.actors.workers.serving import line
from tests.support.waiting import PATIENCE

_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; handlers = import_module('tests.support.worker_handlers'); "
    "import_module('stretto.actors.workers.serving').serve(sys.argv[2], handlers.handle)"
)


def command(**changes: Any) -> WorkerCommand:
    """Return the command of a worker whose calls are a word of `DOINGS` and its argument."""
    return WorkerCommand((sys.executable, "-P", "-c", _CODE, json.dumps(sys.path)))._replace(**changes)


def _log(text: str) -> str:
    line().log(text.encode())
    return "logged"


def _leave(seconds: str) -> int:
    return subprocess.Popen(["/bin/sleep", seconds]).pid


def _wait(paths: str) -> str:
    gate, _, told = paths.partition(" ")
    with os.fdopen(os.open(gate, os.O_RDWR)) as opened:
        if told:
            Path(told).write_text("up\n")
        return opened.readline().strip()


def _linger(paths: str) -> None:
    gate, _, told = paths.partition(" ")
    opened = os.fdopen(os.open(gate, os.O_RDWR))

    def ask() -> None:
        opened.readline()
        try:
            line().ask(b"late")
        except EOFError as error:
            Path(told).write_text(f"{error}\n")

    threading.Thread(target=ask, daemon=True).start()


def _fork(_nothing: str) -> int:
    return os.fork()


DOINGS: dict[str, Callable[[str], object]] = {
    "exit": lambda code: os._exit(int(code)),
    "kill": lambda _nothing: os.kill(os.getpid(), signal.SIGKILL),
    "print": lambda text: (sys.stdout.write(text), os.write(2, b" and below")),
    "shut": lambda _nothing: os.closerange(1, 3),
    # On the channel, past the protocol: a whole frame, one of an impossible length, and an answer of one's own.
    "write": lambda channel: os.write(int(channel), b"\x02" + bytes(5) + bytes(7) + b"\x01" + bytes(8)),
    "lie": lambda channel: os.write(int(channel), b"\xff" * 22),
    "twice": lambda _nothing: line().answer(b"first", 0, 0),
    "fill": lambda size: len(bytearray(int(size))),
    "give": lambda size: "x" * int(size),
    "pid": lambda _nothing: os.getpid(),
    "wait": _wait,
    "stdin": lambda _nothing: repr(sys.stdin.read()),
    "log": _log,
    "ask": lambda question: bytes(line().ask(question.encode())).decode(),
    "leave": _leave,
    "fork": _fork,
    "linger": _linger,
    "channel": lambda _nothing: line()._channel.fileno(),
}


def handle(call: bytes | bytearray) -> bytes:
    """Do what the call's first word says, and answer with the result."""
    word, _, rest = call.decode().partition(" ")
    return f"did {DOINGS.get(word, str)(rest)}".encode()


class TextJob:
    """A call of a handler, and what came of it."""

    def __init__(self, text: str, command: WorkerCommand, *, alone: bool = False, timeout: float | None = None) -> None:
        self.text = text
        self.command = command
        self.is_alone = alone
        self.timeout = timeout
        self.printed = ["", ""]
        self.logs: list[str] = []
        self.begins = 0
        self._ends: SimpleQueue[tuple[str | None, str]] = SimpleQueue()

    def encode(self) -> bytes:
        return self.text.encode()

    def began(self) -> None:
        self.begins += 1

    def wrote(self, pipe: int, text: str) -> str:
        self.printed[pipe] += text
        return "it printed too much" if len(text) > 1_000_000 else ""

    def logged(self, data: bytes | bytearray) -> None:
        self.logs.append(data.decode())

    def asked(self, data: bytes | bytearray, reply: Callable[[bytes], object]) -> None:
        reply(b"reply to " + data)

    def ended(self, answer: bytes | bytearray | None, problem: str) -> None:
        self._ends.put((None if answer is None else answer.decode(), problem))

    def end(self) -> tuple[str | None, str]:
        """Wait for the answer, or None and the reason why there is none."""
        return self._ends.get(timeout=PATIENCE)

    def answer(self) -> str:
        """Wait for the answer."""
        answer, problem = self.end()
        assert answer is not None, problem
        return answer

    def problem(self) -> str:
        """Wait for the reason why there is no answer."""
        answer, problem = self.end()
        assert answer is None
        return problem
