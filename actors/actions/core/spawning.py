"""The start of child processes, on helper threads of the event loop.

A process starts when its program is found, opened and mapped: on a busy machine, or a slow file system, that takes
milliseconds or more. The kernel holds the thread that asks for it until then, so on the loop's own thread all other
actions would wait, and processes would start one after the other.
"""

import asyncio
import os
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from stretto.actors.actions.process_user import ProcessUser


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start.

    Attributes:
        argv: The program and its arguments.
        environment: The whole environment.
        cwd: The working directory, or None for that of this process.
        stdin: The standard input, or None for an empty one.
        user: The user as whom it runs, or None for that of this process.
    """

    argv: Sequence[str]
    environment: dict[str, str]
    cwd: str | None = None
    stdin: bytes | None = None
    user: ProcessUser | None = None


class Spawned(NamedTuple):
    """A process that has started, with a descriptor that its owner closes.

    Attributes:
        process: The process, which leads a session and a process group of its own.
        pidfd: It becomes readable when the process ends.
    """

    process: "subprocess.Popen[bytes]"
    pidfd: int


Read: TypeAlias = Callable[[int, int], object]
"""Takes the ends of the standard output and of the standard error to read from, and closes them in the end."""


async def spawn(command: Command, read: Read) -> Spawned:
    """Start a process, without blocking the loop.

    `read` is called on the loop before the process starts, so that its output is known as soon as there is any: the
    process may be running for a while before the thread that has started it runs again. If nothing starts after all,
    `read` may have been called.

    If the caller is cancelled while the start waits for a thread, nothing starts. If it is cancelled later, the process
    is returned all the same, for its owner to end it, and the cancellation follows at the caller's next `await`.

    Raises:
        OSError: It cannot be started.
    """
    right_to_start = deque([True])
    loop = asyncio.get_running_loop()

    def prepare(stdout: int, stderr: int) -> None:
        loop.call_soon_threadsafe(read, stdout, stderr)

    starting = loop.run_in_executor(None, _start, command, prepare, right_to_start)
    cancellations = 0
    while True:
        try:
            spawned = await asyncio.shield(starting)
            break
        except asyncio.CancelledError:
            if _took(right_to_start):
                raise
            cancellations += 1
    assert spawned is not None  # noqa: S101 - only a caller that is cancelled takes the right to start
    if cancellations and (task := asyncio.current_task()) is not None:
        # The task counts its cancellations: this one takes the place of one that was held back.
        task.uncancel()
        task.cancel()
    return spawned


def _took(right_to_start: "deque[bool]") -> bool:
    """Take the right to start a process, of which there is one; return whether it was still there. Thread-safe."""
    try:
        return right_to_start.pop()
    except IndexError:
        return False


def _start(command: Command, prepare: Read, right_to_start: "deque[bool]") -> Spawned | None:
    if not _took(right_to_start):
        return None
    user = command.user
    ours: list[int] = []
    theirs: list[int] = []
    try:
        for _ in range(2):
            reading, writing = os.pipe2(os.O_CLOEXEC)
            ours.append(reading)
            theirs.append(writing)
        if command.stdin is not None:
            theirs.append(_memory_file(command.stdin))
        prepare(*ours)
        ours.clear()
        process = subprocess.Popen(  # noqa: S603 - running commands is what core.local is for
            command.argv,
            env=command.environment if user is None else user.own(command.environment),
            cwd=command.cwd,
            stdin=subprocess.DEVNULL if command.stdin is None else theirs[-1],
            stdout=theirs[0],
            stderr=theirs[1],
            start_new_session=True,
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else user.groups,
        )
        return Spawned(process, _pidfd(process))
    finally:
        for descriptor in (*ours, *theirs):
            os.close(descriptor)


def _pidfd(process: "subprocess.Popen[bytes]") -> int:
    try:
        return os.pidfd_open(process.pid)
    except OSError:
        process.kill()
        process.wait()
        raise


def _memory_file(data: bytes) -> int:
    """Return a descriptor of an unnamed file in memory. A pipe would need a writer and could fill up."""
    descriptor = os.memfd_create("stdin", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
