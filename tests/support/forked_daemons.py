"""Daemons that are forked from a process that has imported all of Stretto: a campaign starts hundreds of them.

python -m tests.support.forked_daemons     # forks daemons as lines of JSON on its standard input ask
"""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import stretto.actors
import stretto.definitions
import stretto.metrics
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

LOOK_SECONDS: Final = 0.02
"""How often the log of a daemon is looked at."""
_LEFT_OUT: Final = ("__main__", "ray", "migrations")
"""Parts of the names of modules that are not imported: they run something, or need Ray."""


class ForkedDaemon:
    """A daemon, which may not be ready yet.

    Attributes:
        pid: Its process.
        socket: The path of its socket.
        url: Its URL.
    """

    def __init__(self, forks: "Forks", pid: int, socket: Path, log: Path) -> None:
        self.pid = pid
        self.socket = socket
        self.url = f"unix://{socket}"
        self._forks = forks
        self._log = log
        self._code: int | None = None

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
        return self._code is not None or not self._is_alive()

    def _is_alive(self) -> bool:
        state = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        return state != b"Z"

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        if self._code is None:
            self._code = self._forks.ask(wait=self.pid)
        return self._code


class Forks:
    """The process that forks daemons."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lock = threading.Lock()
        self._daemons: list[ForkedDaemon] = []

    def start(self, folder: Path, *arguments: str, **environment: str) -> ForkedDaemon:
        """Start a daemon on the definitions of a folder, `folder/definitions`."""
        socket, log = folder / "run" / "s", folder / f"log{len(self._daemons)}"
        log.touch()
        argv = ["serve", "--definitions", str(folder / "definitions"), "--socket", str(socket), "--port", "0"]
        pid = self.ask(argv=[*argv, *arguments], environment=environment, log=str(log))
        self._daemons.append(ForkedDaemon(self, pid, socket, log))
        return self._daemons[-1]

    def ask(self, **request: Any) -> int:
        """Send a request, and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def end_all(self) -> None:
        """Kill the daemons that still run."""
        for each in self._daemons:
            if not each.has_ended:
                with suppress(ProcessLookupError):
                    each.signal(9)
                each.ended()


@contextmanager
def forking() -> Iterator[Forks]:
    """Give a process that forks daemons. Those that still run at the end are killed."""
    command = [sys.executable, "-m", "tests.support.forked_daemons"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        forks = Forks(process)
        try:
            yield forks
        finally:
            forks.end_all()


def main() -> None:
    """Import all of Stretto, and fork a daemon for each request."""
    for package in (stretto.actors, stretto.definitions, stretto.metrics):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in module.name for part in _LEFT_OUT):
                importlib.import_module(module.name)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                _serve(request)
        print(answer, flush=True)  # noqa: T201


def _serve(request: dict[str, Any]) -> None:
    from stretto.actors.cli import main as command

    nothing, log = os.open(os.devnull, os.O_RDWR), os.open(request["log"], os.O_WRONLY | os.O_APPEND)
    for source, target in ((nothing, 0), (nothing, 1), (log, 2)):
        os.dup2(source, target)
    os.environ |= {"STRETTO__SERVE__WATCH": "false", **request["environment"]}
    code: int | str | None = 1
    try:
        command.main(request["argv"], standalone_mode=False)
        code = 0
    except SystemExit as error:
        code = error.code
    finally:
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    main()
