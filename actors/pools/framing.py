"""Messages on a stream of bytes: the length in four bytes, then the message. The length is bounded."""

import socket
import struct
from collections.abc import Callable
from typing import Final, Protocol

from stretto.actors.pools.messages import MAX_FRAME_BYTES, InvalidMessage

PORTION_BYTES: Final = 1024 * 1024
"""A long message is read in portions of so many bytes, each of which is a sign of life."""
_HEAD: Final = struct.Struct(">I")


class Stream(Protocol):
    """A stream to read from."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or fewer at the end."""


def read_frame(stream: Stream, heard: Callable[[], object]) -> bytes | None:
    """Return the next message, or None at the end.

    Args:
        stream: The stream.
        heard: Called for each portion of a long message but the last one.

    Raises:
        InvalidMessage: It is too long, or breaks off.
        OSError: The stream cannot be read.
    """
    head = stream.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise InvalidMessage("the stream breaks off within a message")
    (length,) = _HEAD.unpack(head)
    if length > MAX_FRAME_BYTES:
        raise InvalidMessage(f"a message must have at most {MAX_FRAME_BYTES:,} bytes, got {length:,}")
    if length <= PORTION_BYTES:
        return _portion(stream, length)
    portions = []
    for begin in range(0, length, PORTION_BYTES):
        if begin:
            heard()
        portions.append(_portion(stream, min(PORTION_BYTES, length - begin)))
    return b"".join(portions)


def _portion(stream: Stream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise InvalidMessage("the stream breaks off within a message")
    return data


def write_frame(channel: socket.socket, data: bytes) -> None:
    """Write a message. Raises OSError.

    A short one is written at once: each call lets go of the interpreter, and has to wait for it again.
    """
    head = _HEAD.pack(len(data))
    if len(data) <= PORTION_BYTES:
        channel.sendall(head + data)
    else:
        channel.sendall(head)
        channel.sendall(data)
