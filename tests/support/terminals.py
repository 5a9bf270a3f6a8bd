"""A pseudo-terminal for tests, with `stretto run` in it."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.harness import PATIENCE

STRETTO = Path(sys.executable).with_name("stretto")
MOVES = re.compile(r"\x1b\[\d*[AK]")
COLOURS = re.compile(r"\x1b\[[\d;]*m")
CTRL_C = b"\x03"
AGAIN = 5.0
"""Seconds after which a user presses Ctrl-C again."""
LAST = b"\x04"
"""A byte that no process of these tests writes."""


class Terminal:
    """A process whose standard error is a terminal, and its controlling one; its standard output is a pipe."""

    def __init__(self, *arguments: str | Path, rows: int = 30, columns: int = 100, **environment: str) -> None:
        self._master, slave = pty.openpty()
        self._slave = slave
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.settings = termios.tcgetattr(slave)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        # The session's controlling terminal, so that a key typed there is a signal to the process.
        take_terminal = (
            "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", take_terminal, str(STRETTO), "run", *map(str, arguments)],
            stdin=slave, stdout=subprocess.PIPE, stderr=slave, text=True, start_new_session=True,
            env=variables | {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"} | environment,
        )  # fmt: skip

    def read_until(self, expected: str) -> None:
        """Read what the terminal shows until a pattern has been seen."""
        while not re.search(expected, self.plain):
            ready, _, _ = select.select([self._master], [], [], PATIENCE)
            assert ready, f"{expected!r} does not appear in {self.shown!r}"
            self._read()

    def _read(self) -> None:
        # A read may end within a character.
        self.shown += self._decoder.decode(os.read(self._master, 65536))

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def interrupt_a_wait(self) -> None:
        """Press Ctrl-C until the process ends, as a user does.

        A signal that arrives between Python's look for signals and a call of the system that waits is seen only with
        the next signal: https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers.
        """
        end = os.pidfd_open(self.process.pid)
        try:
            for _ in range(round(PATIENCE / AGAIN)):
                self.type(CTRL_C)
                ready, _, _ = select.select([end], [], [], AGAIN)
                if ready:
                    return
        finally:
            os.close(end)

    def end(self) -> tuple[int, str]:
        """Wait for the process's end; return its exit code and its standard output."""
        # Read meanwhile: a terminal that nobody reads blocks whoever writes to it.
        end = os.pidfd_open(self.process.pid)
        try:
            while True:
                ready, _, _ = select.select([self._master, end], [], [], PATIENCE)
                assert ready, f"the process goes on after {self.shown!r}"
                if self._master not in ready:
                    break
                self._read()
        finally:
            os.close(end)
        # What the process wrote last may still be on its way through the terminal: it comes before what is written now.
        os.write(self._slave, LAST)
        while not self.shown.endswith(LAST.decode()):
            self._read()
        self.shown = self.shown.removesuffix(LAST.decode())
        output, _ = self.process.communicate(timeout=PATIENCE)
        # Left as it was: its settings, no colour, the cursor at a line's start.
        assert termios.tcgetattr(self._slave) == self.settings
        assert self.shown.endswith("\n")
        assert "Traceback" not in self.shown
        assert "\x1b[?" not in self.shown, "no mode was changed: the cursor was never hidden"
        return self.process.returncode, output

    @property
    def plain(self) -> str:
        """All that was written, without colours."""
        return COLOURS.sub("", self.shown)

    @property
    def last_drawing(self) -> list[str]:
        """The lines after the last erasing."""
        return MOVES.split(self.plain)[-1].replace("\r", "").splitlines()

    def close(self) -> None:
        """Give everything back."""
        if self.process.poll() is None:
            self.process.kill()
        with self.process:
            os.close(self._master)
            os.close(self._slave)


@contextmanager
def terminal(*arguments: str | Path, rows: int = 30, columns: int = 100, **environment: str) -> Iterator[Terminal]:
    """Run `stretto run` in a terminal."""
    opened = Terminal(*arguments, rows=rows, columns=columns, **environment)
    try:
        yield opened
    finally:
        opened.close()
