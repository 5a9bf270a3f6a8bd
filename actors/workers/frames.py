"""Frames: a head with the kind, the number of the call and the length, then so many bytes."""

import socket
import struct
from typing import Final, NamedTuple

CALL: Final = 1
ANSWER: Final = 2
LOG: Final = 3
ASK: Final = 4
REPLY: Final = 5
READY: Final = 6
_KINDS: Final = frozenset({CALL, ANSWER, LOG, ASK, REPLY, READY})

UNFIT: Final = 1
"""The flag of an answer after which the worker must end: its call has left a process behind."""
HEAD: Final = struct.Struct(">BBIQQ")
CHUNK_BYTES: Final = 65_536
"""How much is read at once. A frame with more data is read into a buffer of its own, without another copy."""
FIRST_ROOM_BYTES: Final = 16 * 1024 * 1024
"""The first size of that buffer, which grows as data arrive."""
MAX_FRAME_BYTES: Final = 2**30
"""The largest frame: as large as data can be."""


class BrokenFrames(Exception):
    """A frame has an unknown kind, or more than `MAX_FRAME_BYTES`."""


class Frame(NamedTuple):
    """A message between a daemon and a worker.

    Attributes:
        kind: `CALL` and `REPLY` come from the daemon, the others from the worker.
        flags: `UNFIT`, or 0.
        microseconds: How long the call took, if it is an answer.
        number: The number of the call.
        data: The data.
    """

    kind: int
    flags: int
    microseconds: int
    number: int
    data: bytes | bytearray


def head(kind: int, number: int, length: int, flags: int = 0, microseconds: int = 0) -> bytes:
    """Return the head of a frame. Raises `BrokenFrames` if it has too much data."""
    if length > MAX_FRAME_BYTES:
        raise BrokenFrames(f"{length:,} bytes are more than the {MAX_FRAME_BYTES:,} of a frame")
    return HEAD.pack(kind, flags, min(microseconds, 2**32 - 1), number, length)


class FrameReader:
    """Puts frames together from what arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._begun: Frame | None = None
        self._length = 0
        self._room = memoryview(b"")

    @property
    def is_empty(self) -> bool:
        """Whether nothing has arrived that is not part of a frame that was taken."""
        return self._begun is None and self._at == len(self._buffer)

    def read(self, connection: socket.socket) -> bool:
        """Read once. Returns False at the end. Raises `OSError`."""
        if self._begun is not None:
            if not self._room:
                self._grow(self._begun)
            count = connection.recv_into(self._room)
            self._room = self._room[count:]
            return count > 0
        chunk = connection.recv(CHUNK_BYTES)
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += chunk
        return bool(chunk)

    def frame(self) -> Frame | None:
        """Take the next frame, or return None if it is not complete. Raises `BrokenFrames`."""
        if self._begun is not None:
            if self._room or len(self._begun.data) < self._length:
                return None
            taken, self._begun = self._begun, None
            return taken
        begins = self._at + HEAD.size
        if len(self._buffer) < begins:
            return None
        kind, flags, microseconds, number, length = HEAD.unpack_from(self._buffer, self._at)
        if kind not in _KINDS or length > MAX_FRAME_BYTES:
            raise BrokenFrames(f"a frame of the kind {kind} with {length:,} bytes")
        if len(self._buffer) >= begins + length:
            self._at = begins + length
            data = bytes(memoryview(self._buffer)[begins : self._at])
            return Frame(kind, flags, microseconds, number, data)
        if length > CHUNK_BYTES:
            room = bytearray(min(length, FIRST_ROOM_BYTES))
            self._length = length
            self._begin_large(Frame(kind, flags, microseconds, number, room), begins)
        return None

    def _grow(self, frame: Frame) -> None:
        """Double the buffer of a large frame: a head alone, which may be wrong, must not take a gigabyte."""
        assert isinstance(frame.data, bytearray)  # noqa: S101 - for the type checker
        filled = len(frame.data)
        self._room.release()
        frame.data.extend(bytes(min(self._length - filled, filled)))
        self._room = memoryview(frame.data)[filled:]

    def _begin_large(self, frame: Frame, begins: int) -> None:
        """Move what has arrived of a large frame to a buffer of its own, into which the rest is read."""
        arrived = len(self._buffer) - begins
        self._room = memoryview(frame.data)
        self._room[:arrived] = self._buffer[begins:]
        self._room = self._room[arrived:]
        self._begun = frame
        self._buffer = bytearray()
        self._at = 0
