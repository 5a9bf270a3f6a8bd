"""The sensor's side of the line to its daemon: events and requests as lines of JSON, and the answers to them.

It imports nothing but the standard library, because it runs in the pack's own interpreter.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any


class TooLong(ValueError):
    """A line has more bytes than the daemon reads."""


class SensorLine:
    """The line over the standard streams of the process. All other text that it prints goes to standard error."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        self._in = os.fdopen(os.dup(0), "rb")
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        sys.stdout = sys.stderr
        self._lock = threading.Lock()
        self._number = 0
        self._waiting: dict[int, tuple[threading.Event, list[bytes]]] = {}
        self.first: dict[str, Any] = json.loads(self._in.readline())
        self._most: int = self.first["max_line_bytes"]

    def listen(self, hear: Callable[[dict[str, Any]], object]) -> None:
        """Read answers on another thread from now on, and call a function there for other lines. It must not ask."""
        threading.Thread(target=self._read, args=(hear,), name="stretto-line", daemon=True).start()

    def ask(self, data: bytes) -> bytes:
        """Send an object, and wait for its answer. Any thread may call this. Raises `TooLong`."""
        arrived = threading.Event()
        answer: list[bytes] = []
        with self._lock:
            self._number += 1
            number = self._number
            # The id comes first: the daemon then answers even if it cannot read the rest.
            said = json.dumps({"id": number, **json.loads(data)}).encode()
            if len(said) > self._most:  # the daemon would leave it out, without an answer
                raise TooLong(
                    f"a line must have at most {self._most:,} bytes (sensors.max_line_bytes), got {len(said):,}"
                )
            self._waiting[number] = (arrived, answer)
            self._send(said + b"\n")
        arrived.wait()
        return answer[0]

    def _send(self, line: bytes) -> None:
        written = 0
        while written < len(line):
            written += self._out.write(line[written:])

    def _read(self, hear: Callable[[dict[str, Any]], object]) -> None:
        for line in self._in:
            said = json.loads(line)
            waiting = self._waiting.pop(said.get("id"), None)
            if waiting is None:
                hear(said)
            else:
                waiting[1].append(line)
                waiting[0].set()
        os.kill(os.getpid(), signal.SIGTERM)  # the daemon has ended


_lines: list[SensorLine] = []


def line() -> SensorLine:
    """Return the line of this process."""
    if not _lines:
        _lines.append(SensorLine())
    return _lines[0]


def as_data(value: Any) -> Any:
    """Return what JSON has in place of a value that it cannot have: a time as text of ISO 8601, all else as text."""
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)
