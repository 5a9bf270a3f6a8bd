"""Child processes of a carrier, each with a socket of its own.

A child that ends is started again, after a pause that doubles while it ends at once. All of them end with this process,
however that ends: their sockets are closed then.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from stretto.actors.pools.framing import read_frame, write_frame
from stretto.actors.process import give_back, withhold

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 30.0
END_SECONDS: Final = 5.0
READ_BYTES: Final = 256 * 1024
"""The size of the buffer: with the usual 8 KiB, a message of ends takes several turns of the interpreter."""
MOST_LOOKS: Final = 100
"""How often a process is looked at that shows no environment. Most that have none never had one."""
MARK_VARIABLE: Final = "STRETTO_POOL_CHILD"
"""A child and all that it starts have its mark in their environment. So they are found when it has died."""


class Child:
    """A child process.

    Args:
        name: Its name.
        code: Python code that reads `given`, a dict, from its first argument as JSON.
        given: What the code is given. `path` and `channel`, the descriptor of its socket, are added.
    """

    def __init__(self, name: str, code: str, given: Mapping[str, Any]) -> None:
        self.name = name
        self.outgoing: SimpleQueue[bytes | None] = SimpleQueue()
        self.started = time.monotonic()
        ours, theirs = socket.socketpair()
        self._mark = secrets.token_hex(16)
        everything = {**given, "path": sys.path, "channel": theirs.fileno()}
        try:
            with theirs:
                self.process = subprocess.Popen(  # noqa: S603 - the command is the carrier's own
                    [sys.executable, "-P", "-c", code, json.dumps(everything)],
                    env={**os.environ, MARK_VARIABLE: self._mark}, pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        withhold(ours)
        self.channel = ours

    def messages(self, heard: Callable[[], object]) -> Iterator[bytes]:
        """Yield what the child sends until it ends. Another thread writes the messages in `outgoing`.

        Args:
            heard: Called for each portion of a long message.

        Raises:
            InvalidMessage: It has sent what is not a message.
        """
        writer = threading.Thread(target=self._write, name=f"stretto-to-{self.name}", daemon=True)
        writer.start()
        try:
            with contextlib.suppress(OSError), self.channel.makefile("rb", READ_BYTES) as stream:
                while (data := read_frame(stream, heard)) is not None:
                    yield data
        finally:
            self.kill()
            self.outgoing.put(None)
            give_back(self.channel)
            writer.join(END_SECONDS)
            self.channel.close()
            self.process.wait()
            self._end_leftovers()

    def part(self) -> None:
        """Say that nothing more comes: the child ends what it does, then itself."""
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """End the process, what it has started, and the connection, which a process that it has forked may hold."""
        if self.process.poll() is None:
            for group in (self.process.pid, *_started_by(self.process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_RDWR)

    def end_by(self, until: float) -> None:
        """Wait for the end of the process until then, then end it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(until - time.monotonic(), 0.0))
        self.kill()

    def _end_leftovers(self) -> None:
        """End what the process has started and left: it may have died without a word."""
        for process in _marked(f"{MARK_VARIABLE}={self._mark}".encode()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _write(self) -> None:
        """Write messages until None comes."""
        with contextlib.suppress(OSError):
            while (data := self.outgoing.get()) is not None:
                write_frame(self.channel, data)


def keep_running(stopped: threading.Event, serve: Callable[[], float]) -> None:
    """Call a function again and again until the event is set, with a pause that doubles while it ends at once.

    Args:
        stopped: Ends the loop.
        serve: Returns for how many seconds it was of use.
    """
    pause = FIRST_PAUSE
    while not stopped.is_set():
        lived = serve()
        pause = FIRST_PAUSE if lived > LONGEST_PAUSE else pause
        stopped.wait(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _marked(mark: bytes) -> list[int]:
    """Return the processes with a mark in their environment, where the system tells them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if mark in _environment_of(folder).split(b"\0"):
                found.append(int(folder.name))
    return found


def _environment_of(folder: Path) -> bytes:
    """Return the environment of a process, which seems empty for a moment while it takes up another program."""
    for _ in range(MOST_LOOKS):
        if data := Path(folder, "environ").read_bytes():
            return data
        Path(folder, "exe").readlink()  # the kernel's own threads and ended processes have none
        time.sleep(0.001)
    return b""


def _started_by(process: int) -> list[int]:
    """Return the process groups that a process has started, where the system tells them.

    Each command of core.local leads a session of its own, which a signal to the worker's group does not reach.
    """
    groups = []
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            groups += [int(child) for child in tasks.read_text().split()]
    return groups
