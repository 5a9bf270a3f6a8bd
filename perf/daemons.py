"""A daemon in a process of its own, whose port clients use."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from stretto.actors import BlockingRemoteEngine, connect

STRETTO = (sys.executable, "-m", "stretto.actors.cli")
_SCHEDULER_CLOCK = 2
"""Which of a process's clocks is meant: the one that counts nanoseconds (`CPUCLOCK_SCHED` in the kernel)."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon that is ready.

    Attributes:
        url: The URL of its port.
        token: A token of an operator.
        process: The id of its process.
        engine: Its engine, over its socket.
        log: The file with its log.
    """

    url: str
    token: str
    process: int
    engine: BlockingRemoteEngine
    log: Path

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the API of its port, on a connection of its own, and return the answer."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        connection = HTTPConnection(urlsplit(self.url).netloc)
        connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        data = json.loads(answer.read())
        connection.close()
        assert answer.status < HTTPStatus.BAD_REQUEST, data
        return data

    @property
    def processor_seconds(self) -> float:
        """The seconds of the processor that it has had."""
        return time.clock_gettime((~self.process << 3) | _SCHEDULER_CLOCK)

    @property
    def loop_seconds(self) -> float:
        """The seconds of the processor that the thread of its event loop has had, which does not run the engine."""
        text = Path(f"/proc/{self.process}/task/{self.process}/schedstat").read_text(encoding="ascii")
        return int(text.split()[0]) / 1e9

    @property
    def descriptors(self) -> int:
        """The number of its open descriptors."""
        return len(list(Path(f"/proc/{self.process}/fd").iterdir()))

    @property
    def resident_bytes(self) -> int:
        """Its bytes of memory."""
        return _field(self.process, "VmRSS:") * 1024


def _field(process: int, name: str) -> int:
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(f"/proc does not show {name} of the process {process}")


@contextmanager
def daemon(definitions: Mapping[str, str], *arguments: str) -> Iterator[Daemon]:
    """Run a daemon without a store.

    Args:
        definitions: The texts of its definitions by their files' names.
        arguments: More arguments of `stretto serve`.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        written, socket, log, tokens = (folder / each for each in ("definitions", "s", "log", "tokens"))
        written.mkdir()
        for file, text in definitions.items():
            (written / file).write_text(text, encoding="utf-8")
        token = subprocess.run(
            [*STRETTO, "tokens", "create", "perf", "--role", "operator", "--tokens-file", str(tokens)],
            check=True, capture_output=True, text=True,
        ).stdout.split()[-1]  # fmt: skip
        command = [
            *STRETTO, "serve", "--definitions", str(written), "--socket", str(socket), "--port", "0", "--no-watch",
            *arguments,
        ]  # fmt: skip
        environment = os.environ | {"STRETTO__SERVE__TOKENS_FILE": str(tokens)}
        with (
            log.open("w", encoding="utf-8") as kept,
            subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process,
        ):
            assert process.stderr is not None
            ready = next(line for line in map(_event, process.stderr) if line.get("event") == "ready")
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=kept)
            try:
                with connect(f"unix://{socket}").blocking() as engine:
                    yield Daemon(ready["url"], token, process.pid, engine, log)
            finally:
                process.terminate()
                process.wait()
                drain.wait()


def _event(line: bytes) -> dict[str, Any]:
    """Return a line of the log, or an empty one for a warning that is not from it."""
    return json.loads(line) if line.startswith(b"{") else {}
