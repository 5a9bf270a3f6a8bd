"""Messages cut into parts, so that a large one holds up neither beats nor stops. With a key, each part is encrypted.

    message --Outgoing.parts--> parts --a carrier--> Incoming.add --> message

A part names its line and its number, so that none can be left out, moved or sent to another worker.
"""

import threading
from typing import Final

import msgspec

from stretto.actors.journal import Keyring
from stretto.actors.pools.messages import MAX_FRAME_BYTES, InvalidMessage
from stretto.definitions.errors import StrettoError

PART_BYTES: Final = 2 * 1024 * 1024
"""The bytes of a part, before it is encrypted."""
MAX_PART_BYTES: Final = 2 * PART_BYTES
"""The bytes of a part that is taken. Encryption adds a third."""
MAX_PARTS: Final = 1_000
"""The parts of a message that are taken, which may be short. A full message has 128."""


class _Part(msgspec.Struct, frozen=True, array_like=True):
    line: str
    number: int
    last: bool
    data: bytes


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[_Part]] = msgspec.msgpack.Decoder(_Part)


class Outgoing:
    """Cuts the messages of one line into parts. Any thread may call it.

    Args:
        line: The name of the line: the worker, and the direction.
        keys: Encrypts the parts, or None.
    """

    def __init__(self, line: str, keys: Keyring | None) -> None:
        self._line = line
        self._keys = keys
        self._number = 0
        self._lock = threading.Lock()

    def parts(self, data: bytes) -> list[bytes]:
        """Return the parts of a message. They must be sent in this order."""
        with self._lock:
            return [
                self._part(data[begin : begin + PART_BYTES], last=begin + PART_BYTES >= len(data))
                for begin in range(0, max(len(data), 1), PART_BYTES)
            ]

    def _part(self, data: bytes, *, last: bool) -> bytes:
        part = _encoder.encode(_Part(self._line, self._number, last, data))
        self._number += 1
        return part if self._keys is None else self._keys.encrypt(part)


class Incoming:
    """Joins the parts of one line to messages.

    Args:
        line: The name of the line.
        keys: Decrypts the parts, or None.
    """

    def __init__(self, line: str, keys: Keyring | None) -> None:
        self._line = line
        self._keys = keys
        self._number = 0
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> bytes | None:
        """Take a part, and return the message if this is its last one.

        Raises:
            InvalidMessage: It is not the next part, the message is too long, or the key is another one.
        """
        if len(part) > MAX_PART_BYTES:
            raise InvalidMessage(f"a part must have at most {MAX_PART_BYTES:,} bytes, got {len(part):,}")
        try:
            plain = part if self._keys is None else self._keys.decrypt(part)
            found = _decoder.decode(plain)
        except (StrettoError, ValueError) as error:
            raise InvalidMessage(f"not a part of {self._line}, or encrypted with another key: {error}") from None
        if (found.line, found.number) != (self._line, self._number):
            raise InvalidMessage(
                f"expected part {self._number} of {self._line}, got part {found.number} of {found.line}"
            )
        self._number += 1
        self._size += len(found.data)
        if self._size > MAX_FRAME_BYTES:
            raise InvalidMessage(f"a message must have at most {MAX_FRAME_BYTES:,} bytes, got {self._size:,} so far")
        if len(self._parts) >= MAX_PARTS:
            raise InvalidMessage(f"a message must have at most {MAX_PARTS:,} parts (MAX_PARTS)")
        self._parts.append(found.data)
        if not found.last:
            return None
        data, self._parts, self._size = b"".join(self._parts), [], 0
        return data


def line_to(worker: str) -> str:
    """Return the name of the line from a pool to a worker."""
    return f"to {worker}"


def line_from(worker: str) -> str:
    """Return the name of the line from a worker to its pool."""
    return f"from {worker}"
