"""Daemons that a run ends, one after another on one store: while it is replayed, or by its action.

The poison is code in the daemon's process. It acts as long as a file exists.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from stretto.actors.gateway.client import Client
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_reader
from tests.support.forked_programs import PROGRAM, ForkedProgram
from tests.support.harness import PATIENCE

ACTIONS = """
import ctypes, os, signal
from pathlib import Path
from stretto.actors import action
from stretto.definitions.conductor import Conductor

begin = Conductor.begin
POISONED = Path(__file__).with_name("poisoned")

def poisoned(self):
    if self.workflow.ref == "tests.poison" and POISONED.exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return begin(self)

Conductor.begin = poisoned

@action("tests.exit")
def exit(how: str) -> str:
    if POISONED.exists():
        os._exit(1) if how == "exit" else ctypes.string_at(0)
    return how
"""


class Daemon:
    """`stretto serve` as a process. Its events are read as they come."""

    def __init__(self, place: "Place") -> None:
        command = [
            *PROGRAM, "serve", "--store", place.url, "--actions",
            str(place.folder / "poison.py"), "--socket", str(place.folder / "run" / "s"), "--port", "0", "--no-watch",
        ]  # fmt: skip
        environment = {**os.environ, "STRETTO__SERVE__DRAIN_SECONDS": "0"}
        self.process = ForkedProgram(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.client = Client(f"unix://{place.folder / 'run' / 's'}")
        self.events: list[dict[str, Any]] = []

    def wait_for(self, event: str) -> bool:
        """Wait until the log has an event. Return False if the daemon ended without it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{") and line.endswith("}\n"):
                self.events.append(json.loads(line))
                if self.events[-1]["event"] == event:
                    return True
        self.process.wait(PATIENCE)
        return False

    def end(self) -> None:
        """Kill the daemon, if it lives."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait_for("nothing: read to the end")
        assert self.process.stderr is not None
        self.process.stderr.close()


class Place:
    """A store, and the daemons that open it one after another."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        (folder / "poison.py").write_text(ACTIONS)

    def poison(self) -> None:
        """Have the poison act from now on."""
        (self.folder / "poisoned").touch()

    def cure(self) -> None:
        """Have the poison do nothing from now on."""
        (self.folder / "poisoned").unlink()

    @contextmanager
    def daemon(self) -> Iterator[Daemon]:
        daemon = Daemon(self)
        try:
            yield daemon
        finally:
            daemon.end()

    def crashes_until_ready(self, most: int = 12) -> int:
        """Start daemons until one is ready, and stop it. Return how many crashed before."""
        for crashes in range(most):
            with self.daemon() as daemon:
                if daemon.wait_for("ready"):
                    daemon.process.terminate()
                    assert daemon.process.wait(PATIENCE) == 0
                    return crashes
        raise AssertionError(f"{most} daemons crashed one after another")

    def suspects(self) -> dict[str, Any]:
        with closing(open_reader(self.url, keyring_for(self.url, None))) as reader:
            return {each.run_id: each for each in reader.suspects()}
