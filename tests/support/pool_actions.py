"""Actions for workers of pools."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import structlog

from stretto.actors.actions import ActionFailed, action


@action("pooled.greet")
def greet(text: str) -> dict[str, object]:
    """Return the text and the process."""
    return {"text": text, "process": os.getpid()}


@action("pooled.measure")
def measure(value: list[object]) -> int:
    """Return the length of a list."""
    return len(value)


@action("pooled.identify")
def identify(value: list[object]) -> dict[str, int]:
    """Return which object a value is, and in which process."""
    return {"process": os.getpid(), "value": id(value)}


@action("pooled.fail")
def fail(text: str) -> None:
    """Print something, and fail."""
    sys.stdout.write("about to fail\n")
    raise ActionFailed(text, result={"text": text}, retry_after=0.0)


@action("pooled.crash_once")
def crash_once(mark: str) -> str:
    """End the process, but not if the file is there."""
    path = Path(mark)
    if not path.exists():
        path.write_text("crashed")
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@action("pooled.crash")
def crash(mark: str) -> None:
    """Append to a file, and end the process."""
    with Path(mark).open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


@action("pooled.crash_or_greet")
def crash_or_greet(text: str, mark: str) -> str:
    """End the process if the text is "poison"."""
    if text == "poison":
        crash(mark)
    return text


@action("pooled.freeze_once")
def freeze_once(mark: str) -> str:
    """Stop the process, but not if the file is there."""
    path = Path(mark)
    if not path.exists():
        path.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
        threading.Event().wait()  # the signal may come to this thread a moment later
    return "done"


@action("pooled.hang")
async def hang(mark: str) -> None:
    """Write a file, and wait for ever."""
    await asyncio.to_thread(Path(mark).write_text, "hangs")
    await asyncio.Event().wait()


@action("pooled.wait_in_thread")
def wait_in_thread(mark: str) -> None:
    """Write a file, and wait on a thread for ever."""
    Path(mark).write_text("hangs")
    threading.Event().wait(3_600)
    time.sleep(0)


@action("pooled.fork_and_crash")
def fork_and_crash(mark: str) -> None:
    """Leave a process behind that holds all that this one holds, and end this one."""
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.pause()
    with Path(mark).open("a") as file:
        file.write(f"{child} ")
    os.kill(os.getpid(), signal.SIGKILL)


@action("pooled.log")
def log(text: str) -> str:
    """Log a text in three ways, and print it."""
    logging.getLogger("ops").warning("by logging: %s", text)
    structlog.get_logger("ops").warning("by structlog", text=text)
    logging.getLogger("ops").error("by exception", exc_info=ValueError(text))
    sys.stdout.write(f"printed {text}\n")
    return "done"


@action("pooled.print_and_wait")
def print_and_wait(text: str, mark: str) -> None:
    """Print a text, wait for a file, and print more."""
    sys.stdout.write(f"{text}\n")
    while not Path(mark).exists():
        time.sleep(0.01)
    sys.stdout.write("done\n")


@action("pooled.wait_for_file")
def wait_for_file(text: str, mark: str) -> str:
    """Say that it begins if somebody listens, wait for a file, and return the text."""
    with contextlib.suppress(OSError):
        descriptor = os.open(f"{mark}.began", os.O_WRONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "w") as pipe:
            pipe.write(text)
    while not Path(mark).exists():
        time.sleep(0.01)
    return text


@action("pooled.note_and_wait")
def note_and_wait(text: str, starts: str, mark: str) -> str:
    """Append the text to a file, wait for another file, and return the text."""
    with Path(starts).open("a") as file:
        file.write(f"{text}\n")
    while not Path(mark).exists():
        time.sleep(0.01)
    return text


@action("pooled.leak")
def leak(text: str, mark: str) -> str:
    """Write a text in each way that a function has, wait for a file, and return more of the text."""
    _write_everywhere(text)
    thread = threading.Thread(target=_write_everywhere, args=(text,))
    thread.start()
    thread.join()
    while not Path(mark).exists():
        time.sleep(0.01)
    return text * 20_000


def _write_everywhere(text: str) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.write(f"{text}\n")
        stream.flush()
    logging.getLogger("ops").error("by logging: %s", text)
    structlog.get_logger("ops").error("by structlog", text=text)
    for descriptor in (1, 2):
        os.write(descriptor, f"{text}\n".encode())
    subprocess.run(["/bin/sh", "-c", 'echo "$TEXT"; echo "$TEXT" >&2'], env={"TEXT": text}, check=True)
