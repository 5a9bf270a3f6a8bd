"""A child process on the event loop. Its end and its output are events, so it costs no thread while it runs.

asyncio's own subprocesses start a thread each on Python 3.11, or need a watcher that the whole process shares. Here a
pidfd notifies the loop of the child's end. The child leads its own process group. It stays unreaped until everything
is closed, so the kernel cannot give its pid or its group's to another process meanwhile.
"""

import asyncio
import codecs
import os
import signal
import subprocess
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

from stretto.actors.actions.core.spawning import Command, spawn
from stretto.actors.actions.output import WINDOW_BYTES, OutputSoFar, output_slot

CHUNK_BYTES: Final = 65536
REAP_SECONDS: Final = 2.0


class Output:
    """The output of a child on one pipe: kept up to a bound, then read and dropped.

    Everything except `newest` runs on the loop's thread. For `newest`, a window of the latest bytes is kept as well.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pipe: int, most: int, owner: "Child") -> None:
        self.truncated = False
        self.ended = False
        self._loop = loop
        self._pipe = pipe
        self._most = most
        self._owner: Child | None = owner
        self._kept = bytearray()
        self._beyond = bytearray()
        self._written = 0
        self._lock = threading.Lock()
        loop.add_reader(pipe, self._read)

    def text(self) -> str:
        """Return the kept output as text. Invalid UTF-8 becomes U+FFFD."""
        return self._kept.decode("utf-8", "replace")

    def newest(self) -> tuple[str, bool]:
        """Return the newest output as text, and whether there was more before it.

        Any thread may call this. Incomplete characters at either end are left out.
        """
        with self._lock:
            window = self._kept[-WINDOW_BYTES:] + self._beyond
            written = self._written
        del window[:-WINDOW_BYTES]
        cut = written > len(window)
        if cut:
            del window[: _continued(window)]
        return codecs.getincrementaldecoder("utf-8")("replace").decode(window), cut

    def close(self) -> None:
        """Stop reading. A process that still writes to the pipe gets SIGPIPE."""
        owner, self._owner = self._owner, None  # they would keep each other until the next collection of cycles
        if owner is not None:
            # Before it is closed: a child that is about to start its program still has the pipe, and keeps it polled.
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self.ended = True
            owner.notice_end()

    def _read(self) -> None:
        chunk = os.read(self._pipe, CHUNK_BYTES)
        if not chunk:
            self.close()
            return
        room = self._most - len(self._kept)
        with self._lock:
            self._written += len(chunk)
            self._kept += chunk[:room]
            self._beyond += chunk[room:]
            del self._beyond[:-WINDOW_BYTES]
        self.truncated = self.truncated or len(chunk) > room
        if self._owner is not None:
            self._owner.notice_output()


class Child:
    """A running process that leads its own session and process group. Use it on the loop's thread only."""

    _process: "subprocess.Popen[bytes]"
    _pidfd: int
    stdout: Output
    stderr: Output

    def __init__(self, most: int) -> None:
        """Take the number of bytes of each output that are kept. `start` makes a child."""
        self._loop = asyncio.get_running_loop()
        self._most = most
        self._is_read = False
        self._watches_exit = False
        self._exited = asyncio.Event()
        self._settled = asyncio.Event()
        """Set when the process has ended or has written too much."""
        self._quiet = asyncio.Event()
        """Set when both outputs have ended."""
        self._slot = output_slot.get()

    @classmethod
    async def start(cls, command: Command, most: int) -> "Child":
        """Start a process. Its output is read, and known to the current call, before it begins.

        Args:
            command: The program.
            most: How many bytes of each output are kept.

        Raises:
            OSError: It cannot be started.
        """
        child = cls(most)
        try:
            child._process, child._pidfd = await spawn(command, child._read_from)
        except BaseException:
            if child._is_read:
                child._close_outputs()
            raise
        return child

    def _read_from(self, stdout: int, stderr: int) -> None:
        self._is_read = True
        self.stdout = Output(self._loop, stdout, self._most, self)
        self.stderr = Output(self._loop, stderr, self._most, self)
        if self._slot is not None:
            self._slot.source = self

    def _close_outputs(self) -> None:
        self.stdout.close()
        self.stderr.close()

    def so_far(self) -> OutputSoFar:
        """Return the newest output, during the run or after it. Any thread may call this."""
        (stdout, out_cut), (stderr, err_cut) = self.stdout.newest(), self.stderr.newest()
        return OutputSoFar(stdout, stderr, out_cut, err_cut)

    async def finish(self) -> int:
        """Wait until the process has ended and its output is closed, and return the exit code."""
        await self._end()
        return self._process.wait()

    async def finish_alone(self) -> int:
        """Wait for the process itself, then kill the rest of its group, and return the exit code.

        If its standard output exceeds the bound before, return at once; what is returned then means nothing.
        """
        self._watch_exit()
        await self._settled.wait()
        if self.stdout.truncated:
            return -1
        self._signal(signal.SIGKILL)
        # A descendant with its own group is not killed, and may hold the output open.
        await _at_most(REAP_SECONDS, self._quiet.wait())
        return self._process.wait()

    async def end(self, grace: float) -> bool:
        """Stop the whole group: SIGTERM, then SIGKILL once the process and its output end or `grace` is over.

        Returns:
            Whether it could be stopped. A group of root's processes, as of sudo, runs on unless this process is root.
        """
        if not self._signal(signal.SIGTERM):
            return False
        try:
            await _at_most(grace, self._end())
        finally:
            self._signal(signal.SIGKILL)
        await _at_most(REAP_SECONDS, self._exit())
        return True

    def close(self) -> None:
        """Kill the process if it still runs, and release its pipes and descriptors."""
        running = self._process.returncode is None and not self._has_exited()
        out_of_reach = running and not self._signal(signal.SIGKILL)
        self._close_outputs()
        if self._watches_exit:
            self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        if not out_of_reach:  # subprocess reaps those later, before it starts another process
            # Returns at once, unless the kernel holds the process in an uninterruptible sleep.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(REAP_SECONDS)
        self._slot = None  # as with the outputs, which stay readable

    def notice_output(self) -> None:
        """Take notice of more output."""
        if self.stdout.truncated:
            self._settled.set()
        if self._slot is not None:
            self._slot.changed()

    def notice_end(self) -> None:
        """Take notice that an output has ended."""
        if self.stdout.ended and self.stderr.ended:
            self._quiet.set()

    async def _end(self) -> None:
        await self._quiet.wait()
        await self._exit()

    async def _exit(self) -> None:
        """Wait for the process to end, without reaping it.

        A process that closes its outputs mostly ends at once, and then there is nothing to wait for.
        """
        if not self._watches_exit and self._has_exited():
            return
        self._watch_exit()
        await self._exited.wait()

    def _watch_exit(self) -> None:
        if not self._watches_exit:
            self._watches_exit = True
            self._loop.add_reader(self._pidfd, self._notice_exit)

    def _notice_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._exited.set()
        self._settled.set()

    def _has_exited(self) -> bool:
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True  # the kernel reaps all children, where SIGCHLD is ignored

    def _signal(self, number: int) -> bool:
        """Send a signal to the group, and return whether that is permitted: sudo's processes belong to root."""
        # An unreaped leader keeps its group alive, so this group id cannot belong to other processes.
        if self._process.returncode is None:
            try:
                os.killpg(self._process.pid, number)
            except PermissionError:
                return False
        return True


async def _at_most(seconds: float, waiting: Coroutine[Any, Any, object]) -> None:
    """Wait for something, for a bounded time."""
    with suppress(TimeoutError):
        await asyncio.wait_for(waiting, seconds)


def _continued(data: bytes | bytearray) -> int:
    """Return how many leading bytes continue a character that began before them."""
    return next((number for number, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
