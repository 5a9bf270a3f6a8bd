"""Frames: a length of 8 bytes, big-endian, then so many bytes."""

import socket
from typing import Final

HEAD_BYTES: Final = 8
TOKEN_BYTES: Final = 8
"""How many bytes before a call its answer must repeat."""
MAX_FRAME_BYTES: Final = 2**30
"""The largest frame: as large as data can be."""


class FrameTooLarge(Exception):
    """A frame says that it has more than `MAX_FRAME_BYTES`."""


def send_frame(connection: socket.socket, data: bytes) -> None:
    """Send a frame. Raises `OSError` if the other end is gone, and `FrameTooLarge`."""
    if len(data) > MAX_FRAME_BYTES:
        raise FrameTooLarge(f"{len(data):,} bytes are more than the {MAX_FRAME_BYTES:,} of a frame")
    connection.sendall(len(data).to_bytes(HEAD_BYTES, "big"))
    connection.sendall(data)


def receive_frame(connection: socket.socket) -> bytes | None:
    """Wait for a frame and return it, or None at the end. Raises `FrameTooLarge`, and `OSError`."""
    reader = FrameReader()
    while (frame := reader.frame()) is None:
        if not reader.read(connection):
            return None
    return frame


class FrameReader:
    """Puts frames together from what arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def is_empty(self) -> bool:
        """Whether nothing has arrived that is not part of a frame that was taken."""
        return not self._buffer

    def read(self, connection: socket.socket) -> bool:
        """Read once. Returns False at the end."""
        chunk = connection.recv(2**20)
        self._buffer += chunk
        return bool(chunk)

    def frame(self) -> bytes | None:
        """Take the next frame, or return None if it is not complete. Raises `FrameTooLarge`."""
        if len(self._buffer) < HEAD_BYTES:
            return None
        end = HEAD_BYTES + int.from_bytes(self._buffer[:HEAD_BYTES], "big")
        if end > HEAD_BYTES + MAX_FRAME_BYTES:
            raise FrameTooLarge(f"a frame of {end - HEAD_BYTES:,} bytes")
        if len(self._buffer) < end:
            return None
        taken = bytes(memoryview(self._buffer)[HEAD_BYTES:end])
        del self._buffer[:end]
        return taken
