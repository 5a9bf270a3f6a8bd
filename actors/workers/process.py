"""The process of a worker: its start, its sockets and pipes, its end."""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NamedTuple

END_SECONDS: Final = 2.0
MARK_BYTES: Final = 16
_TOKEN_BYTES: Final = 8
_TOKENS: Final = 8192


class WorkerEnded(Exception):
    """The worker's process ended, or broke its protocol, while a call ran in it."""


class WorkerCommand(NamedTuple):
    """The program of a worker. Workers of one command can run each other's calls.

    Attributes:
        argv: The program and its arguments. One more argument follows, with what `serve` needs.
        folder: The working directory, or None for that of the daemon.
        variables: The environment, or None for that of the daemon.
        max_bytes: The most memory that the process may take, or None.
        separate: Whether standard output and standard error have a pipe each. Otherwise they share one.
        ends_with_children: Whether the process ends after a call that has left a process behind.
        version: A text that changes with the code that the process runs.
        user: The ids of the user as whom it runs, of its group, and of its other groups. None is the daemon's own user.
    """

    argv: tuple[str, ...]
    folder: str | None = None
    variables: tuple[tuple[str, str], ...] | None = None
    max_bytes: int | None = None
    separate: bool = False
    ends_with_children: bool = False
    version: str = ""
    user: tuple[int, int, tuple[int, ...]] | None = None

    @property
    def environment(self) -> Mapping[str, str] | None:
        """The environment as a mapping, or None for that of the daemon."""
        return None if self.variables is None else dict(self.variables)


class WorkerProcess:
    """A started worker. It ends with the daemon, however that ends: its standard input is closed then.

    Args:
        command: What it runs.
        captures: Whether what it prints comes here. Otherwise it goes to the daemon's own streams.

    Attributes:
        channel: The socket with the frames. It does not block.
        outputs: The pipes with what the process prints, which do not block.
        ended: A descriptor that is readable when the process has ended, even if another process keeps its channel.
        mark: The bytes that end the text of a call on each pipe.

    Raises:
        OSError: The process cannot be started.
    """

    def __init__(self, command: WorkerCommand, *, captures: bool) -> None:
        self.mark = os.urandom(MARK_BYTES)
        self._killing = threading.Lock()
        self.channel, theirs = socket.socketpair()
        self._send_tokens, self._tokens = socket.socketpair()
        pipe = subprocess.PIPE if captures else None
        uid, gid, groups = command.user or (None, None, None)
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - the command is the runners' own
                    [*command.argv, self._given(command, theirs, captures=captures)],
                    cwd=command.folder,
                    env=command.environment,
                    stdin=subprocess.PIPE,
                    stdout=pipe,
                    stderr=subprocess.STDOUT if captures and not command.separate else pipe,
                    pass_fds=(theirs.fileno(), self._tokens.fileno()),
                    bufsize=0,
                    start_new_session=True,
                    user=uid,
                    group=gid,
                    extra_groups=groups,
                )
        except BaseException:
            self._close_sockets()
            raise
        try:
            self.ended = os.pidfd_open(self._process.pid)
        except OSError:
            self.kill()
            self._close_streams()
            raise
        os.set_blocking(self.channel.fileno(), False)
        pipes = (self._process.stdout, self._process.stderr)
        self.outputs = tuple(each for each in pipes if each is not None)
        for output in self.outputs:
            os.set_blocking(output.fileno(), False)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def allow(self, numbers: list[int]) -> None:
        """Let the worker begin calls, in this order."""
        self._send_tokens.sendall(b"".join(number.to_bytes(_TOKEN_BYTES, "big") for number in numbers))

    def take_back(self) -> list[int]:
        """Return the numbers of all calls that were allowed and have not begun. The worker begins none of them."""
        taken = b""
        with suppress(BlockingIOError):
            taken = self._tokens.recv(_TOKENS * _TOKEN_BYTES, socket.MSG_DONTWAIT)
        return [int.from_bytes(taken[at : at + _TOKEN_BYTES], "big") for at in range(0, len(taken), _TOKEN_BYTES)]

    def kill(self) -> None:
        """End the process and what it has started. Any thread may call this."""
        with self._killing:
            # Unreaped, it keeps its process group, so that the id cannot belong to others.
            if self._process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def how_it_ended(self) -> str:
        """Return how the process ended, which has closed its channel."""
        with self._killing:
            try:
                code = self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                return "the worker process closed its channel"
        if code < 0:
            return f"the worker process was ended by signal {-code} ({signal.Signals(-code).name})"
        return f"the worker process ended with exit code {code}"

    def close(self) -> None:
        """End the process, and give its descriptors back."""
        self.kill()
        os.close(self.ended)
        self._close_streams()

    def _given(self, command: WorkerCommand, theirs: socket.socket, *, captures: bool) -> str:
        pipes = ([1, 2] if command.separate else [1]) if captures else []
        return json.dumps(
            {
                "channel": theirs.fileno(),
                "tokens": self._tokens.fileno(),
                "mark": self.mark.hex(),
                "pipes": pipes,
                "max_bytes": command.max_bytes,
                "ends_with_children": command.ends_with_children,
            }
        )

    def _close_streams(self) -> None:
        self._close_sockets()
        with self._killing, suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _close_sockets(self) -> None:
        for each in (self.channel, self._send_tokens, self._tokens):
            each.close()
