"""Handlers that worker processes of the tests run."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

DOINGS: dict[str, Callable[[str], object]] = {
    "exit": lambda code: os._exit(int(code)),
    "kill": lambda _nothing: os.kill(os.getpid(), signal.SIGKILL),
    "print": lambda text: (sys.stdout.write(text), os.write(2, b" and below")),
    # On the channel, past the protocol: a whole frame, and a length that none has.
    "write": lambda channel: os.write(int(channel), b"\x00" * 7 + b"\x01!"),
    "lie": lambda channel: os.write(int(channel), b"\xff" * 8),
    "fill": lambda size: len(bytearray(int(size))),
    "pid": lambda _nothing: os.getpid(),
    "wait": lambda path: Path(path).read_bytes(),
    "stdin": lambda _nothing: repr(sys.stdin.read()),
}


def doing(prefix: str) -> Callable[[bytes], bytes]:
    """Return a handler that does what the call's first word says, and answers with the result."""

    def handle(call: bytes) -> bytes:
        word, _, rest = call.decode().partition(" ")
        return f"{prefix}{DOINGS.get(word, str)(rest)}".encode()

    return handle
