"""The process of a sensor: its start with limits, its streams, its end.

It leads a session and a process group of its own, and ends with the daemon, however that ends.
"""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Self

from stretto.actors.actions import ProcessUser, describe_exit, inherited_environment, max_process_bytes
from stretto.actors.sensors.program import Prepared
from stretto.metrics import get_logger

_LAUNCHER: Final = """
import ctypes, os, resource, sys
parent, limit, most = map(int, sys.argv[1:4])
if sys.argv[4]:
    uid, gid, *groups = map(int, sys.argv[4].split(","))
    os.setgroups(groups)
    os.setgid(gid)
    os.setuid(uid)
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL; a change of the user would clear it
if os.getppid() != parent:
    sys.exit("the daemon has ended")
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(limit, (most, most))
program = sys.argv[5:]
try:
    os.execvp(program[0], program)
except OSError as error:
    sys.exit(f"cannot run {program[0]}: {error.strerror}")
"""
"""Changes the user, sets the limits, and then becomes the program. Python's `preexec_fn` is unsafe with threads.

It begins as the daemon's user, because another one may not be able to read the daemon's interpreter."""
_GIGABYTES_RESERVED: Final = frozenset({"node", "nodejs", "java", "go"})
"""Programs that reserve gigabytes of address space and use little of it: their writable memory is limited."""
REAP_SECONDS: Final = 2.0
"""How long the end of a killed process is waited for."""
STREAM_BYTES: Final = 256 * 1024
"""How many bytes of a stream are read ahead."""
MAX_UNREAD_REPLIES: Final = 4 * 1024 * 1024
"""The bytes of replies that a sensor may leave unread. Further ones are left out."""

_log = get_logger("stretto.sensors")


class SensorProcess:
    """A running process of a sensor. Use it on the loop's thread only.

    Attributes:
        stdout: What it writes to standard output.
        stderr: What it writes to standard error.
        pid: Its id, which is also that of its session and process group.
    """

    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader

    def __init__(self, process: "subprocess.Popen[bytes]", pidfd: int) -> None:
        self._process = process
        self._pidfd = pidfd
        self._loop = asyncio.get_running_loop()
        self._exited = asyncio.Event()
        self._is_closed = False
        self._transports: list[asyncio.BaseTransport] = []
        self._stdin: asyncio.WriteTransport | None = None
        self.pid = process.pid
        self._loop.add_reader(pidfd, self._notice_exit)

    @classmethod
    async def start(cls, prepared: Prepared, folder: str, user: ProcessUser | None) -> Self:
        """Start a process on the loop's own thread, whose end would be that of the process.

        Args:
            prepared: Its command.
            folder: Where it runs.
            user: The user as whom it runs, or None for the daemon's own.

        Raises:
            OSError: It cannot be started.
        """
        variables = {**inherited_environment(), **prepared.variables}
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - it takes milliseconds, and this loop has only sensors
            [sys.executable, "-I", "-S", "-B", "-c", _LAUNCHER, *_limits(prepared.argv[0]), _ids(user), *prepared.argv],
            env=variables if user is None else user.own(variables),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        try:
            started = cls(process, os.pidfd_open(process.pid))
        except OSError:
            process.kill()
            process.wait()
            raise
        try:
            await started._connect()
        except BaseException:
            await started.close()
            raise
        return started

    async def _connect(self) -> None:
        process, loop = self._process, self._loop
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - they are pipes
        self.stdout = asyncio.StreamReader(STREAM_BYTES)
        self.stderr = asyncio.StreamReader(STREAM_BYTES)
        for reader, pipe in ((self.stdout, process.stdout), (self.stderr, process.stderr)):
            transport, _ = await loop.connect_read_pipe(partial(asyncio.StreamReaderProtocol, reader), pipe)
            self._transports.append(transport)
        self._stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self._transports.append(self._stdin)

    def reply(self, line: bytes) -> bool:
        """Write a line to its standard input. Return False if it reads none of them."""
        stdin = self._stdin
        if stdin is None or stdin.is_closing():
            return True
        if stdin.get_write_buffer_size() + len(line) > MAX_UNREAD_REPLIES:
            return False
        stdin.write(line + b"\n")
        return True

    async def ended(self) -> str:
        """Wait for the end of the process, then kill what it has left in its group. Return how it ended."""
        await self._exited.wait()
        self._signal(signal.SIGKILL)
        return describe_exit(self._process.wait())

    async def end(self, grace: float) -> bool:
        """End the whole group: SIGTERM, then SIGKILL once the process has ended or `grace` is over.

        Returns:
            Whether the process has ended. One that waits in the kernel, as for a dead NFS server, ends when that does.
        """
        self._signal(signal.SIGTERM)
        await self._await_exit(grace)
        self._signal(signal.SIGKILL)
        return await self._await_exit(REAP_SECONDS)

    async def _await_exit(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._exited.wait(), seconds)
        return self._exited.is_set()

    def kill(self) -> None:
        """Kill the whole group."""
        self._signal(signal.SIGKILL)

    async def close(self) -> None:
        """Kill the group if it still runs, and release the pipes."""
        self._signal(signal.SIGKILL)
        for transport in (each for each in self._transports if not each.is_closing()):
            (transport.abort if isinstance(transport, asyncio.WriteTransport) else transport.close)()
        await asyncio.sleep(0)  # the transports close their pipes in the loop's next turn
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        if not await self._await_exit(REAP_SECONDS):
            _log.warning("sensor_process_stuck", pid=self.pid, seconds=REAP_SECONDS)
        self._is_closed = True
        if self._exited.is_set():
            self._reap()

    def _notice_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._exited.set()
        if self._is_closed:  # it was given up
            self._reap()

    def _reap(self) -> None:
        """Collect the exit status of the process, which has ended."""
        self._process.wait()
        os.close(self._pidfd)

    def _signal(self, number: int) -> None:
        # An unreaped leader keeps its group alive, so this group id cannot belong to other processes.
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _limits(program: str) -> list[str]:
    limit = resource.RLIMIT_DATA if Path(program).name in _GIGABYTES_RESERVED else resource.RLIMIT_AS
    hard = resource.getrlimit(limit)[1]
    most = max_process_bytes() if hard == resource.RLIM_INFINITY else min(max_process_bytes(), hard)
    return [str(os.getpid()), str(limit), str(most)]


def _ids(user: ProcessUser | None) -> str:
    return "" if user is None else ",".join(map(str, (user.uid, user.gid, *user.groups)))


def processes_of(sessions: frozenset[int]) -> dict[int, int]:
    """Return how many processes each of some sessions has, by the id of the session."""
    counted = dict.fromkeys(sessions, 0)
    for entry in os.scandir("/proc") if sessions else ():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                # The name of the program is in parentheses, and may hold anything.
                session = int(Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()[3])
                if session in counted:
                    counted[session] += 1
    return counted
