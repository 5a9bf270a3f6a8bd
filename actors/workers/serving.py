"""The worker's side: calls a handler for each frame, until its daemon ends."""

import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress


def serve(channel: int, max_bytes: int | None, handler: Callable[[bytes], bytes]) -> None:
    """Answer calls until the other end is closed. The process ends at once when its standard input does.

    Args:
        channel: The descriptor of the socket with the frames.
        max_bytes: The most memory that the process may take, or None.
        handler: Takes a call and returns its answer. It raises nothing.
    """
    from stretto.actors.workers.frames import TOKEN_BYTES, receive_frame, send_frame  # noqa: PLC0415 - the path was just set

    if max_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    threading.Thread(target=_end_with_the_daemon, args=(_taken_stdin(),), daemon=True).start()
    connection = socket.socket(fileno=channel)
    # A process that a call starts must not keep the daemon waiting for the end of this one.
    connection.set_inheritable(False)
    while (call := receive_frame(connection)) is not None:
        answer = handler(call[TOKEN_BYTES:])
        _flush()
        send_frame(connection, call[:TOKEN_BYTES] + answer)


def _taken_stdin() -> int:
    """Return a descriptor of the standard input, in whose place is nothing: calls are not to read it."""
    kept = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return kept


def _end_with_the_daemon(stdin: int) -> None:
    while os.read(stdin, 1):
        pass
    os._exit(1)


def _flush() -> None:
    """Send what the call has printed before its answer."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a call may have put anything in the stream's place
            stream.flush()
