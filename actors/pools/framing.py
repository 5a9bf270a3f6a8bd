"""Messages on a stream of bytes: the length in four bytes, then the message. The length is bounded."""

import socket
import struct
from typing import Final, Protocol

from stretto.actors.pools.messages import MAX_FRAME_BYTES, InvalidMessage

_HEAD: Final = struct.Struct(">I")


class Stream(Protocol):
    """A stream to read from."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or fewer at the end."""


def read_frame(stream: Stream) -> bytes | None:
    """Return the next message, or None at the end.

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
    data = stream.read(length)
    if len(data) < length:
        raise InvalidMessage("the stream breaks off within a message")
    return data


def write_frame(channel: socket.socket, data: bytes) -> None:
    """Write a message. Raises OSError."""
    channel.sendall(_HEAD.pack(len(data)))
    channel.sendall(data)
