"""A child process on the event loop. Its end and its output are events, so it costs no thread.

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
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Final, cast

from stretto.actors.actions.output import WINDOW_BYTES, OutputSoFar, output_slot

CHUNK_BYTES: Final = 65536
REAP_SECONDS: Final = 2.0


class Output:
    """The output of a child on one pipe: kept up to a bound, then read and dropped.

    Everything except `newest` runs on the loop's thread. For `newest`, a window of the latest bytes is kept as well.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pipe: IO[bytes], most: int, changed: Callable[[], object] | None = None
    ) -> None:
        self.truncated = False
        self.overflowed: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._pipe = pipe
        self._most = most
        self._changed = changed
        self._kept = bytearray()
        self._beyond = bytearray()
        self._written = 0
        self._lock = threading.Lock()
        os.set_blocking(pipe.fileno(), False)
        loop.add_reader(pipe.fileno(), self._read)

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
        if not self._pipe.closed:
            self._loop.remove_reader(self._pipe.fileno())
            self._pipe.close()
        if not self.ended.done():
            self.ended.set_result(None)

    def _read(self) -> None:
        try:
            chunk = os.read(self._pipe.fileno(), CHUNK_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            self.close()
            return
        room = self._most - len(self._kept)
        with self._lock:
            self._written += len(chunk)
            self._kept += chunk[:room]
            self._beyond += chunk[room:]
            del self._beyond[:-WINDOW_BYTES]
        if self._changed is not None:
            self._changed()
        if len(chunk) > room and not self.truncated:
            self.truncated = True
            self.overflowed.set_result(None)


class Child:
    """A running process that leads its own session and process group. Use it on the loop's thread only."""

    def __init__(
        self, argv: Sequence[str], environment: dict[str, str], cwd: str | None, most: int, stdin: bytes | None = None
    ) -> None:
        """Start the process.

        Args:
            argv: The program and its arguments.
            environment: The whole environment.
            cwd: The working directory, or None for that of this process.
            most: How many bytes of each output are kept.
            stdin: The standard input, or None for /dev/null.

        Raises:
            OSError: The process cannot be started.
        """
        loop = asyncio.get_running_loop()
        given = subprocess.DEVNULL if stdin is None else _memory_file(stdin)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running commands is what core.local is for
                argv,
                env=environment,
                cwd=cwd,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        finally:
            if given != subprocess.DEVNULL:
                os.close(given)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError:
            self._process.kill()
            with self._process:  # reaps the process and closes its pipes
                raise
        self._loop = loop
        self._exited: asyncio.Future[None] = loop.create_future()
        slot = output_slot.get()
        changed = None if slot is None else slot.changed
        self.stdout = Output(loop, cast("IO[bytes]", self._process.stdout), most, changed)
        self.stderr = Output(loop, cast("IO[bytes]", self._process.stderr), most, changed)
        loop.add_reader(self._pidfd, self._notice_exit)
        if slot is not None:
            slot.source = self

    def so_far(self) -> OutputSoFar:
        """Return the newest output, during the run or after it. Any thread may call this."""
        (stdout, out_cut), (stderr, err_cut) = self.stdout.newest(), self.stderr.newest()
        return OutputSoFar(stdout, stderr, out_cut, err_cut)

    async def finish(self, *, alone: bool = False) -> int:
        """Wait until the process has ended and its output is closed, and return the exit code.

        Args:
            alone: Wait only for the process itself, then kill the rest of its group.
        """
        if alone:
            await asyncio.wait([self._exited])
            self._signal(signal.SIGKILL)
        # A descendant with its own group is not killed, and may hold the output open.
        most = REAP_SECONDS if alone else None
        await asyncio.wait([self._exited, self.stdout.ended, self.stderr.ended], timeout=most)
        return self._process.wait()

    async def end(self, grace: float) -> bool:
        """Stop the whole group: SIGTERM, then SIGKILL once the process and its output end or `grace` is over.

        Returns:
            Whether it could be stopped. A group of root's processes, as of sudo, runs on unless this process is root.
        """
        if not self._signal(signal.SIGTERM):
            return False
        try:
            await asyncio.wait([self._exited, self.stdout.ended, self.stderr.ended], timeout=grace)
        finally:
            self._signal(signal.SIGKILL)
        await asyncio.wait([self._exited], timeout=REAP_SECONDS)
        return True

    def close(self) -> None:
        """Kill the process if it still runs, and release its pipes and descriptors."""
        running = self._process.returncode is None and not self._exited.done()
        out_of_reach = running and not self._signal(signal.SIGKILL)
        self.stdout.close()
        self.stderr.close()
        if not self._exited.done():
            self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        if out_of_reach:
            return  # subprocess reaps it later, before it starts another process
        # Returns at once, unless the kernel holds the process in an uninterruptible sleep.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_SECONDS)

    def _notice_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._exited.set_result(None)

    def _signal(self, number: int) -> bool:
        """Send a signal to the group, and return whether that is permitted: sudo's processes belong to root."""
        # An unreaped leader keeps its group alive, so this group id cannot belong to other processes.
        if self._process.returncode is None:
            try:
                os.killpg(self._process.pid, number)
            except PermissionError:
                return False
        return True


def _continued(data: bytes | bytearray) -> int:
    """Return how many leading bytes continue a character that began before them."""
    return next((number for number, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)


def _memory_file(data: bytes) -> int:
    """Return a descriptor of an unnamed file in memory. A pipe would need a writer and could fill up."""
    descriptor = os.memfd_create("stdin", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
