"""A real daemon for tests: `stretto serve` as a process, its log, and a gate at which its actions wait."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from stretto.actors.gateway.client import Client
from tests.support.forked_programs import PROGRAM, ForkedProgram
from tests.support.harness import PATIENCE

MOST_LINES = 10_000
"""Lines of a log in which an event is looked for: a daemon that logs without end tells it no more."""
STRETTO = PROGRAM
NEW_INTERPRETER = [sys.executable, "-c", "from stretto.actors.cli import main; main()"]
"""The beginning of a command that is not forked, for tests of a daemon's memory, descriptors and forks."""

ACTIONS = """
import asyncio
from stretto.actors import action

@action("gate.wait")
async def wait(gate: str) -> None:
    reader, writer = await asyncio.open_unix_connection(gate)
    try:
        await reader.read()
    finally:
        writer.close()
"""
GATE = """
version: "1.0.0"
ref: test.gate
parameters: {gate: {type: string}, count: {type: integer}}
cancellation_policy: cancel_running
tasks:
  - name: wait
    action: gate.wait
    with_items: "{{ range(parameters.count) }}"
    concurrency: 1000
    input: {gate: "{{ parameters.gate }}"}
output_map: {waited: "{{ task.wait.result | length }}"}
"""
ECHO = """
version: "1.0.0"
ref: test.echo
parameters: {n: {type: integer}}
tasks: [{name: echo, action: core.echo, input: {message: "{{ parameters.n }}"}}]
output_map: {said: "{{ task.echo.result }}"}
"""

_WRITTEN_LINES = 2000


class Served:
    """A daemon, its log, and ways to reach it."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.socket = folder / "run" / "s"
        self.client = Client(f"unix://{self.socket}")
        self.log: list[dict[str, Any]] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, event: str, lines: int = MOST_LINES) -> dict[str, Any]:
        """Return the next line of the log that tells this event; it is one of the next `lines`."""
        for _ in range(lines):
            line = self._lines.get(timeout=PATIENCE)
            assert line is not None, f"the daemon ended without {event}: {self.log}"
            self.log.append(json.loads(line))
            if self.log[-1]["event"] == event:
                return self.log[-1]
        raise AssertionError(f"none of {lines} lines tells {event}: {self.log[-lines:]}")

    def take_log(self) -> list[str]:
        """Return the lines of the log that have come since this or `wait_for` was called, without waiting."""
        lines = []
        with suppress(queue.Empty):
            while (line := self._lines.get_nowait()) is not None:
                lines.append(line.strip())
        return lines

    def read_to_the_end(self) -> None:
        """Take the rest of the log of a daemon that has ended."""
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.log.append(json.loads(line))

    def write_log(self) -> None:
        """Write the end of the log of a daemon that has ended: the report of a failed test then has the cause."""
        self._lines.put(None)  # its end may have been read already
        rest = [line.rstrip() for line in iter(self._lines.get, None)]
        sys.stdout.write("\n".join([*map(json.dumps, self.log), *rest][-_WRITTEN_LINES:]) + "\n")

    def begin(self) -> "Served":
        """Wait until it is ready."""
        self.url = self.wait_for("ready")["url"]
        return self

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def probe(self, path: str) -> tuple[int, str]:
        """Return the status and the text of a GET."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:  # noqa: S310 - our own daemon
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode().strip()

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run `stretto run ... --daemon` to its end, in the test's process. Raise what it does not handle."""
        command = ["run", *map(str, arguments), "--daemon", self.client.url]
        done = CliRunner().invoke(main, command, catch_exceptions=False)
        return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)


@contextmanager
def starting(folder: Path, *arguments: str, program: Sequence[str] = STRETTO, **environment: str) -> Iterator[Served]:
    """Start a daemon on definitions and actions of a folder of its own. It may not be ready yet."""
    definitions = folder / "definitions"
    definitions.mkdir(exist_ok=True)
    (definitions / "gate.yaml").write_text(GATE)
    (definitions / "echo.yaml").write_text(ECHO)
    (folder / "gate_actions.py").write_text(ACTIONS)
    command = [
        *program, "serve", "--definitions", str(definitions), "--actions", str(folder / "gate_actions.py"),
        "--socket", str(folder / "run" / "s"), "--port", "0", *arguments,
    ]  # fmt: skip
    process = ForkedProgram(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "STRETTO__SERVE__WATCH": "false", **environment}
    )
    served = Served(process, folder)
    try:
        yield served
    except BaseException:
        _end(process, served)
        served.write_log()
        raise
    finally:
        _end(process, served)
        assert process.stderr is not None
        process.stderr.close()


def _end(process: subprocess.Popen[str], served: Served) -> None:
    if process.poll() is None:
        process.kill()
    served.ended()


@contextmanager
def serving(folder: Path, *arguments: str, program: Sequence[str] = STRETTO, **environment: str) -> Iterator[Served]:
    """Run a daemon as `starting` does, once it is ready."""
    with starting(folder, *arguments, program=program, **environment) as served:
        yield served.begin()


class Gate:
    """Where actions wait until the test opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1024)
        self._listener.settimeout(PATIENCE)
        self._waiting: list[socket.socket] = []

    def arrivals(self, count: int) -> None:
        """Return when so many have arrived."""
        self._waiting += [self._listener.accept()[0] for _ in range(count)]

    def open(self) -> None:
        """Let all go on that have arrived."""
        for each in self._waiting:
            each.close()
        self._waiting = []

    def close(self) -> None:
        """Open it for good."""
        self.open()
        self._listener.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.close()
