"""The daemon's side of a worker: starts its process, calls it, and ends it."""

import codecs
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from stretto.actors.workers.frames import TOKEN_BYTES, FrameReader, FrameTooLarge, send_frame

END_SECONDS: Final = 2.0
_CHUNK_BYTES: Final = 65_536
# Nothing of the worker's own is imported before its path is set: the code is text, and its arguments are data.
_CODE: Final = (
    "import json, sys; path, module, name, channel, most, *given = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from importlib import import_module; "
    "import_module('stretto.actors.workers.serving').serve("
    "channel, most, getattr(import_module(module), name)(*given))"
)


class WorkerEnded(Exception):
    """The worker's process ended, or broke its protocol, while a call ran in it."""


class WorkerCommand(NamedTuple):
    """The function of a worker.

    Attributes:
        module: The module of the function that makes the worker's handler.
        name: The function's name.
        arguments: Its arguments: texts and numbers.
        max_bytes: The most memory that the process may take, or None.
    """

    module: str
    name: str
    arguments: tuple[str | int | None, ...] = ()
    max_bytes: int | None = None


class Worker:
    """A process that answers calls. One thread calls it; any thread may kill it.

    The process ends with the daemon, however that ends: its standard input is closed then.

    Args:
        command: What it runs.
        printed: Gets the text that the process writes, or None to leave it to the daemon's own streams.

    Raises:
        OSError: The process cannot be started.
    """

    def __init__(self, command: WorkerCommand, printed: Callable[[str], object] | None) -> None:
        import json  # noqa: PLC0415 - an engine without workers does not need it

        self._printed = printed
        self._killing = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._reader = FrameReader()
        self._connection, theirs = socket.socketpair()
        with theirs:
            arguments = [sys.path, command.module, command.name, theirs.fileno(), command.max_bytes, *command.arguments]
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-P", "-c", _CODE, json.dumps(arguments)],
                stdin=subprocess.PIPE,
                stdout=None if printed is None else subprocess.PIPE,
                stderr=None if printed is None else subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                bufsize=0,
                start_new_session=True,
            )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._connection, selectors.EVENT_READ)
        self._output = self._process.stdout
        if self._output is not None:
            os.set_blocking(self._output.fileno(), False)
            self._selector.register(self._output, selectors.EVENT_READ)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_fit(self) -> bool:
        """Whether the process can take a call: it has not ended, and has not written unasked."""
        return not any(key.fileobj is self._connection for key, _ in self._selector.select(0))

    def call(self, data: bytes) -> bytes:
        """Return the handler's answer to a call.

        Args:
            data: The call.

        Raises:
            WorkerEnded: The process has ended, or has answered another call.
        """
        token = os.urandom(TOKEN_BYTES)
        try:
            send_frame(self._connection, token + data)
            answer = self._answer()
        except FrameTooLarge as error:
            raise WorkerEnded(f"the worker process broke its protocol: {error}") from None
        except OSError:  # it was killed, or has ended by itself
            answer = None
        self._read_output()
        if answer is None:
            raise WorkerEnded(self._how_it_ended())
        if not answer.startswith(token) or not self._reader.is_empty:
            raise WorkerEnded("the worker process answered another call than it was asked")
        return answer[TOKEN_BYTES:]

    def kill(self) -> None:
        """End the process and what it has started. The call that runs raises `WorkerEnded`."""
        with self._killing:
            # Unreaped, it keeps its process group, so that the id cannot belong to others.
            if self._process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process, and give its descriptors back."""
        self._connection.close()
        self.kill()
        with self._killing, suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._selector.close()
        for pipe in (self._process.stdin, self._output):
            if pipe is not None:
                pipe.close()

    def _answer(self) -> bytes | None:
        while (answer := self._reader.frame()) is None:
            ready = [key.fileobj for key, _ in self._selector.select()]
            if self._output in ready:
                self._read_output()
            if self._connection in ready and not self._reader.read(self._connection):
                return None
        return answer

    def _read_output(self) -> None:
        if self._output is None or self._printed is None:
            return
        with suppress(BlockingIOError, ValueError):
            while chunk := os.read(self._output.fileno(), _CHUNK_BYTES):
                self._printed(self._decoder.decode(chunk))
            self._selector.unregister(self._output)
            self._output.close()
            self._output = None

    def _how_it_ended(self) -> str:
        with self._killing:
            try:
                code = self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                return "the worker process closed its channel"
        if code < 0:
            return f"the worker process was ended by signal {-code} ({signal.Signals(-code).name})"
        return f"the worker process ended with exit code {code}"
