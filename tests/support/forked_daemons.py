"""Daemons of a campaign, which starts hundreds of them, with their logs in files."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.forked_programs import PROGRAM, ForkedProgram
from tests.support.waiting import PATIENCE

LOOK_SECONDS: Final = 0.02
"""How often the log of a daemon is looked at."""


class ForkedDaemon:
    """A daemon, which may not be ready yet.

    Attributes:
        pid: Its process.
        socket: The path of its socket.
        url: Its URL.
    """

    def __init__(self, process: ForkedProgram, socket: Path, log: Path) -> None:
        self.pid = process.pid
        self.socket = socket
        self.url = f"unix://{socket}"
        self._process = process
        self._log = log

    def begin(self) -> bool:
        """Wait until it is ready. Return False if it ends before."""
        deadline = time.monotonic() + PATIENCE
        while '"event":"ready"' not in self.log:
            assert time.monotonic() < deadline, self.log
            if self.has_ended:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    @property
    def log(self) -> str:
        """The log so far."""
        return self._log.read_text()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        return self._process.wait(PATIENCE)


class Forks:
    """The daemons of a campaign."""

    def __init__(self) -> None:
        self._daemons: list[ForkedDaemon] = []

    def start(self, folder: Path, *arguments: str, **environment: str) -> ForkedDaemon:
        """Start a daemon on the definitions of a folder, `folder/definitions`."""
        socket, log = folder / "run" / "s", folder / f"log{len(self._daemons)}"
        command = [*PROGRAM, "serve", "--definitions", str(folder / "definitions"), "--socket", str(socket)]
        with log.open("a") as file:
            process = ForkedProgram(
                [*command, "--port", "0", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file,
                env={**os.environ, "STRETTO__SERVE__WATCH": "false", **environment},
            )  # fmt: skip
        self._daemons.append(ForkedDaemon(process, socket, log))
        return self._daemons[-1]

    def end_all(self) -> None:
        """Kill the daemons that still run."""
        for each in self._daemons:
            each.signal(9)
            each.ended()


@contextmanager
def forking() -> Iterator[Forks]:
    """Give the daemons of a campaign. Those that still run at the end are killed."""
    forks = Forks()
    try:
        yield forks
    finally:
        forks.end_all()
