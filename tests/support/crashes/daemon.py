"""The daemon of the crash test: the real one, as a process, started with a fault or without, killed, started again."""

import json
import os
import queue
import signal
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from stretto.actors.gateway.client import Client
from tests.support.crashes import effects, faults
from tests.support.crashes.counters import Counters
from tests.support.crashes.faults import Fault
from tests.support.crashes.runs import promise
from tests.support.crashes.workflows import write_workflows
from tests.support.forked_programs import PROGRAM, ForkedProgram
from tests.support.harness import PATIENCE
from tests.support.paths import ROOT

_ACTIONS: Final = """
import os

folder = os.path.dirname(__file__)
os.environ.update(
    {effects}=os.path.join(folder, "effects"), {fault}=os.path.join(folder, "fault"),
    {process}=os.path.join(folder, "process"),
)
import tests.support.crashes.actions
"""
"""A worker on Ray does not have the daemon's environment."""
_BAD: Final = {"warning", "error", "critical"}


class Place:
    """A folder with all that daemons, which come one after another, share: definitions, side effects, log, store.

    `editions` counts the editions of the definitions; `edition_at_start` is that with which the last daemon began.
    `has_begun`: one of them has come as far as to open the store.
    """

    def __init__(self, folder: Path, store: str | None = None) -> None:
        self.folder = folder
        self.store = store or f"sqlite:///{folder / 'store.db'}"
        self.effects = folder / "effects"
        self.log = folder / "log"
        self.fault = folder / "fault"
        self.process = folder / "process"
        self.actions = folder / "crash_actions.py"
        self.actions.write_text(_ACTIONS.format(effects=effects.VARIABLE, fault=faults.VARIABLE, process=faults.DAEMON))
        self.editions = 0
        self.edition_at_start = 0
        self.has_begun = False

    def start(self, fault: Fault | None = None) -> "Daemon":
        """Start the next daemon, which ends at a fault."""
        self.change_definitions()
        self.edition_at_start = self.editions
        self.fault.unlink(missing_ok=True)
        if fault is not None:
            fault.lay(self.fault)
        return Daemon(self)

    def change_definitions(self) -> None:
        """Write the next edition of all definitions."""
        self.editions += 1
        write_workflows(self.folder / "definitions", self.editions)


class Daemon:
    """A daemon, and ways to wait for it. Leaving the `with` block ends it, if it lives, and reaps it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        socket = place.folder / "run" / "s"
        self.client = Client(f"unix://{socket}")
        self.complaints: list[str] = []
        self.url = ""
        """Where its metrics are, once it is ready."""
        self._counters = Counters()
        self._last = ""
        self._told: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        command = [
            *PROGRAM, "serve", "--store", place.store,
            "--definitions", str(place.folder / "definitions"), "--actions", str(place.actions),
            "--socket", str(socket), "--port", "0", "--no-watch",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = ForkedProgram(command, stderr=subprocess.PIPE, env=environment)
        place.process.write_text(str(self._process.pid))
        self._reader = threading.Thread(target=self._read, args=(place.log,))
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.ended()

    def begun(self, event: str) -> bool:
        """Wait until its log tells an event; False: it ended before. Each line is looked at once."""
        while (told := self._told.get(timeout=PATIENCE)) is not None:
            if told == event:
                self._place.has_begun = True
                return True
        return False

    def kill(self) -> None:
        """Kill it, wherever it is."""
        self._process.kill()

    def reload(self) -> None:
        """Have it read the definitions again."""
        self._process.send_signal(signal.SIGHUP)

    def begin_stop(self) -> None:
        """Have it stop, and do not wait for that."""
        self._process.terminate()

    def look_at_counters(self) -> None:
        """See that none has fallen, once it is ready. Raises `BrokenPromise`."""
        if self.url:
            self._counters.look(self.url)

    def held(self) -> tuple[int, int]:
        """Return how many descriptors and threads it has."""
        process = Path(f"/proc/{self._process.pid}")
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))

    def stop(self) -> int:
        """Have it stop as it should, and return its exit code."""
        self._process.terminate()
        return self.ended()

    def stop_at_once(self) -> None:
        """Have it stop without waiting for the runs in progress."""
        self._process.terminate()
        self.begun("draining")
        self._process.terminate()

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stderr is not None
        self._process.stderr.close()
        return code

    def killed(self) -> None:
        """Wait for its end. Raises `BrokenPromise` if it was not SIGKILL that ended it."""
        code = self.ended()
        promise(code == -signal.SIGKILL, f"the daemon ended by itself, with the exit code {code}: {self._last}")

    def _read(self, log: Path) -> None:
        assert self._process.stderr is not None
        with log.open("ab") as file:
            for line in self._process.stderr:
                file.write(line)
                file.flush()
                self._take(line)
        self._told.put(None)

    def _take(self, line: bytes) -> None:
        if not line.endswith(b"\n"):
            return  # it was killed while it wrote this
        self._last = line.decode(errors="replace").rstrip()
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError:
            self.complaints.append(self._last)
            return
        if told["level"] in _BAD and told["event"] != "stopping_at_once":
            self.complaints.append(self._last)
        if told["event"] == "ready":
            self.url = told["url"]
        self._told.put(told["event"])
